"""From a stored request to a handler's arguments: in the worker, and when a script submits."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from starlette.exceptions import HTTPException

from asyncendpoints.errors import ConfigurationError, JobError, ValidationFailed
from asyncendpoints.http.fastapi.annotations import describe as named
from asyncendpoints.http.fastapi.internals import Extractor
from asyncendpoints.http.fastapi.scripts import refuse_changed, script_request
from asyncendpoints.http.fastapi.worker import CONTEXT_KEY, WorkerDependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from asyncendpoints.context import JobContext
    from asyncendpoints.http.fastapi.signature import HandlerSignature
    from asyncendpoints.request import StoredRequest


_KEPT: Final = 256
"""How many extractors a handler keeps, one for each route that it stands behind."""


class FastAPIArguments:
    """How a FastAPI handler gets its parameters in the worker (an `ArgumentSource`).

    Args:
        signature: What the handler takes.
        application: Gives the application that `install` was called with, or None.
        max_json_depth: How deep the JSON may be that scripts submit.
    """

    def __init__(self, signature: HandlerSignature, application: Callable[[], Any], *, max_json_depth: int) -> None:
        self.signature = signature
        self._application = application
        self._max_json_depth = max_json_depth
        self.dependencies = WorkerDependencies(lambda: getattr(application(), "dependency_overrides", {}))
        self._extractors: dict[tuple[str, bool | None], Extractor] = {}
        self._checkers: dict[str, Extractor] = {}
        self._declared = signature.visible([self._worker_parameter(name) for name in signature.worker])
        self._positional = [one.name for one in signature.order if one.kind is inspect.Parameter.POSITIONAL_ONLY]

    @property
    def declared(self) -> inspect.Signature:
        """What FastAPI extracts in the worker, and the request-time dependencies beside it."""
        return self._declared

    async def resolve(
        self, context: JobContext[Any], request: StoredRequest, payload: bytes | None, stack: AsyncExitStack
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of one run; an `HTTPException` out of it becomes the job's problem.

        Raises:
            ValidationFailed: The stored request does not fit the handler (any more).
            JobError: A dependency answered with an HTTP error.
        """
        # Entered first, so that every dependency's clean-up sees the exception as it was raised.
        stack.push_async_exit(_as_job_error)
        signature = self.signature
        values: dict[str, Any] = {}
        if signature.requested or signature.worker:
            scope = self._scope(request)
            scope[CONTEXT_KEY] = context
            extractor = self._extractor(request)
            try:
                values = await extractor.extract(scope, payload or b"", stack)
            except RequestValidationError as error:
                raise validation_failed(error) from error
        for name, stored in signature.values.items():
            body = request.values.get(name)
            values[name] = self._default(name) if body is None else stored.decode(body)
        if signature.context is not None:
            values[signature.context] = context
        return tuple(values.pop(name) for name in self._positional), values

    def _worker_parameter(self, name: str) -> inspect.Parameter:
        try:
            return self.dependencies.parameter(name, self.signature.worker[name])
        except ConfigurationError as error:
            raise ConfigurationError(f"{named(self.signature.function)}: parameter {name!r} {error}") from error

    async def prepare(
        self,
        payload: Any = None,
        *,
        path_params: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> tuple[StoredRequest, bytes | None]:
        """Return what a request of the same content would store: the way of scripts to a FastAPI handler.

        Args:
            payload: The body: bytes as they are, anything else as JSON.
            path_params: The path's parameters.
            query: The query's parameters; a list repeats one.
            headers: The headers that the handler reads, and the media type of a body that is not JSON.
            values: What the request-time dependencies would have given the handler, by parameter name.

        Raises:
            MalformedPayload: The body should be JSON, and is not.
            ValidationFailed: It is not what the handler takes, or JSON would change it.
        """
        request, body = script_request(payload, path_params, query, headers, max_json_depth=self._max_json_depth)
        given = dict(values or {})
        missing = [one.name for one in self.signature.depends if one.name not in given]
        errors = [missing_value(name) for name in missing if not self._has_default(name)]
        errors += [unknown_value(name) for name in given if name not in self.signature.values]
        if errors:
            raise ValidationFailed(errors)
        stored = {name: self.signature.values[name].encode(value) for name, value in given.items()}
        embed: bool | None = None
        if self.signature.requested:
            checker = self._checker(request.route)
            embed = checker.embed
            async with AsyncExitStack() as stack:
                try:
                    read = await checker.extract(self._scope(request), body or b"", stack)
                except RequestValidationError as error:
                    raise validation_failed(error) from error
                except HTTPException as error:
                    raise ValidationFailed([{"loc": ["body"], "msg": str(error.detail), "type": "body"}]) from error
                refuse_changed(payload, checker, read)
        return msgspec.structs.replace(request, values=stored, embed=embed), body

    def _extractor(self, request: StoredRequest) -> Extractor:
        key = (request.route, request.embed)
        extractor = self._extractors.get(key)
        if extractor is None:
            _make_room(self._extractors)
            extractor = self._extractors[key] = Extractor(
                request.route,
                self._declared,
                solve=self.signature.worker,
                embed=request.embed,
                overrides=self.dependencies,
            )
        return extractor

    def _checker(self, route: str) -> Extractor:
        """Return what reads a script's request as the real route would: without what the worker resolves."""
        checker = self._checkers.get(route)
        if checker is None:
            _make_room(self._checkers)
            checker = self._checkers[route] = Extractor(route, self.signature.visible())
        return checker

    def _scope(self, request: StoredRequest) -> dict[str, Any]:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.scheme,
            "path": request.path,
            "raw_path": request.path.encode("utf-8", "surrogateescape"),
            "root_path": request.root_path,
            "query_string": request.query.encode("latin-1"),
            "headers": headers,
            "path_params": dict(request.path_params),
            "server": _server(request.headers),
            "client": None,
            "state": {},
        }
        application = self._application()
        if application is not None:
            scope["app"] = application
        return scope

    def _has_default(self, name: str) -> bool:
        return any(one.name == name and _has_plain_default(one) for one in self.signature.depends)

    def _default(self, name: str) -> Any:
        """Return what a parameter is without a stored value: the handler has changed since."""
        for parameter in self.signature.depends:
            if parameter.name == name and _has_plain_default(parameter):
                return parameter.default
        raise ValidationFailed([missing_value(name)])


def _make_room(extractors: dict[Any, Extractor]) -> None:
    """Bound what scripts can make of their own routes; an application's routes are fewer."""
    if len(extractors) >= _KEPT:
        extractors.clear()


def validation_failed(error: RequestValidationError) -> ValidationFailed:
    """Return what FastAPI found, without the input: it may hold what should stand in no log and no job."""
    return ValidationFailed(
        [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in error.errors()]
    )


def missing_value(name: str) -> dict[str, Any]:
    """Return the error for a dependency's value that nobody gave."""
    return {"loc": ["dependency", name], "msg": "The value of this dependency is missing", "type": "missing"}


def unknown_value(name: str) -> dict[str, Any]:
    """Return the error for a value that no dependency of the handler gives."""
    return {"loc": ["dependency", name], "msg": "The handler has no such dependency", "type": "unexpected"}


def _has_plain_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty and not isinstance(parameter.default, Depends)


def _server(headers: list[tuple[str, str]]) -> tuple[str, int | None] | None:
    for name, value in headers:
        if name == "host":
            host, _, port = value.rpartition(":")
            return (host, int(port)) if host and port.isdigit() else (value, None)
    return None


async def _as_job_error(
    kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
) -> bool:
    """Turn an HTTP error of a handler or dependency, an answer on purpose, into the job's problem."""
    del kind, traceback
    if isinstance(error, HTTPException) and 400 <= error.status_code <= 599:
        # FastAPI lets its errors have any JSON as their detail.
        detail: Any = cast("Any", error).detail
        extensions: Mapping[str, Any] = {} if isinstance(detail, str) else {"errors": detail}
        raise JobError(
            _title(error),
            status=error.status_code,
            detail=detail if isinstance(detail, str) else None,
            retryable=error.status_code >= 500,
            extensions=extensions,
        ) from error
    return False


def _title(error: HTTPException) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(error.status_code).phrase
    except ValueError:
        return "HTTP error"
