"""`asyncendpoints migrate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from asyncendpoints.commands.targets import add_target, find_jobs
from asyncendpoints.migrate_command import run_migrate
from asyncendpoints.store_urls import open_store
from asyncendpoints.stores.versions import BASE, HEAD

if TYPE_CHECKING:
    import argparse

    from asyncendpoints.commands.family import Commands


def add_migration(commands: Commands) -> None:
    """Add the command."""
    purpose = "take the tables of a SQL store to the version that this release needs"
    migrate = commands.add_parser(
        "migrate",
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}, or to another one.",
        epilog="Exit codes: 0 done, or nothing was to be done; 1 the database cannot be used; 2 a mistake in the "
        "command line or the configuration; 4 with --check, the tables have another version than this release needs.",
    )
    migrate.set_defaults(run=_migrate)
    add_target(migrate)
    migrate.add_argument(
        "--to",
        metavar="VERSION",
        default=HEAD,
        help=f"a version, or {HEAD}, the default; {BASE} drops the tables with all jobs",
    )
    instead = migrate.add_mutually_exclusive_group()
    instead.add_argument("--sql", action="store_true", help="print the statements, and execute none")
    instead.add_argument("--check", action="store_true", help="say which version the tables have, and change nothing")


def _migrate(options: argparse.Namespace) -> int:
    target: str = options.target
    place = open_store(target) if "://" in target else find_jobs(target).tables
    code, text = run_migrate(place, to=options.to, only_check=options.check, as_sql=options.sql)
    sys.stdout.write(text)
    return code
