"""What a visitor of the dashboard may see and do."""

from __future__ import annotations

from enum import Flag, auto


class Grant(Flag):
    """What a visitor may; whoever may anything may read.

    `READ` is every view, without what jobs were given and what they returned; `ACT` is every action; `BODIES` shows
    payloads, results and the values of request parameters and headers.
    """

    READ = auto()
    ACT = auto()
    BODIES = auto()

    @property
    def acts(self) -> bool:
        """Whether actions are granted."""
        return Grant.ACT in self

    @property
    def sees_bodies(self) -> bool:
        """Whether payloads and results are shown."""
        return Grant.BODIES in self
