"""Asynchronous endpoints for FastAPI.

The decorator stands below the route's, so path, query, body, dependencies and OpenAPI stay FastAPI's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.fastapi.annotations import describe as named
from asyncendpoints.http.fastapi.extraction import FastAPIArguments
from asyncendpoints.http.fastapi.install import install_routes
from asyncendpoints.http.fastapi.openapi import describe
from asyncendpoints.http.fastapi.refusals import refuse_worker_dependencies
from asyncendpoints.http.fastapi.signature import analyse
from asyncendpoints.http.fastapi.wrapper import FastAPIEndpoint, default_name, wrap
from asyncendpoints.introspection import read_signature
from asyncendpoints.registry import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.engine import Engine
    from asyncendpoints.policy import Policy

__all__ = ["describe", "install_routes", "make_endpoint"]


def make_endpoint(
    function: Callable[..., Any],
    *,
    engine: Engine,
    policy: Policy,
    name: str | None,
    application: Callable[[], Any],
) -> Callable[..., Any]:
    """Register a FastAPI handler, and return the function to decorate with its route.

    Args:
        function: The handler.
        engine: Whose registry and submissions it uses.
        policy: How it is retried, how long it may take, how long its jobs are kept.
        name: What it is registered as; None is its `__name__`.
        application: Gives the FastAPI application that `install` was called with, or None before that.

    Raises:
        ConfigurationError: The function cannot be a handler; the message names the parameter and the remedy.
    """
    if isinstance(function, staticmethod):
        function = function.__func__
    if not callable(function):
        raise ConfigurationError(f"an endpoint is a function, not {function!r}; decorate the bound method or function")
    if name is None:
        name = default_name(function)
        if name is None:
            raise ConfigurationError(f"{named(function)} has no name; give the endpoint one with name=…")
    signature = analyse(function, policy)
    arguments = FastAPIArguments(signature, application, max_json_depth=engine.settings.max_json_depth)
    refuse_worker_dependencies(function, arguments, policy)
    read = replace(read_signature(function, any_parameters=True), payload=signature.payload)
    handler = Handler(name, function, policy, arguments=arguments, endpoint=True, signature=read)
    engine.registry.add(handler)
    return wrap(FastAPIEndpoint(handler, engine), signature)
