"""A request-time dependency's value comes back from its stored JSON as it was."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, Json, computed_field
from typing_extensions import TypedDict

from asyncendpoints.errors import ConfigurationError, ValidationFailed
from asyncendpoints.http.fastapi.values import StoredValue


class Color(Enum):
    RED = "red"


class Aliased(BaseModel):
    given: str = Field(validation_alias=AliasChoices("a", "b"), serialization_alias="out")
    raw: Json[list[int]] = Field(alias="RAW")

    @computed_field
    @property
    def shout(self) -> str:
        return self.given.upper()


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    at: datetime
    amount: Decimal
    tags: frozenset[str]


@dataclass
class Tenant:
    name: str
    born: date
    parts: list[UUID] = field(default_factory=list[UUID])


@dataclass
class Landlord(Tenant):
    houses: int = 2


class Base(BaseModel):
    a: int


class Derived(Base):
    b: int


class Incomparable(Base):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


class Row(NamedTuple):
    first: int
    second: str


class Shape(TypedDict):
    sides: int


UID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (None, None),
        (int, 2**80),
        (str, "\u0000 \U0001f600"),
        (bytes, b"\xff\x00"),
        (float, float("inf")),
        (Color, Color.RED),
        (UUID, UID),
        (timedelta, timedelta(days=3, microseconds=5)),
        (dict[int, set[str]], {1: {"a"}}),
        (tuple[int, ...] | None, (1, 2)),
        (Annotated[Tenant | None, "note"], Tenant("t", date(2026, 11, 22), [UID])),
        (Row, Row(1, "b")),
        (Shape, {"sides": 3}),
        (dict[str, Any], {"a": [1, None, {"b": True}]}),
        (
            Strict,
            Strict(at=datetime(2026, 11, 22, tzinfo=UTC), amount=Decimal("1.10"), tags=frozenset({"x"})),
        ),
        (Aliased, Aliased.model_validate({"a": "v", "RAW": "[1]"})),
        (list[Aliased], [Aliased.model_validate({"b": "v", "RAW": "[1, 2]"})]),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_value_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    """Aliases, computed fields, strictness, infinities and raw bytes survive."""
    stored = StoredValue("p", annotation)
    assert stored.decode(stored.encode(value)) == value


def test_a_value_of_another_type_is_a_mistake_of_the_application() -> None:
    """What is not what the annotation says is not stored."""
    with pytest.raises(ConfigurationError, match=r"'user' gave a Row"):
        StoredValue("user", Tenant).encode(Row(1, "b"))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Tenant, Landlord("t", date(2026, 11, 22))),
        (list[Base], [Derived(a=1, b=2)]),
        (Base | None, Derived(a=1, b=2)),
        (dict[str, Any], {"at": datetime(2026, 11, 22, tzinfo=UTC)}),
        (dict[str, Any], {"id": [UID]}),
        (dict[str, Any], {"raw": b"\xff"}),
        (dict, {1: 2}),
        (Base, Base.model_construct(a="no number")),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_value_that_json_would_change_is_refused(annotation: Any, value: Any) -> None:
    """What a subclass adds, and types that the annotation does not name, would be lost; the remedy is named."""
    with pytest.raises(
        ConfigurationError, match=r"(?s)parameter 'p' gave a .*resolve it in the worker with JobDepends"
    ):
        StoredValue("p", annotation).encode(value)


def test_what_cannot_be_compared_cannot_be_told_to_differ() -> None:
    """A type whose comparison raises is stored; a number that is none is one and the same."""
    incomparable = StoredValue("p", Incomparable)
    assert incomparable.encode(Incomparable(a=1)) == b'{"a":1}'
    assert StoredValue("p", list[float]).encode([float("nan")]) == b"[NaN]"


def test_a_stored_value_that_no_longer_fits_fails_validation() -> None:
    """After a change of the type, the worker says what is missing, by the parameter's name."""
    with pytest.raises(ValidationFailed) as caught:
        StoredValue("tenant", Tenant).decode(b'{"name":"t"}')
    assert caught.value.errors == [
        {"loc": ["dependency", "tenant", "born"], "msg": "Field required", "type": "missing"}
    ]
