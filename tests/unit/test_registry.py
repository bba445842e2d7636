"""Handlers are looked at once, when they are registered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from asyncendpoints import AsyncEndpoints, ConfigurationError, HandlerUnknown, JobContext, Result


@dataclass
class Welcome:
    name: str


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """An application's jobs, not started."""
    return AsyncEndpoints("memory://")


def test_a_handler_is_named_after_its_function_unless_told_otherwise(jobs: AsyncEndpoints) -> None:
    """The default name is the function's; the decorator takes another one, and returns the function itself."""

    @jobs.handler
    def send(job: JobContext[Welcome]) -> None: ...

    @jobs.handler("welcome-email", queue="mail")
    async def other() -> None: ...

    assert jobs.registry.names == ("send", "welcome-email")
    assert jobs.registry.queues == ("default", "mail")
    assert jobs.registry.of(send) is jobs.registry.get("send")
    assert not jobs.registry.get("send").is_async
    assert jobs.registry.get("welcome-email").is_async


def test_a_duplicate_name_is_refused(jobs: AsyncEndpoints) -> None:
    """Two handlers cannot share a name."""
    jobs.handler("one")(lambda: None)
    with pytest.raises(ConfigurationError, match="already registered; give one of them another name"):
        jobs.handler("one")(lambda: None)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 129])
def test_a_name_that_cannot_be_shown_is_refused(jobs: AsyncEndpoints, name: str) -> None:
    """Names are short and printable."""
    with pytest.raises(ConfigurationError, match="name must be"):
        jobs.handler(name)(lambda: None)


def test_an_unknown_handler_is_an_error(jobs: AsyncEndpoints) -> None:
    """Neither a name nor a function that was never registered is found."""
    with pytest.raises(HandlerUnknown, match="nobody"):
        jobs.registry.get("nobody")
    with pytest.raises(HandlerUnknown):
        jobs.registry.of(print)
    assert jobs.registry.find("nobody") is None


def test_the_payload_is_what_the_context_says(jobs: AsyncEndpoints) -> None:
    """`JobContext[Welcome]` is read once, also where the annotation is a text about local names."""

    @dataclass
    class Local:
        x: int

    def typed(job: JobContext[Welcome]) -> list[int]: ...
    def local(job: JobContext[Local]) -> None: ...
    def bare(job: JobContext) -> None: ...
    def unannotated(job) -> None: ...  # type: ignore[no-untyped-def]
    def nothing() -> Result: ...

    found = {}
    for function in (typed, local, bare, unannotated, nothing):
        jobs.handler(function)
        handler = jobs.registry.of(function)
        found[handler.name] = (handler.payload.annotation, handler.takes_context)
    assert found == {
        "typed": (Welcome, True),
        "local": (Local, True),
        "bare": (Any, True),
        "unannotated": (Any, True),
        "nothing": (Any, False),
    }
    assert jobs.registry.get("typed").result.annotation == list[int]
    assert jobs.registry.get("nothing").result.annotation is Any


def test_what_cannot_be_a_handler_is_refused_with_a_remedy(jobs: AsyncEndpoints) -> None:
    """Generators, further parameters and parameters of other types are errors that say what to do."""

    def generator(job: JobContext[int]):
        yield 1

    async def async_generator():
        yield 1

    def two(job: JobContext[int], more: int) -> None: ...
    def other(number: int) -> None: ...
    def keyword(*, job: JobContext[int]) -> None: ...
    def opaque(job: JobContext[AsyncEndpoints]) -> None: ...

    for function, remedy in (
        (generator, "return the result"),
        (async_generator, "return the result"),
        (two, "must take one JobContext"),
        (other, "must take one JobContext"),
        (keyword, "must take one JobContext"),
        (opaque, "cannot be read from JSON"),
    ):
        with pytest.raises(ConfigurationError, match=remedy):
            jobs.handler(function)


def test_objects_methods_and_partials_are_handlers_too(jobs: AsyncEndpoints) -> None:
    """Whatever can be called with a context will do; parameters with defaults are left alone."""

    class Sender:
        async def __call__(self, job: JobContext[Welcome]) -> None: ...

        def method(self, job: JobContext[Welcome], retries: int = 3) -> None: ...

    async def bound(prefix: str, job: JobContext[Welcome]) -> None: ...

    jobs.handler("object")(Sender())
    jobs.handler("method")(Sender().method)
    jobs.handler("partial")(partial(bound, "x"))
    for name, is_async in (("object", True), ("method", False), ("partial", True)):
        handler = jobs.registry.get(name)
        assert (handler.is_async, handler.takes_context, handler.payload.annotation) == (is_async, True, Welcome)


def test_an_object_without_a_hash_is_a_handler_too(jobs: AsyncEndpoints) -> None:
    """It is known by its name and as the object that it is, and an equal one is another."""

    @dataclass
    class Sender:
        prefix: str = ""

        async def __call__(self, job: JobContext[Welcome]) -> None: ...

    sender = Sender()
    jobs.handler("first")(sender)
    assert jobs.registry.of(sender) is jobs.registry.get("first")
    with pytest.raises(HandlerUnknown):
        jobs.registry.of(Sender())
