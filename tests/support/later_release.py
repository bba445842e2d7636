"""A release to come, whose tables have one version more: `python -m tests.support.later_release URL [--to VERSION]`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from asyncendpoints import cli
from asyncendpoints.stores.sql import migrating, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = "0002"
VERSIONS = Path(__file__).parent / "later_versions"


@contextmanager
def later_release() -> Iterator[None]:
    """Be that release meanwhile."""
    with (
        mock.patch.object(schema, "VERSION", LATER),
        mock.patch.object(migrating, "VERSIONS", [*migrating.VERSIONS, VERSIONS]),
    ):
        yield


if __name__ == "__main__":
    with later_release():
        sys.exit(cli.main(["migrate", *sys.argv[1:]]))
