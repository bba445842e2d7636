"""What an asynchronous endpoint cannot take: every refusal says why and what to do instead.

The functions raise `ConfigurationError` with the end of a sentence that begins with the parameter's name,
except where they are given the whole function.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastapi import params
from fastapi.exceptions import FastAPIError
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from asyncendpoints.context import JobDepends
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.fastapi import internals
from asyncendpoints.http.fastapi.annotations import (
    apart,
    describe,
    is_job_context,
    model_fields,
    parts,
    resolved_signature,
    underlying,
)
from asyncendpoints.request import DROPPED_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi.dependencies.models import Dependant

    from asyncendpoints.http.fastapi.extraction import FastAPIArguments
    from asyncendpoints.policy import Policy


def refuse_generator(function: Callable[..., Any]) -> None:
    """Refuse handlers that yield: a job has one result."""
    plain = underlying(function)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise ConfigurationError(
            f"{describe(function)} is a generator, but a job has one result; return a value, and report what "
            "comes "
            "before it with `job.progress(...)`"
        )


def refuse_return(function: Callable[..., Any], annotation: Any) -> None:
    """Refuse handlers that return a framework's response, which cannot be stored."""
    if any(isinstance(kind, type) and issubclass(kind, Response) for kind, _ in parts(annotation)):
        raise ConfigurationError(
            f"{describe(function)} returns a Response, which cannot be stored; return the value, or "
            "`asyncendpoints.Result(body, status_code, headers, media_type)`"
        )


def refuse_variadic(parameter: inspect.Parameter) -> None:
    """Refuse `*args` and `**kwargs`: FastAPI gives them nothing."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        raise ConfigurationError(f"(*{parameter.name}) takes any arguments; name the parameters")
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        raise ConfigurationError(f"(**{parameter.name}) takes any arguments; name the parameters")


def refuse_self(parameter: inspect.Parameter, plain: Any) -> None:
    """Refuse methods that are not bound: the worker would have no instance to call them on."""
    unannotated = parameter.annotation is inspect.Parameter.empty and parameter.default is inspect.Parameter.empty
    first = next(iter(inspect.signature(plain).parameters), None)
    if unannotated and parameter.name == first and parameter.name in ("self", "cls"):
        raise ConfigurationError(
            "belongs to a method without its instance; decorate the bound method: `jobs.endpoint(...)(instance.method)`"
        )


def refuse_mixed(parameter: inspect.Parameter) -> None:
    """Refuse a parameter that is both resolved in the worker and something to FastAPI."""
    _, metadata = apart(parameter.annotation)
    kinds = (params.Depends, params.Param, params.Body)
    if isinstance(parameter.default, kinds) or any(isinstance(one, kinds) for one in metadata):
        raise ConfigurationError("is both JobDepends and one of FastAPI's parameters; keep one of the two")


def refuse_special(annotation: Any) -> None:
    """Refuse what lives only as long as the request."""
    name = getattr(annotation, "__name__", repr(annotation))
    if issubclass(annotation, BackgroundTasks):
        remedy = "do the work in the handler, which already runs in the background"
    elif issubclass(annotation, Response):
        remedy = "set headers and cookies in a request-time dependency, or return `asyncendpoints.Result`"
    elif issubclass(annotation, (Request, HTTPConnection)) and not issubclass(annotation, WebSocket):
        remedy = "take a JobContext and read `job.request`, or take what you need of it as parameters"
    else:
        remedy = "take it in a request-time dependency"
    raise ConfigurationError(f"takes {name}, which is gone when the handler runs; {remedy}")


def refuse_security(dependency: Any) -> None:
    """Refuse what a security scheme extracts: credentials are not stored."""
    if internals.is_security_scheme(dependency):
        raise ConfigurationError(
            "takes credentials from a security scheme, which are not stored; let a dependency turn them into "
            "your own "
            "user model and take that, or declare the scheme in the route's `dependencies`"
        )


def refuse_dropped(field: Any, policy: Policy) -> None:
    """Refuse parameters that read a header or cookie which is not stored with the job."""
    info = field.field_info
    kept = {name.lower() for name in policy.keep_headers}
    if isinstance(info, params.Cookie):
        read = {"cookie"}
    elif isinstance(info, params.Header):
        read = {name.lower() for name in _header_names(field)}
    else:
        return
    lost = sorted(read & (DROPPED_HEADERS - kept))
    if lost:
        raise ConfigurationError(
            f"reads the header {lost[0]!r}, which is not stored with the job; read it in a request-time "
            "dependency "
            f"that returns what the handler needs, or keep it with `keep_headers=({lost[0]!r},)`"
        )


def _header_names(field: Any) -> Iterator[str]:
    yield field.alias
    yield field.name.replace("_", "-")
    for kind, _ in parts(field.field_info.annotation):
        for name, info in model_fields(kind).items():
            for alias in (name, info.alias, info.validation_alias):
                choices = getattr(alias, "choices", [alias])
                yield from (str(choice).replace("_", "-") for choice in choices if choice)


def refuse_worker_parts(dependency: Any, seen: set[int] | None = None) -> None:
    """Refuse request-time dependencies that need the job: it does not exist yet when they run."""
    seen = set() if seen is None else seen
    if dependency is None or id(dependency) in seen or inspect.isbuiltin(dependency):
        return
    seen.add(id(dependency))
    for parameter in resolved_signature(dependency).parameters.values():
        _, metadata = apart(parameter.annotation)
        marked = isinstance(parameter.default, JobDepends) or any(isinstance(one, JobDepends) for one in metadata)
        if marked or is_job_context(parameter.annotation):
            raise ConfigurationError(
                f"has a request-time dependency {describe(dependency)} that needs the job "
                f"({parameter.name!r}), which "
                "does not exist yet when it runs; resolve the dependency in the worker with JobDepends(...)"
            )
        for one in (parameter.default, *metadata):
            if isinstance(one, params.Depends):
                refuse_worker_parts(one.dependency or apart(parameter.annotation)[0], seen)


def refuse_worker_dependencies(function: Callable[..., Any], arguments: FastAPIArguments, policy: Policy) -> None:
    """Refuse dependencies of the worker that need what is not stored, or lives no longer."""
    names = arguments.signature.worker
    if not names:
        return
    try:
        found = list(internals.dependants(arguments.declared, names))
    except (FastAPIError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"{describe(function)}: a dependency that is resolved in the worker has a parameter that FastAPI "
            "cannot "
            f"read ({reason}); annotate it with JobContext, mark it with JobDepends or Depends, or give it a "
            "type that "
            "pydantic knows"
        ) from error
    for name, dependant in found:
        try:
            _refuse_dependant(dependant, policy)
        except ConfigurationError as error:
            where = "" if dependant.call is None else f"'s dependency {describe(underlying(dependant.call))}"
            raise ConfigurationError(f"{describe(function)}: parameter {name!r}{where} {error}") from error


def _refuse_dependant(dependant: Dependant, policy: Policy) -> None:
    if internals.is_security_scheme(dependant.call):
        raise ConfigurationError(
            "is a security scheme, but credentials are not stored for the worker; take it in a request-time "
            "dependency "
            "that returns your own user model"
        )
    if dependant.background_tasks_param_name is not None:
        raise ConfigurationError("takes BackgroundTasks, which nobody runs in the worker; do the work in the handler")
    if dependant.websocket_param_name is not None:
        raise ConfigurationError("takes a WebSocket, which a job does not have")
    for field in (*dependant.header_params, *dependant.cookie_params):
        refuse_dropped(field, policy)
