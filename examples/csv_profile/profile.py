"""What there is to say about a CSV table: the work itself, with nothing about jobs or HTTP in it."""

from __future__ import annotations

import csv
import math
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
Kind = Literal["integer", "number", "date", "text", "empty"]


class NotATable(Exception):  # noqa: N818 (named for what the file is not)
    """The file cannot be read as a table; the message says why."""


class Frequency(BaseModel):
    """A value and how often it stands in its column."""

    value: str
    count: int


class ColumnProfile(BaseModel):
    """One column: what it holds, how much is missing, how its values spread."""

    name: str
    kind: Kind
    present: int
    missing: int
    distinct: int
    most_common: list[Frequency]
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    deviation: float | None = None


class Profile(BaseModel):
    """A whole file."""

    filename: str
    rows: int
    columns: list[ColumnProfile]


def read_columns(lines: Iterable[str], delimiter: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the columns of a CSV text.

    Raises:
        NotATable: There is no header, or a row is longer or shorter than it.
    """
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if not header:
            raise NotATable("the file is empty")
        columns: list[list[str]] = [[] for _ in header]
        for row in rows:
            if len(row) != len(header):
                raise NotATable(f"line {rows.line_num} has {len(row)} fields, the header has {len(header)}")
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    except csv.Error as error:
        raise NotATable(f"line {rows.line_num}: {error}") from error
    return header, columns


def profile_column(name: str, values: Sequence[str]) -> ColumnProfile:
    """Return what there is to say about one column."""
    present = [value for value in values if value.strip().lower() not in MISSING]
    counts = Counter(present)
    profile = ColumnProfile(
        name=name,
        kind=kind_of(present),
        present=len(present),
        missing=len(values) - len(present),
        distinct=len(counts),
        most_common=[Frequency(value=value, count=count) for value, count in counts.most_common(3)],
    )
    if profile.kind in {"integer", "number"}:
        numbers = [float(value) for value in present]
        profile.minimum, profile.maximum = min(numbers), max(numbers)
        profile.mean = math.fsum(numbers) / len(numbers)
        profile.deviation = math.sqrt(math.fsum((number - profile.mean) ** 2 for number in numbers) / len(numbers))
    elif present:
        profile.minimum, profile.maximum = min(present), max(present)
    return profile


def kind_of(present: Sequence[str]) -> Kind:
    """Return the narrowest kind that every value fits."""
    if not present:
        return "empty"
    if all(is_integer(value) for value in present):
        return "integer"
    if all(is_number(value) for value in present):
        return "number"
    return "date" if all(is_date(value) for value in present) else "text"


def is_integer(value: str) -> bool:
    """Tell whether a value is a whole number short enough to compute with."""
    digits = value.strip().removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 15


def is_number(value: str) -> bool:
    """Tell whether a value is a finite number."""
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def is_date(value: str) -> bool:
    """Tell whether a value is an ISO 8601 date."""
    try:
        date.fromisoformat(value.strip())
    except ValueError:
        return False
    return True
