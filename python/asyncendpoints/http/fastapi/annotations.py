"""Reading annotations: resolving them, taking them apart, and finding what is inside."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from asyncendpoints.context import JobContext
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.introspection import type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def describe(function: Any) -> str:
    """Return how a message names a function."""
    return getattr(function, "__qualname__", None) or repr(function)


def naming(annotation: Any) -> str:
    """Return how a message names a type."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def underlying(function: Any) -> Any:
    """Return the plain function, or the class, within partials, methods, decorators and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return type(function).__call__


def resolved_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, class or callable object, with every annotation evaluated.

    A return annotation that cannot be evaluated (imported for type checking alone, say) is left out.

    Raises:
        ConfigurationError: A parameter's annotation cannot be evaluated.
    """
    try:
        signature = inspect.signature(function)
    except (NameError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the signature of {describe(function)} cannot be read: {error}") from error
    plain = underlying(function)
    of_class = inspect.isclass(plain)
    hints = type_hints(plain.__init__ if of_class else plain)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        annotation = parameter.annotation
        if isinstance(annotation, str) or not of_class:
            annotation = hints.get(parameter.name, annotation)
        if isinstance(annotation, str):
            raise ConfigurationError(
                f"{describe(function)}: the annotation {annotation!r} of parameter {parameter.name!r} cannot "
                "be "
                "evaluated; define or import the name outside `if TYPE_CHECKING`, where the function can see "
                "it"
            )
        parameters.append(parameter.replace(annotation=annotation))
    returns = hints.get("return", signature.return_annotation)
    if isinstance(returns, str):
        returns = inspect.Signature.empty
    return inspect.Signature(parameters, return_annotation=returns)


def apart(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the bare annotation and its metadata, through `Annotated` and type aliases."""
    metadata: tuple[Any, ...] = ()
    while True:
        if type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata = (*more, *metadata)
        else:
            return annotation, metadata


def is_job_context(annotation: Any) -> bool:
    """Return whether the annotation is the job's context, bare, parametrised, or optional."""
    bare, _ = apart(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return any(is_job_context(argument) for argument in get_args(bare))
    return bare is JobContext or get_origin(bare) is JobContext


def payload_of(annotation: Any) -> Any:
    """Return what the annotation of a job's context says of its payload."""
    bare, _ = apart(annotation)
    arguments = get_args(bare)
    if get_origin(bare) in (Union, types.UnionType):
        return next(payload_of(argument) for argument in arguments if is_job_context(argument))
    return arguments[0] if arguments and not isinstance(arguments[0], TypeVar) else Any


def parts(annotation: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every type within the annotation, with the pydantic field that it was found in, if any.

    Looks into unions, generics, aliases, pydantic models, dataclasses, typed dictionaries and named tuples.
    """
    yield from _parts(annotation, None, set())


def _parts(annotation: Any, field: Any, seen: set[int]) -> Iterator[tuple[Any, Any]]:
    bare, _ = apart(annotation)
    yield bare, field
    if id(bare) in seen:
        return
    seen.add(id(bare))
    origin = get_origin(bare)
    if isinstance(origin, type):
        yield origin, field
    for argument in get_args(bare):
        yield from _parts(argument, field, seen)
    for name, inner in _members(origin if isinstance(origin, type) else bare):
        yield from _parts(inner, name, seen)


def _members(kind: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(kind, type):
        return
    plain: Any = kind
    for name, info in model_fields(plain).items():
        yield (name, info), info.annotation
    if dataclasses.is_dataclass(plain) or is_typeddict(plain) or hasattr(plain, "_fields"):
        try:
            hints = get_type_hints(plain, include_extras=True)
        except NameError:
            return  # the schema's maker will say which name it could not find
        for name, hint in hints.items():
            yield (name, None), hint


def model_fields(kind: Any) -> dict[str, Any]:
    """Return the fields of a pydantic model; none of anything else."""
    fields: Any = getattr(kind, "model_fields", None)
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def is_anything(annotation: Any) -> bool:
    """Return whether the annotation says nothing about the value."""
    bare, _ = apart(annotation)
    return bare is inspect.Parameter.empty or bare is Any or bare is object or isinstance(bare, TypeVar)
