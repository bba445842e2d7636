"""All that is used of FastAPI beyond its documented interface, in this one file.

Tested against FastAPI 0.160, the lowest supported version, and 0.165. It relies on this: `analyze_param`
tells what a parameter is; an `APIRoute` knows its dependant, its body field and whether it embeds the body;
`get_request_handler` extracts the parameters of a dependant from a request whose scope holds three exit
stacks; an included route's effective context is in the scope under `fastapi`.
"""

from __future__ import annotations

import copy
import functools
import inspect
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastapi import params
from fastapi.dependencies.utils import analyze_param, get_dependant
from fastapi.routing import APIRoute, get_request_handler
from fastapi.security.base import SecurityBase
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from fastapi._compat import ModelField
    from fastapi.dependencies.models import Dependant
    from fastapi.dependencies.utils import ParamDetails

    from asyncendpoints.http.endpoint import BodyKind

FORM_LIMITS: Final = {"max_files": float("inf"), "max_fields": float("inf"), "max_part_size": float("inf")}
"""A stored body was parsed once within the limits of its route; its second parsing has none."""


KEY: Final = "asyncendpoints_key"
"""What the names of the parameters that stand for the idempotency key begin with."""

_FACTS: Final = "asyncendpoints_facts"


def analyse_parameter(name: str, annotation: Any, default: Any) -> ParamDetails:
    """Return what FastAPI takes this parameter of a path operation or dependency for.

    The names in the route's path are not known yet: a path parameter passes for a query parameter.

    Raises:
        AssertionError: FastAPI refuses the combination of annotation and default.
        FastAPIError: Its type has no schema.
    """
    return analyze_param(param_name=name, annotation=annotation, value=default, path_param_names=set())


def is_security_scheme(dependency: Any) -> bool:
    """Return whether the dependency is one of FastAPI's security schemes."""
    while isinstance(dependency, functools.partial):
        dependency = dependency.func
    return isinstance(inspect.unwrap(dependency), SecurityBase)


def effective_route(scope: Mapping[str, Any]) -> Any:
    """Return what knows the chosen route's path and body field, with what its routers add to them."""
    route = scope.get("route")
    known = scope.get("fastapi")
    if known:
        context = known.get("effective_route_context")
        if context is not None and context.original_route is route:
            return context
    return route


class RouteFacts(NamedTuple):
    """What the library needs to know of an effective route, found out at its first request."""

    body_kind: BodyKind
    """The kind of body that FastAPI reads for it."""
    embeds_body: bool
    """Whether its body parameters are members of the body."""
    template: str | None
    """Its path, with its parameters in braces, where the route that was included does not know all of it."""


def facts_of(scope: Mapping[str, Any]) -> RouteFacts:
    """Return what is known of the effective route of a request."""
    route = effective_route(scope)
    try:
        return getattr(route, _FACTS)
    except AttributeError:
        _extract_no_more(route)
        template = None if route is scope.get("route") else route.path_format
        facts = RouteFacts(_body_kind(route), embeds_body(route), template)
        setattr(route, _FACTS, facts)
        return facts


def embeds_body(route: Any) -> bool:
    """Return whether the body parameters of an effective route are members of the body."""
    return getattr(route, "_embed_body_fields", False)


def _extract_no_more(route: Any) -> None:
    """Keep the parameters that stand for the idempotency key in the route's document, and out of its extraction.

    The library reads the idempotency key itself; extracting it too would be a tenth of FastAPI's time for a small
    request. The route's handler holds the dependant that it was made with, while a document asks the route for it.
    """
    extracted: Dependant = route.dependant
    route.dependant = copy.copy(extracted)
    extracted.header_params = [one for one in extracted.header_params if not one.name.startswith(KEY)]


def is_body(field: ModelField) -> bool:
    """Return whether a parameter is the body, or something in it."""
    return isinstance(field.field_info, params.Body)


def is_whole_json(field: ModelField) -> bool:
    """Return whether a parameter, if it is the only one in the body, is the whole of a JSON body."""
    return _field_kind(field) == "json" and not getattr(field.field_info, "embed", None)


def _body_kind(route: Any) -> BodyKind:
    field = getattr(route, "body_field", None)
    return "none" if field is None else _field_kind(field)


def _field_kind(field: ModelField) -> BodyKind:
    if isinstance(field.field_info, params.Form):
        return "form"
    media_type = str(getattr(field.field_info, "media_type", "application/json")).lower()
    return "json" if media_type == "application/json" or media_type.endswith("+json") else "any"


class _Extracted(Response):
    """The extracted values; a response, because that is what FastAPI lets pass untouched."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.background = None


async def _extract(**values: Any) -> Response:
    return _Extracted(values)


class Extractor:
    """Extracts parameters from a stored request with FastAPI's own code.

    Args:
        template: The route's path, with its parameters in braces.
        signature: The parameters to extract, and those dependencies' that are only declared.
        solve: Names of the dependencies to solve; the others ran before the job was stored.
        embed: Whether body parameters are members of the body; None to decide it as FastAPI does.
        overrides: What offers `dependency_overrides`.
    """

    __slots__ = ("_handle", "dependant", "embed")

    def __init__(
        self,
        template: str,
        signature: inspect.Signature,
        *,
        solve: Iterable[str] = (),
        embed: bool | None = None,
        overrides: Any = None,
    ) -> None:
        route = APIRoute(template, _declared(signature), methods=["POST"])
        names = frozenset(solve)
        dependant = copy.copy(route.dependant)
        dependant.dependencies = [one for one in dependant.dependencies if one.name in names]
        dependant.call = _extract
        self.dependant: Dependant = dependant
        self.embed = embeds_body(route) if embed is None else embed
        self._handle = get_request_handler(
            dependant,
            body_field=route.body_field,
            # A body without a media type counts as JSON.
            strict_content_type=False,
            dependency_overrides_provider=overrides,
            embed_body_fields=self.embed,
        )

    async def extract(self, scope: dict[str, Any], body: bytes, stack: AsyncExitStack) -> dict[str, Any]:
        """Return the parameters' values; what they keep open is closed with the stack.

        Raises:
            RequestValidationError: The request is not what the parameters take.
            HTTPException: The body cannot be parsed, or a dependency answered with an error.
        """
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return pending.pop() if pending else {"type": "http.disconnect"}

        scope["fastapi"] = {"form_limits": FORM_LIMITS}
        # In a request these three stacks are nested in this order, so that a dependency of a function's scope
        # ends before one of the request's, and files are closed last.
        scope["fastapi_middleware_astack"] = await stack.enter_async_context(AsyncExitStack())
        scope["fastapi_inner_astack"] = await stack.enter_async_context(AsyncExitStack())
        scope["fastapi_function_astack"] = await stack.enter_async_context(AsyncExitStack())
        extracted = await self._handle(Request(scope, receive))
        if not isinstance(extracted, _Extracted):  # pragma: no cover (FastAPI would have to replace a response)
            raise TypeError("FastAPI has replaced the extracted values")
        return extracted.values


def _declared(signature: inspect.Signature) -> Callable[..., Any]:
    async def declared(**values: Any) -> None: ...

    declared.__signature__ = signature  # type: ignore[attr-defined]
    return declared


def dependants(signature: inspect.Signature, names: Container[str]) -> Iterator[tuple[str, Dependant]]:
    """Yield the named dependencies of a signature and all below them, each with the name that led to it.

    Raises:
        AssertionError: FastAPI refuses a parameter below.
        FastAPIError: A parameter below has no schema.
    """
    for dependant in get_dependant(path="/", call=_declared(signature)).dependencies:
        if dependant.name is not None and dependant.name in names:
            for below in _flattened(dependant):
                yield dependant.name, below


def _flattened(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _flattened(one)
