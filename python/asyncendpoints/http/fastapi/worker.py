"""Dependencies of the worker: FastAPI solves them, once it knows where the job's context comes from."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

from fastapi import Depends, Request, params

from asyncendpoints.context import JobContext, JobDepends
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.fastapi.annotations import apart, describe, is_job_context, resolved_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTEXT_KEY: Final = "asyncendpoints.job"
"""Where the rebuilt request's scope holds the job's context."""


async def current_context(request: Request) -> JobContext[Any]:
    """Return the context of the job whose request was rebuilt."""
    return request.scope[CONTEXT_KEY]


def marked(parameter: inspect.Parameter) -> JobDepends | None:
    """Return the marker of a parameter that is resolved in the worker, its dependency filled in, or None.

    Raises:
        ConfigurationError: There are several, or one names no dependency and the annotation is no class.
    """
    bare, metadata = apart(parameter.annotation)
    markers = [one for one in (*metadata, parameter.default) if isinstance(one, JobDepends)]
    if not markers:
        return None
    if len(markers) > 1:
        raise ConfigurationError("has more than one JobDepends; keep one")
    marker = markers[0]
    if marker.dependency is None:
        if not callable(bare):
            raise ConfigurationError("has a JobDepends() without a dependency; name one, or annotate with a class")
        return JobDepends(bare, use_cache=marker.use_cache)
    return marker


class WorkerDependencies:
    """Turns dependencies that may need the job into dependencies that FastAPI can solve.

    A function that takes a `JobContext`, or has a parameter marked `JobDepends`, gets a stand-in with a
    signature that FastAPI understands. The stand-ins are kept, so that FastAPI's cache finds each dependency
    once in a run.

    Args:
        overrides: Gives the application's `dependency_overrides` of the moment.
    """

    def __init__(self, overrides: Callable[[], Mapping[Any, Any]]) -> None:
        self._overrides = overrides
        self._adapted: dict[Any, Any] = {}
        self._originals: dict[Any, Any] = {}

    @property
    def dependency_overrides(self) -> WorkerDependencies | None:
        """What FastAPI asks for overrides; None where there are none, which spares it the work."""
        return self if self._overrides() else None

    def get(self, call: Any, default: Any) -> Any:
        """Return what overrides a dependency, adapted as well, or the default."""
        override = self._overrides().get(self._originals.get(call, call))
        return default if override is None else self.adapt(override)

    def parameter(self, name: str, marker: JobDepends) -> inspect.Parameter:
        """Return the parameter as FastAPI is to see it."""
        depends = Depends(self.adapt(marker.dependency), use_cache=marker.use_cache)
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=depends, annotation=Any)

    def adapt(self, dependency: Any) -> Any:
        """Return the dependency, or a stand-in for it where something below it needs the job."""
        adapted = self._adapted.get(dependency)
        if adapted is None:
            adapted = self._adapted[dependency] = self._adapt(dependency)
            self._originals[adapted] = dependency
        return adapted

    def _adapt(self, dependency: Any) -> Any:
        signature = resolved_signature(dependency)
        parameters: list[inspect.Parameter] = []
        changed = False
        for parameter in signature.parameters.values():
            try:
                replaced = self._replace(parameter)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"has a dependency {describe(dependency)} whose parameter {parameter.name!r} {error}"
                ) from error
            changed = changed or replaced is not parameter
            if replaced.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                replaced = replaced.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters.append(replaced)
        if not changed:
            return dependency
        # FastAPI looks through a partial to see whether a function is a coroutine or a generator.
        stand_in = functools.partial(dependency)
        stand_in.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return stand_in

    def _replace(self, parameter: inspect.Parameter) -> inspect.Parameter:
        if is_job_context(parameter.annotation):
            return parameter.replace(annotation=Any, default=Depends(current_context))
        marker = marked(parameter)
        if marker is not None:
            return self.parameter(parameter.name, marker)
        bare, metadata = apart(parameter.annotation)
        for depends in (parameter.default, *reversed(metadata)):
            if isinstance(depends, params.Depends):
                below = depends.dependency or bare
                adapted = self.adapt(below)
                if adapted is below:
                    return parameter
                return parameter.replace(annotation=bare, default=dataclasses.replace(depends, dependency=adapted))
        return parameter
