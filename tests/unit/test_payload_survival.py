"""What a script submits comes back from JSON as it was, or is refused; nothing is changed in silence."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, NewType
from uuid import UUID, uuid4

import msgspec
import pytest
from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from asyncendpoints import ConfigurationError, ResultNotSerializable, ValidationFailed
from asyncendpoints.payload import PayloadType, ResultType

INF, NAN = float("inf"), float("nan")


class Secret(BaseModel):
    name: str
    token: SecretStr


class Aliased(BaseModel):
    x: int = Field(default=0, validation_alias="a", serialization_alias="b")


class Excluded(BaseModel):
    x: int = 0
    y: int = Field(default=0, exclude=True)


class Plain(BaseModel):
    x: int = 0


class More(Plain):
    y: int = 1


class Made(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    _lock: object = PrivateAttr(default_factory=object)


class Spelled(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")
    number: float
    nothing: None = None


class Numbers(BaseModel):
    number: float | None = None
    anything: Any = None


class Constants(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    number: float


class Incomparable(BaseModel):
    x: int = 0

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass
class Base:
    x: int = 0


@dataclasses.dataclass
class Derived(Base):
    y: int = 1


@dataclasses.dataclass(eq=False)
class WithoutEquality:
    x: float = 0.0


@dataclasses.dataclass
class Positive:
    n: Annotated[int, Field(gt=0)]


class PositivePair(NamedTuple):
    n: Annotated[int, Ge(1)]


class Meta(msgspec.Struct):
    n: Annotated[int, msgspec.Meta(gt=0)]


class Ignored(msgspec.Struct):
    n: Annotated[int, Field(gt=0)]


class HoldsModel(msgspec.Struct):
    model: Plain


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Secret, Secret(name="n", token=SecretStr("t"))),
        (list[Secret], [Secret(name="n", token=SecretStr("t"))]),
        (dict[str, Secret], {"a": Secret(name="n", token=SecretStr("t"))}),
        (Any, {"a": Secret(name="n", token=SecretStr("t"))}),
        (Aliased, Aliased(a=5)),  # type: ignore[call-arg]
        (Excluded, Excluded(x=1, y=2)),
        (Plain, More()),
        (list[Plain], (More(),)),
        (Base, Derived()),
        (list[Base], [Derived()]),
    ],
)
def test_an_object_that_json_would_change_is_refused(annotation: Any, value: Any) -> None:
    """Masked secrets, lost fields and other aliases are told to whoever submits, with what to do instead."""
    with pytest.raises(ValidationFailed, match=r"^this \w+ does not survive JSON.*submit a dict"):
        PayloadType[Any](annotation).encode(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Secret, {"name": "n", "token": "t"}),
        (Aliased, {"a": 5}),
        (Aliased, Aliased()),
        (Excluded, Excluded(x=1)),
        (Excluded, {"x": 1, "y": 2}),
        (Made, Made()),
        (Made, {}),
        (list[Made], [Made(), {}]),
        (Spelled, Spelled(number=NAN)),
        (Incomparable, Incomparable()),
        (WithoutEquality, WithoutEquality(0.5)),
        (list[int], (1, 2)),
        (set[int], [1, 1]),
        (list[datetime], ["2026-01-02T00:00:00Z", datetime(2026, 1, 2, tzinfo=UTC)]),
        (dict[int, Base], {1: Base(2)}),
        (Any, Base()),
        (Any, [More(), None]),
        (Plain | More, More()),
    ],
)
def test_what_survives_is_stored(annotation: Any, value: Any) -> None:
    """Plain data, private attributes, factories, NaN as a string and odd equalities are no reason to refuse."""
    kind: PayloadType[Any] = PayloadType(annotation)
    kind.decode(kind.encode(value))


@pytest.mark.parametrize(
    ("annotation", "value", "where"),
    [
        (Any, NAN, r"nan \(\$\)"),
        (Any, {"a": [1, -INF]}, r"-inf \(\$\.a\[1\]\)"),
        (float | None, NAN, "nan"),
        (WithoutEquality, WithoutEquality(INF), r"inf \(\$\.x\)"),
        (Numbers, Numbers(number=NAN), r"nan \(\$\.number\)"),
        (Numbers, Numbers(anything={"a": INF}), r"inf \(\$\.anything\.a\)"),
        (Constants, Constants(number=INF), r"inf \(\$\.number\)"),
        (list[Numbers], [Numbers(number=NAN)], r"nan \(\$.*\.number\)"),
    ],
)
def test_a_number_that_json_does_not_have_is_named(annotation: Any, value: Any, where: str) -> None:
    """NaN and the infinities are refused as payloads and as results, and never become null."""
    with pytest.raises(ValidationFailed, match=f"^JSON has no {where}"):
        PayloadType[Any](annotation).encode(value)
    with pytest.raises(ResultNotSerializable, match=f"^JSON has no {where}"):
        ResultType(annotation).encode(value)
    with pytest.raises(ResultNotSerializable, match=f"^JSON has no {where}"):
        ResultType().encode(value)


@pytest.mark.parametrize(
    "value", [None, [None], "null", {"NaN": "Infinity", "a": None}, {1: None, NAN: 1}, Spelled(number=NAN), Numbers()]
)
def test_a_null_that_was_meant_is_written(value: Any) -> None:
    """Nulls, and strings that look like what is refused, are what they are."""
    ResultType().encode(value)
    ResultType(Any).encode(value)


@pytest.mark.parametrize(
    ("annotation", "body"),
    [
        (Annotated[int, Field(gt=0)], b"-5"),
        (Annotated[int, Ge(1)], b"0"),
        (list[Annotated[int, Field(gt=0)]], b"[-5]"),
        (NewType("Count", Annotated[int, Field(gt=0)]), b"-5"),  # type: ignore[valid-newtype]
        (Positive, b'{"n": -5}'),
        (list[Positive], b'[{"n": -5}]'),
        (PositivePair, b"[0]"),
        (Meta, b'{"n": -5}'),
        (Annotated[int, msgspec.Meta(gt=0)], b"-5"),
    ],
)
def test_a_constraint_holds_wherever_it_stands(annotation: Any, body: bytes) -> None:
    """Constraints of pydantic and annotated_types are pydantic's to keep, `msgspec.Meta` is msgspec's."""
    with pytest.raises(ValidationFailed):
        PayloadType[Any](annotation).decode(body)


def test_a_constraint_that_would_have_no_effect_is_refused() -> None:
    """A Struct does not know pydantic's constraints; the error says what to write."""
    with pytest.raises(ConfigurationError, match=r"write msgspec\.Meta"):
        PayloadType[Any](Ignored)
    assert ResultType(HoldsModel).encode(HoldsModel(Plain())) == b'{"model":{"x":0}}'
