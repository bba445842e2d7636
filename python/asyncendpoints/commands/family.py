"""What a family of commands adds itself to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Commands(Protocol):
    """What `add_subparsers` returns, for which argparse has no public name."""

    def add_parser(self, name: str, *, help: str, description: str, epilog: str | None = None) -> ArgumentParser:  # noqa: A002 (argparse's name)
        """Add a command and return its parser."""
        ...
