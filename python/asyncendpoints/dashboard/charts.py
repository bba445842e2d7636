"""Charts: the numbers of an SVG picture, which a template draws without a style or a script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from asyncendpoints.dashboard.formats import clock_time, duration, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints.dashboard.history import Column

WIDTH: Final = 960
HEIGHT: Final = 120

_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a pointer finds what a column says."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of a day in columns."""

    label: str
    """What it shows, for those who do not see it."""
    top: str
    """What its upper edge stands for."""
    begins: str
    bars: list[Bar]
    lines: list[tuple[str, str]]
    """Kinds, and the paths of lines."""
    spots: list[Spot]
    is_empty: bool


def ended_chart(columns: Sequence[Column]) -> Chart:
    """Return how many jobs ended, stacked by state."""
    top = _ceiling(max((each.completed + each.failed + each.canceled for each in columns), default=0))
    step = WIDTH / max(len(columns), 1)
    bars: list[Bar] = []
    spots: list[Spot] = []
    for place, column in enumerate(columns):
        y = float(HEIGHT)
        for kind, count in (("failed", column.failed), ("canceled", column.canceled), ("completed", column.completed)):
            if count:
                # A single failure among thousands is still to be seen.
                height = max(HEIGHT * count / top, 1.5)
                y = max(y - height, 0.0)
                bars.append(Bar(kind, round(place * step + 1, 1), round(y, 1), round(step - 2, 1), round(height, 1)))
        text = f"{_hour(column)}: {number(column.completed)} completed, {number(column.failed)} failed"
        if column.canceled:
            text += f", {number(column.canceled)} canceled"
        spots.append(Spot(round(place * step, 1), round(step, 1), text))
    total = sum(each.completed + each.failed + each.canceled for each in columns)
    failed = sum(each.failed for each in columns)
    label = f"Jobs that ended in the last day: {number(total)}, of which {number(failed)} failed"
    return Chart(label, number(top), clock_time(columns[0].begins_at), bars, [], spots, is_empty=not bars)


def times_chart(
    columns: Sequence[Column], what: str, of: Callable[[Column], tuple[float | None, float | None]]
) -> Chart:
    """Return the median and the 95th percentile of a duration as lines."""
    pairs = [of(column) for column in columns]
    top = _ceiling_ms(max((high for _, high in pairs if high is not None), default=0.0))
    step = WIDTH / max(len(columns), 1)
    lines = [
        (kind, path)
        for kind, index in (("p95", 1), ("p50", 0))
        if (path := _path([pair[index] for pair in pairs], step, top))
    ]
    spots = [
        Spot(
            round(place * step, 1),
            round(step, 1),
            f"{_hour(column)}: p50 {duration(pair[0])}, p95 {duration(pair[1])}",
        )
        for place, (column, pair) in enumerate(zip(columns, pairs, strict=True))
        if pair[1] is not None
    ]
    label = f"{what} in the last day, median and 95th percentile; at most {duration(top)}"
    return Chart(label, duration(top), clock_time(columns[0].begins_at), [], lines, spots, is_empty=not lines)


def _hour(column: Column) -> str:
    return f"{clock_time(column.begins_at)} UTC"


def _path(values: Sequence[float | None], step: float, top: float) -> str:
    """Return a stepped line with a gap where nothing was counted: between quarters of an hour nothing is known."""
    parts: list[str] = []
    drawing = False
    for place, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        y = round(HEIGHT - min(value / top, 1.0) * (HEIGHT - 2) - 1, 1)
        parts.append(f"{'L' if drawing else 'M'}{place * step:.1f} {y}H{(place + 1) * step:.1f}")
        drawing = True
    return "".join(parts)


def _ceiling(value: float) -> float:
    """Return the next round number that is not below."""
    size = 1
    while True:
        for step in _STEPS:
            if step * size >= value:
                return step * size
        size *= 10


def _ceiling_ms(value: float) -> float:
    for unit in (1, 1_000, 60_000, 3_600_000):
        for count in (1, 2, 5, 10, 20, 30, 50, 100, 200, 500):
            if count * unit >= value and (unit > 1_000 or count * unit <= 30_000):
                return float(count * unit)
    return value
