"""`install`: the one middleware and the job routes, put on an application."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Match, Route

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.health import health_routes
from asyncendpoints.http.middleware import AsyncEndpointsMiddleware
from asyncendpoints.http.producer import producer_routes
from asyncendpoints.http.routes import job_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import Scope

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.routes import JobRoute


class JobPath(Route):
    """A job route, which passes over a request for something else at a glance: many requests pass by it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: list[str], name: str) -> None:
        super().__init__(path, endpoint, methods=methods, name=name)
        self._beginning = path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether the route is the request's."""
        return super().matches(scope) if self._beginning in scope["path"] else (Match.NONE, {})


def install(
    app: Starlette,
    engine: Engine,
    *,
    dependencies: Sequence[Any] = (),
    producer: bool = False,
    health: bool = False,
) -> None:
    """Tie the engine to the application's lifespan, and add the job routes.

    Call it on the application that the server runs, before adding a catch-all route, which would hide the job
    routes.

    Args:
        app: A Starlette or FastAPI application.
        engine: What to install.
        dependencies: What guards the job routes and the producer. For FastAPI, `Depends(…)`; for Starlette,
        functions
            of the request that raise, or return a response to refuse.
        producer: Whether to add `POST /jobs` for handlers that say `exposed=True`.
        health: Whether to add `/livez` and `/readyz`.

    Raises:
        ConfigurationError: The application is of another kind, or has been installed on before.
    """
    if not isinstance(app, Starlette):  # pyright: ignore[reportUnnecessaryIsInstance] (user code)
        raise ConfigurationError(f"install takes a Starlette or FastAPI application, not {type(app).__name__}")
    if any(
        each.cls is AsyncEndpointsMiddleware and each.kwargs.get("engine") is engine for each in app.user_middleware
    ):
        raise ConfigurationError("install was called twice on the same application")
    routes = job_routes(engine)
    if producer:
        routes += producer_routes(engine)
    if health:
        routes += health_routes(engine)
    app.add_middleware(AsyncEndpointsMiddleware, engine=engine)
    if any(f"{cls.__module__}.{cls.__name__}" == "fastapi.applications.FastAPI" for cls in type(app).__mro__):
        from asyncendpoints.http.fastapi import install_routes

        install_routes(app, engine, routes, dependencies)  # pyright: ignore[reportArgumentType] (checked by name)
    else:
        _install_starlette(app, routes, dependencies)


def _install_starlette(app: Starlette, routes: Sequence[JobRoute], guards: Sequence[Callable[[Request], Any]]) -> None:
    for guard in guards:
        if not callable(guard):
            raise ConfigurationError(
                f"with Starlette, dependencies are functions of the request, not {type(guard).__name__}"
            )
    for route in routes:
        endpoint = _guarded(route.endpoint, guards) if guards and route.guarded else route.endpoint
        app.router.routes.append(JobPath(route.path, endpoint, methods=[*route.methods], name=route.name))


def _guarded(
    endpoint: Callable[[Request], Awaitable[Response]], guards: Sequence[Callable[[Request], Any]]
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        for guard in guards:
            answer = guard(request)
            if inspect.isawaitable(answer):
                answer = await answer
            if isinstance(answer, Response):
                return answer
        return await endpoint(request)

    return guarded
