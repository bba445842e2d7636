"""`asyncendpoints doctor` and `asyncendpoints fsck`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from asyncendpoints.commands.targets import add_target, find_engine
from asyncendpoints.doctor import run_doctor, run_fsck

if TYPE_CHECKING:
    import argparse

    from asyncendpoints.commands.family import Commands


def add_examination(commands: Commands) -> None:
    """Add both commands."""
    for name, examine, purpose, found in (
        (
            "doctor",
            run_doctor,
            "run a job through, and say what an accepted job survives and what may cost it",
            "risks were found",
        ),
        ("fsck", run_fsck, "compare the store's records and indexes with each other", "something does not fit"),
    ):
        examiner = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=f"Exit codes: 0 all is well; 1 the store does not answer; 2 a mistake in the command line or the "
            f"configuration; 4 {found}.",
        )
        add_target(examiner)
        examiner.add_argument("--json", action="store_true", help="for programs to read")
        examiner.set_defaults(run=_examine, examine=examine)


def _examine(options: argparse.Namespace) -> int:
    code, text = options.examine(find_engine(options.target), as_json=options.json)
    sys.stdout.write(text)
    return code
