"""What a FastAPI handler takes, read once: from the request, from dependencies, from the worker."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from fastapi import Header, Request, Response
from fastapi.exceptions import FastAPIError

from asyncendpoints.context import JobDepends
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.fastapi import internals, refusals
from asyncendpoints.http.fastapi.annotations import (
    apart,
    describe,
    is_anything,
    is_job_context,
    naming,
    payload_of,
    resolved_signature,
    underlying,
)
from asyncendpoints.http.fastapi.values import StoredValue
from asyncendpoints.http.fastapi.worker import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi._compat import ModelField

    from asyncendpoints.policy import Policy

REQUEST: Final = "asyncendpoints_request"
RESPONSE: Final = "asyncendpoints_response"
MARKER: Final = "x-asyncendpoints-handler"
"""The member of the injected header's schema by which an operation of OpenAPI is known to be asynchronous."""
REQUIRED_MARKER: Final = "x-asyncendpoints-required"
"""The member that says whether the key is required."""


@dataclass(slots=True)
class HandlerSignature:
    """A handler's parameters by where their values come from."""

    function: Callable[..., Any]
    order: list[inspect.Parameter] = field(default_factory=list[inspect.Parameter])
    """All parameters, with their annotations evaluated."""
    context: str | None = None
    """The parameter that takes the job's context."""
    requested: list[inspect.Parameter] = field(default_factory=list[inspect.Parameter])
    """Path, query, header and body parameters: extracted from the request, and again in the worker."""
    bodies: list[ModelField] = field(default_factory=list["ModelField"])
    """What FastAPI knows of those of them that are the body, or in it."""
    depends: list[inspect.Parameter] = field(default_factory=list[inspect.Parameter])
    """Request-time dependencies."""
    values: dict[str, StoredValue] = field(default_factory=dict[str, StoredValue])
    """How their values are stored."""
    worker: dict[str, JobDepends] = field(default_factory=dict[str, JobDepends])
    """Dependencies that the worker resolves."""
    returns: Any = inspect.Signature.empty
    payload: Any = Any
    """What the context's annotation says of its payload."""

    def visible(self, extra: Sequence[inspect.Parameter] = ()) -> inspect.Signature:
        """Return the signature of what FastAPI extracts at request time, with further parameters."""
        shown = {one.name: one for one in (*self.requested, *self.depends)}
        in_order = [keyword_only(shown[one.name]) for one in self.order if one.name in shown]
        return inspect.Signature([*in_order, *extra])


def keyword_only(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return the parameter as FastAPI passes it."""
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def injected(name: str, headers: Sequence[str], *, required: bool) -> list[inspect.Parameter]:
    """Return the parameters that the route needs besides the handler's: request, response, idempotency key.

    The key is optional to FastAPI even where the endpoint requires one: a missing key is refused by this
    library, with a problem document.
    """
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(REQUEST, kind, annotation=Request),
        inspect.Parameter(RESPONSE, kind, annotation=Response),
    ]
    for number, header in enumerate(headers):
        extra = {MARKER: name, REQUIRED_MARKER: required} if number == 0 else None
        key = Header(None, alias=header, description=_KEY, json_schema_extra=extra)  # pyright: ignore[reportArgumentType]
        parameters.append(inspect.Parameter(f"{internals.KEY}_{number}", kind, default=key, annotation=str))
    return parameters


_KEY: Final = (
    "A key of the client's choice, 1 to 255 visible ASCII characters. A repeated request with the same key "
    "gets the "
    "same job; the key with another request is refused."
)


def analyse(function: Callable[..., Any], policy: Policy) -> HandlerSignature:
    """Return what the handler takes.

    Raises:
        ConfigurationError: A parameter cannot work here; the message names it and the remedy.
    """
    refusals.refuse_generator(function)
    signature = resolved_signature(function)
    refusals.refuse_return(function, signature.return_annotation)
    analysed = HandlerSignature(function, returns=signature.return_annotation)
    for parameter in signature.parameters.values():
        try:
            _sort(analysed, parameter, policy)
        except ConfigurationError as error:
            raise ConfigurationError(f"{describe(function)}: parameter {parameter.name!r} {error}") from error
        analysed.order.append(parameter)
    if analysed.context is not None and not _payload_is_checked(analysed):
        raise ConfigurationError(
            f"{describe(function)}: parameter {analysed.context!r} says what the job's payload is, but FastAPI checks "
            "only bodies that are parameters; take the payload as the one parameter that is the body, "
            f"`payload: {naming(analysed.payload)}`, and the context as a `JobContext` without a type"
        )
    return analysed


def _payload_is_checked(analysed: HandlerSignature) -> bool:
    """Return whether what the context's annotation says of the payload is known to be so when a job is stored."""
    payload, _ = apart(analysed.payload)
    if is_anything(payload) or (payload in (None, NoneType) and not analysed.bodies):
        return True
    if len(analysed.bodies) != 1 or not internals.is_whole_json(analysed.bodies[0]):
        return False
    return apart(analysed.bodies[0].field_info.annotation)[0] == payload


def _sort(analysed: HandlerSignature, parameter: inspect.Parameter, policy: Policy) -> None:
    refusals.refuse_variadic(parameter)
    if is_job_context(parameter.annotation):
        if analysed.context is not None:
            raise ConfigurationError(f"is a second JobContext beside {analysed.context!r}; take one")
        analysed.context = parameter.name
        analysed.payload = payload_of(parameter.annotation)
        return
    marker = marked(parameter)
    if marker is not None:
        refusals.refuse_mixed(parameter)
        analysed.worker[parameter.name] = marker
        return
    refusals.refuse_self(parameter, underlying(analysed.function))
    try:
        details = internals.analyse_parameter(parameter.name, parameter.annotation, parameter.default)
    except FastAPIError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"has a type without a schema ({reason}) that FastAPI cannot read from a request; give it a type "
            "that "
            "pydantic knows, or resolve it in the worker with JobDepends(...)"
        ) from error
    except AssertionError as error:
        raise ConfigurationError(f"is refused by FastAPI: {error}") from error
    if details.depends is not None:
        dependency = details.depends.dependency
        refusals.refuse_security(dependency)
        refusals.refuse_worker_parts(dependency)
        analysed.values[parameter.name] = StoredValue(parameter.name, parameter.annotation)
        analysed.depends.append(parameter)
    elif details.field is None:
        refusals.refuse_special(details.type_annotation)
    else:
        refusals.refuse_dropped(details.field, policy)
        if internals.is_body(details.field):
            analysed.bodies.append(details.field)
        analysed.requested.append(parameter)
