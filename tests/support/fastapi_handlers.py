"""Handlers of FastAPI without an application: registered, wrapped, and given their arguments."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from asyncendpoints.http.fastapi import make_endpoint
from asyncendpoints.policy import make_policy
from asyncendpoints.registry import Registry
from asyncendpoints.request import StoredRequest, decode_request, encode_request
from asyncendpoints.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.fastapi.extraction import FastAPIArguments
    from asyncendpoints.registry import Handler


def make_engine(**settings: Any) -> Engine:
    """Return as much of an engine as decoration needs."""
    return cast("Engine", SimpleNamespace(registry=Registry(), settings=Settings(**settings)))


def endpoint(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    engine: Engine | None = None,
    app: Any = None,
    **policy: Any,
) -> Any:
    """Return the wrapper of a handler."""
    return make_endpoint(
        function,
        engine=engine or make_engine(),
        policy=make_policy(**policy),
        name=name,
        application=lambda: app,
    )


def handler_of(wrapper: Any) -> Handler:
    """Return the registered handler behind a wrapper."""
    return wrapper.__asyncendpoint__.handler


def arguments_of(wrapper: Any) -> FastAPIArguments:
    """Return the argument source behind a wrapper."""
    return cast("FastAPIArguments", handler_of(wrapper).arguments)


async def resolved(
    wrapper: Any, request: StoredRequest, payload: bytes | None = None, context: Any = None
) -> dict[str, Any]:
    """Return the keyword arguments of the handler in the worker, after a trip through the store."""
    stored = decode_request(encode_request(request))
    async with AsyncExitStack() as stack:
        positional, named = await arguments_of(wrapper).resolve(context, stored, payload, stack)
    assert positional == ()
    return named
