"""Histograms of durations: buckets whose bounds grow by a constant factor, so that few of them span ms to hours."""

from __future__ import annotations

from bisect import bisect_left
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUNDS_MS: Final = tuple(2.0 ** (power // 2) * (sqrt(2.0) if power % 2 else 1.0) for power in range(47))
"""The upper bounds in milliseconds, from 1 ms to 2.3 hours; the bucket behind the last one has none.

The core has the same ones; every second one is a power of two, to the last bit.
"""


def bucket_of(duration_ms: float) -> int:
    """Return the number of the bucket of a duration: the first whose bound is not below it."""
    return bisect_left(BOUNDS_MS, duration_ms)


def quantile(counts: Mapping[int, int], part: float) -> float | None:
    """Return the duration in milliseconds below which this part of the counted ones lies, as far as buckets tell.

    Args:
        counts: How many are in each bucket.
        part: 0.5 is the median.

    Returns:
        None where nothing was counted; the greatest bound for what lies above it.
    """
    total = sum(counts.values())
    if not total:
        return None
    wanted, below = part * total, 0
    for bucket in sorted(counts):
        count = counts[bucket]
        if below + count >= wanted:
            upper = BOUNDS_MS[min(bucket, len(BOUNDS_MS) - 1)]
            lower = 0.0 if bucket == 0 else BOUNDS_MS[min(bucket, len(BOUNDS_MS)) - 1]
            return lower + (upper - lower) * (wanted - below) / count
        below += count
    return BOUNDS_MS[-1]
