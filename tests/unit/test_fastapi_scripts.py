"""`jobs.submit` reaches FastAPI handlers: it stores what a request of the same content would have stored."""

# The functions here are data of the tests, written as users write them.
# ruff: noqa: PLR0917

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Body, Depends, FastAPI, Form, Header, Path, Query
from pydantic import BaseModel, Field, SecretStr

from asyncendpoints import AsyncEndpoints, JobContext, JobDepends, MalformedPayload, ValidationFailed
from asyncendpoints.request import StoredRequest
from tests.support.fastapi_handlers import arguments_of, endpoint, resolved

UID = UUID("12345678-1234-5678-1234-567812345678")


class Color(Enum):
    """An enumeration."""

    RED = "red"


class Order(BaseModel):
    """A body."""

    name: str = Field(alias="theName")


class Priority(Order):
    """A body with more than its base."""

    level: int = 0


@dataclass
class Both:
    """Two bodies in one object."""

    order: Order
    number: int


class Number(BaseModel):
    """A body with a number that may be missing."""

    number: float | None = None
    anything: Any = None


class Larger(Number):
    """A body with more than its base."""

    more: int = 0


class Login(BaseModel):
    """A body with a secret."""

    password: SecretStr


@dataclass
class Wrapped:
    """A dataclass around a model."""

    login: Login


class User(BaseModel):
    """What a dependency gives."""

    name: str


def current_user() -> User: ...


async def everything(
    shop: UUID,
    day: Annotated[date, Path()],
    order: Order,
    job: JobContext[Any],
    user: Annotated[User, Depends(current_user)],
    worker: Annotated[str, JobDepends(lambda: "w")],
    colors: Annotated[list[Color], Query()],
    x_trace: Annotated[str, Header()],
    flag: bool = False,
    none: int | None = None,
) -> Any:
    return [shop, day, order.name, user.name, worker, colors, x_trace, flag, none]


async def form(a: Annotated[int, Form()]) -> int:
    return a


async def login(login: Login) -> str:
    return login.password.get_secret_value()


async def two(order: Order, number: Annotated[int, Body()]) -> Any:
    return [order.name, number]


async def defaulted(user: Annotated[User | None, Depends(current_user)] = None) -> Any:
    return user


async def number(number: Number) -> Any:
    return number.number


async def anything(anything: Annotated[Any, Body()]) -> Any:
    return anything


async def raw(raw: Annotated[bytes, Body(media_type="application/octet-stream")]) -> int:
    return len(raw)


async def bare() -> str:
    return "ran"


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """Make the endpoints, each on its route."""
    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)
    for function in (form, login, two, defaulted, number, anything, raw, bare):
        app.post(f"/{function.__name__}")(jobs.endpoint(function))
    app.post("/{shop}/{day}")(jobs.endpoint(everything))
    return jobs


async def result(jobs: AsyncEndpoints, *args: Any, **kwargs: Any) -> bytes | None:
    submission = await jobs.submit(*args, **kwargs)
    job = await jobs.wait(submission.job.job_id, 20)
    assert job.state == "completed", job.error
    return job.result


async def test_a_script_gives_what_a_request_would(jobs: AsyncEndpoints) -> None:
    """Path, query, headers, body and dependencies' values reach the handler through the same extraction."""
    async with jobs:
        told = await result(
            jobs,
            "everything",
            Order(theName="n"),
            path_params={"shop": UID, "day": date(2026, 11, 22)},
            query={"colors": [Color.RED, "red"], "flag": True, "none": None},
            headers={"X-Trace": "t"},
            values={"user": User(name="ada")},
        )
    assert told == (b'["12345678-1234-5678-1234-567812345678","2026-11-22","n","ada","w",["red","red"],"t",true,null]')


async def test_bodies_of_every_kind_can_be_submitted(jobs: AsyncEndpoints) -> None:
    """A dict, bytes with their media type, several members, nothing; by name or by function."""
    media = {"content-type": "application/x-www-form-urlencoded"}
    async with jobs:
        assert await result(jobs, "form", b"a=3", headers=media) == b"3"
        assert await result(jobs, "login", {"password": "hush"}) == b'"hush"'
        assert await result(jobs, "two", {"order": {"theName": "n"}, "number": 4}) == b'["n",4]'
        assert await result(jobs, "defaulted") is None
        assert await result(jobs, bare) == b'"ran"'


@pytest.mark.parametrize(
    ("name", "payload", "further", "where"),
    [
        ("two", {"number": 1}, {}, ["body", "order"]),
        ("login", None, {}, ["body"]),
        ("bare", None, {"values": {"user": User(name="x")}}, ["dependency", "user"]),
        ("everything", {"theName": "n"}, {}, ["dependency", "user"]),
        ("everything", {"theName": "n"}, {"values": {"user": User(name="x")}}, ["path", "day"]),
        ("login", object(), {}, ["body"]),
        ("bare", None, {"query": {"q": object()}}, ["request"]),
    ],
)
async def test_what_the_handler_does_not_take_is_refused(
    jobs: AsyncEndpoints, name: str, payload: Any, further: dict[str, Any], where: list[Any]
) -> None:
    """The error says where, and nothing is stored."""
    async with jobs:
        with pytest.raises(ValidationFailed) as caught:
            await jobs.submit(name, payload, **further)
        stats = await jobs.engine.store.stats()
    assert list(caught.value.errors[0]["loc"]) == where
    assert not any(count for states in stats.counts.values() for count in states.values())


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("login", Login(password=SecretStr("hush")), r"secrets are masked.*dict"),
        ("login", {"password": SecretStr("hush")}, "a SecretStr cannot be written"),
        ("login", Wrapped(Login(password=SecretStr("hush"))), "secrets are masked"),
        ("number", {"number": float("nan")}, "JSON has no nan"),
        ("number", Number(number=float("inf")), "JSON has no inf"),
        ("number", Larger(number=1, more=2), "those of a subclass are lost"),
        ("number", {"anything": b"\xff"}, "does not survive JSON"),
        ("two", {"order": Priority(theName="n", level=1), "number": 1}, "this Priority does not survive JSON"),
        ("two", Both(order=Priority(theName="n", level=1), number=1), "this Priority does not survive JSON"),
    ],
)
async def test_what_json_would_change_is_refused(jobs: AsyncEndpoints, name: str, payload: Any, message: str) -> None:
    """The checks are those of every other payload: secrets, numbers, subclasses, wherever they stand."""
    async with jobs:
        with pytest.raises(ValidationFailed, match=message):
            await jobs.submit(name, payload)


@pytest.mark.parametrize("body", [b"{", b'{"number":NaN}', b'{"anything":"\\ud800"}', b"[" * 300])
async def test_bytes_of_json_are_checked_as_a_clients_are(jobs: AsyncEndpoints, body: bytes) -> None:
    """What HTTP refuses with 400 is refused here, unless the script says that it is no JSON."""
    async with jobs:
        with pytest.raises(MalformedPayload):
            await jobs.submit("number", body)
        with pytest.raises(MalformedPayload):
            await jobs.submit("number", body, headers={"Content-Type": "application/vnd.api+json"})
        assert await result(jobs, "raw", body, headers={"Content-Type": "application/octet-stream"}) == b"%d" % len(
            body
        )


async def test_whoever_takes_anything_takes_plain_data(jobs: AsyncEndpoints) -> None:
    """A handler that names no type gets what JSON makes of an object."""
    async with jobs:
        assert await result(jobs, "anything", Number(number=1)) == b'{"number":1.0,"anything":null}'


async def test_the_same_key_with_other_parameters_is_another_submission(jobs: AsyncEndpoints) -> None:
    """Path, query and dependencies' values belong to what a key stands for."""
    user = {"values": {"user": User(name="ada")}, "headers": {"x-trace": "t"}, "query": {"colors": "red"}}
    path = {"path_params": {"shop": UID, "day": "2026-11-22"}}
    async with jobs:
        first = await jobs.submit("everything", {"theName": "n"}, idempotency_key="k", **path, **user)
        again = await jobs.submit("everything", {"theName": "n"}, idempotency_key="k", **path, **user)
        assert (again.replayed, again.job.job_id) == (True, first.job.job_id)
        with pytest.raises(Exception, match="different submission"):
            await jobs.submit(
                "everything",
                {"theName": "n"},
                idempotency_key="k",
                path_params={"shop": UID, "day": "2026-11-23"},
                **user,
            )


async def test_a_value_that_was_never_stored_has_its_default_or_fails() -> None:
    """A handler that grew a dependency since the job was stored uses its default, or says what is missing."""
    request = StoredRequest(route="/", path="/")
    assert await resolved(endpoint(defaulted), request) == {"user": None}
    wrapper = endpoint(everything)
    with pytest.raises(ValidationFailed):
        await resolved(wrapper, request)

    async def needs(user: Annotated[User, Depends(current_user)]) -> None: ...

    async with AsyncExitStack() as stack:
        with pytest.raises(ValidationFailed) as caught:
            await arguments_of(endpoint(needs)).resolve(None, request, None, stack)  # type: ignore[arg-type]
    assert caught.value.errors[0]["loc"] == ["dependency", "user"]
