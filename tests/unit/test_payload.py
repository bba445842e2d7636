"""JSON is checked strictly, and payloads and results keep their types."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypedDict
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, Field, SecretStr

from asyncendpoints import ConfigurationError, MalformedPayload, ResultNotSerializable, ValidationFailed
from asyncendpoints.payload import PayloadType, ResultType, check_json


@dataclasses.dataclass
class Address:
    street: str
    number: int = 1


class Person(msgspec.Struct):
    name: str
    addresses: list[Address] = []


class Point(TypedDict):
    x: float
    y: float


class Model(BaseModel):
    amount: Annotated[int, Field(alias="amountCents", ge=0)]


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"01",
        b".5",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'"\x01"',
        b'"\\x41"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'["\\udc00\\ud800"]',
        b'{"\\ud800": 1}',
        b"1e999",
        b"[-1e400]",
        b"9" * 5000,
        b"[1] 2",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 201 + b"]" * 201,
        b'{"a":' * 201 + b"1" + b"}" * 201,
        b'["\\"' + b"[" * 300,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """A body that some reader would misunderstand is malformed, however it is broken."""
    with pytest.raises(MalformedPayload):
        check_json(body, max_depth=200)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b" [1, 2.5e10, true, null] ",
        b'"\\u0000"',
        b'"\\ud83d\\ude00"',
        b"12345678901234567890123456789012345678901234567890",
        b"9" * 4300,
        b"[" * 200 + b"]" * 200,
        b'["' + b"[" * 1000 + b'"]',
        b'["\\\\", "\\"' + b"{" * 1000 + b'"]',
        b"[" + b"[]," * 100_000 + b"1]",
    ],
)
def test_what_is_json_passes(body: bytes) -> None:
    """Brackets within strings, wide arrays, large integers and escapes are all JSON."""
    check_json(body, max_depth=200)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Address, Address("Elm", 3)),
        (Person, Person("Ann", [Address("Elm")])),
        (Point, {"x": 1.0, "y": 2.0}),
        (list[int], [1, 2]),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC)),
        (UUID, UUID(int=7)),
        (Color, Color.RED),
        (Model, Model(amountCents=5)),
        (list[Model], [Model(amountCents=5)]),
        (Any, {"a": [1, None]}),
        (int | None, None),
    ],
)
def test_a_payload_comes_back_as_what_it_was(annotation: Any, value: Any) -> None:
    """What is encoded is decoded to an equal value, whichever library knows the type."""
    kind: PayloadType[Any] = PayloadType(annotation)
    assert kind.decode(kind.encode(value)) == value


@pytest.mark.parametrize(
    ("annotation", "body", "location", "kind"),
    [
        (Address, b"{}", ["body", "street"], "missing"),
        (Address, b'{"street": 1}', ["body", "street"], "type_error"),
        (Person, b'{"name": "A", "addresses": [{"street": "E", "number": "x"}]}',
         ["body", "addresses", 0, "number"], "type_error"),
        (Model, b'{"amountCents": -1}', ["body", "amountCents"], "greater_than_equal"),
        (int, None, ["body"], "missing"),
        (Model, None, ["body"], "missing"),
    ],
)  # fmt: skip
def test_a_misfit_names_its_place(annotation: Any, body: bytes | None, location: list[Any], kind: str) -> None:
    """Field errors say where and what, in one form for both libraries."""
    with pytest.raises(ValidationFailed) as failed:
        PayloadType[Any](annotation).decode(body)
    assert (failed.value.errors[0]["loc"], failed.value.errors[0]["type"]) == (location, kind)


def test_a_misfit_does_not_repeat_what_was_sent() -> None:
    """Errors hold no input: it may be secret."""
    with pytest.raises(ValidationFailed) as failed:
        PayloadType[Any](Model).decode(b'{"amountCents": "hunter2"}')
    assert "hunter2" not in json.dumps(failed.value.errors)


def test_a_payload_that_does_not_fit_is_refused_before_it_is_stored() -> None:
    """SUB-2: Encoding checks, so that a script's mistake stores nothing."""
    with pytest.raises(ValidationFailed):
        PayloadType[Any](Address).encode({"street": 5})
    with pytest.raises(ValidationFailed):
        PayloadType[Any](Any).encode(object())


def test_a_type_that_json_cannot_hold_is_refused_at_registration() -> None:
    """The error says which types will do."""

    class Opaque: ...

    @dataclasses.dataclass
    class Holder:
        inner: Opaque

    for annotation in (Opaque, list[Opaque], Holder):
        with pytest.raises(ConfigurationError, match="cannot be read from JSON"):
            PayloadType[Any](annotation)


def test_schemas_are_those_of_the_types() -> None:
    """A payload's type tells its JSON Schema."""
    assert "amountCents" in json.dumps(PayloadType[Any](Model).schema())
    assert "street" in json.dumps(PayloadType[Any](Address).schema())
    assert PayloadType[Any](Any).schema() == {}
    assert "street" in json.dumps(ResultType(Address).schema())
    assert "amountCents" in json.dumps(ResultType(Model).schema())
    assert ResultType().schema() == {}


def test_results_of_every_usual_kind_are_written() -> None:
    """Models, dataclasses, dates, decimals and identifiers become JSON wherever they stand."""
    value = {
        "model": Model(amountCents=1),
        "address": Address("Elm"),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "sum": Decimal("1.10"),
        "id": UUID(int=0),
        "set": {1},
        "bytes": b"\x00",
        "color": Color.RED,
    }
    assert json.loads(ResultType().encode(value) or b"") == {
        "model": {"amountCents": 1},
        "address": {"street": "Elm", "number": 1},
        "at": "2026-01-02T00:00:00Z",
        "sum": "1.10",
        "id": "00000000-0000-0000-0000-000000000000",
        "set": [1],
        "bytes": "AA==",
        "color": "red",
    }


def test_a_result_model_filters_what_a_handler_returns() -> None:
    """As with FastAPI's response models, only the declared fields leave."""

    class Internal(Model):
        secret: SecretStr = SecretStr("x")

    assert ResultType(Model).encode({"amountCents": 3, "more": 4}) == b'{"amountCents":3}'
    assert ResultType(list[Model]).encode([Internal(amountCents=3)]) == b'[{"amountCents":3}]'


def test_a_result_that_json_cannot_hold_is_refused() -> None:
    """Whatever goes wrong while a result is written is one error."""

    class Hostile:
        def model_dump_json(self, **_: Any) -> str:
            raise RuntimeError("no")

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (object(), Hostile(), "\ud800", deep, {1: object()}, print):
        with pytest.raises(ResultNotSerializable):
            ResultType().encode(value)
    with pytest.raises(ResultNotSerializable):
        ResultType(Model).encode({"amountCents": "many"})
