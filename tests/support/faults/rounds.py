"""How often a fault is tried: seldom with every change, often in the campaign (`make campaign`)."""

from __future__ import annotations

import os
from typing import Final

CAMPAIGN: Final = os.environ.get("FAULTS") == "campaign"
"""Whether this is the long version."""


def rounds(*, usual: int, campaign: int) -> int:
    """Return how often to try."""
    return campaign if CAMPAIGN else usual
