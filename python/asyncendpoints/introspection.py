"""What a handler's signature says, read once when it is registered."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asyncendpoints.context import JobContext
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a handler's function."""

    is_async: bool
    takes_context: bool
    """Whether it takes one `JobContext`; else it takes nothing, or what its argument source gives."""
    payload: Any = Any
    """The annotation of its payload."""
    result: Any = Any
    """The annotation of what it returns, as far as that is plain data."""


def read_signature(function: Callable[..., Any], *, any_parameters: bool = False) -> Signature:
    """Read the signature of a handler.

    Args:
        function: The user's function, or an object or partial that stands for one.
        any_parameters: Whether somebody else knows where its parameters come from.

    Raises:
        ConfigurationError: It cannot be a handler; the message says why and what can.
    """
    called = _called(function)
    name = getattr(function, "__qualname__", repr(function))
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise ConfigurationError(f"handler {name} is a generator; return the result, and use job.progress on the way")
    hints = type_hints(called)
    result = hints.get("return", Any)
    if _mentions(result, Result):
        result = Any
    is_async = inspect.iscoroutinefunction(called)
    if any_parameters:
        return Signature(is_async, takes_context=False, result=result)
    takes_context, payload = _context_parameter(function, hints, name)
    return Signature(is_async, takes_context, payload, result)


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the resolved annotations of a function; those that cannot be resolved yet are left out.

    Names are looked up where the function was defined, in its closure, and among the locals of whoever registers it.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        namespace = _names_around(function)
        resolved: dict[str, Any] = {}
        annotations: dict[str, Any] = getattr(function, "__annotations__", {})
        for name, annotation in annotations.items():
            holder = type("holder", (), {"__annotations__": {name: annotation}})
            try:
                resolved |= typing.get_type_hints(
                    holder, globalns=getattr(function, "__globals__", {}), localns=namespace, include_extras=True
                )
            except (NameError, TypeError, AttributeError):
                continue
        return resolved


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, partial):
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    return getattr(function, "__call__", function)  # noqa: B004 (its code is wanted, not whether it has any)


def _names_around(function: Callable[..., Any]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("asyncendpoints"):
        frame = frame.f_back
    if frame is not None:
        names.update(frame.f_locals)
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None)
    if code is not None and cells is not None:
        for name, cell in zip(code.co_freevars, cells, strict=True):
            try:
                names[name] = cell.cell_contents
            except ValueError:  # the variable is not assigned yet
                continue
    return names


def _context_parameter(function: Callable[..., Any], hints: dict[str, Any], name: str) -> tuple[bool, Any]:
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if not parameters:
        return False, Any
    first, *others = parameters
    annotation = hints.get(first.name, first.annotation)
    origin = typing.get_origin(annotation) or annotation
    is_context = origin is JobContext or annotation is first.empty
    if others or not is_context or first.kind is first.KEYWORD_ONLY:
        raise ConfigurationError(
            f"handler {name} must take one JobContext, or nothing; annotate its parameter "
            f"as JobContext[Payload] and read job.payload (it has {', '.join(p.name for p in parameters)})"
        )
    arguments = typing.get_args(annotation)
    return True, arguments[0] if arguments else Any


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(part, wanted) for part in typing.get_args(annotation))
