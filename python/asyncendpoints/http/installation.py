"""`install`: the middleware and the job routes, put on an application."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.health import health_routes
from asyncendpoints.http.job_path import JobPath
from asyncendpoints.http.middleware import AsyncEndpointsMiddleware, BodyMiddleware
from asyncendpoints.http.producer import producer_routes
from asyncendpoints.http.routes import job_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.routes import JobRoute


def install(
    app: Starlette,
    engine: Engine,
    *,
    dependencies: Sequence[Any] = (),
    producer: bool = False,
    health: bool = False,
    metrics: bool | str = False,
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
        metrics: Whether to add `/metrics` for Prometheus, or at which path.

    Raises:
        ConfigurationError: The application is of another kind, or has been installed on before with these job routes
            or this path of metrics; or prometheus-client is not installed.
    """
    if not isinstance(app, Starlette):  # pyright: ignore[reportUnnecessaryIsInstance] (user code)
        raise ConfigurationError(f"install takes a Starlette or FastAPI application, not {type(app).__name__}")
    engines = _installed_on(app)
    _refuse_collisions(engine, engines)
    routes = job_routes(engine)
    if producer:
        routes += producer_routes(engine)
    if health:
        routes += health_routes(engine)
    if metrics:
        routes += _metrics(app, engine, "/metrics" if metrics is True else metrics)
    app.add_middleware(AsyncEndpointsMiddleware, engine=engine)
    if not engines:
        # Within all other middleware, that added later too, which Starlette puts first.
        app.user_middleware.append(Middleware(BodyMiddleware, engines=engines))
    engines.append(engine)
    if any(f"{cls.__module__}.{cls.__name__}" == "fastapi.applications.FastAPI" for cls in type(app).__mro__):
        from asyncendpoints.http.fastapi import install_routes

        install_routes(app, engine, routes, dependencies)  # pyright: ignore[reportArgumentType] (checked by name)
    else:
        _install_starlette(app, routes, dependencies)


def _installed_on(app: Starlette) -> list[Engine]:
    """Return the list of the engines that are installed on an application, to be added to."""
    for each in app.user_middleware:
        if each.cls is BodyMiddleware:
            return cast("list[Engine]", each.kwargs["engines"])
    return []


def _refuse_collisions(engine: Engine, installed: Sequence[Engine]) -> None:
    """Refuse a second set of job routes at the same paths: the first would answer for both.

    Raises:
        ConfigurationError: The engine, or one with the same `jobs_path`, is installed.
    """
    if engine in installed:
        raise ConfigurationError("install was called twice on the same application")
    path = engine.settings.jobs_path
    if any(each.settings.jobs_path.rstrip("/") == path.rstrip("/") for each in installed):
        raise ConfigurationError(
            f"another AsyncEndpoints with jobs_path={path!r} is installed on this application, and would answer "
            "for the jobs of both; give one of them another jobs_path"
        )


def _metrics(app: Starlette, engine: Engine, path: str) -> list[JobRoute]:
    """Return the route of the metrics; each engine has a page of its own, whose series would else collide.

    Raises:
        ConfigurationError: The path is taken, or prometheus-client is not installed.
    """
    from asyncendpoints.http.metrics import metrics_routes

    if any(getattr(route, "path", None) == path for route in app.router.routes):
        raise ConfigurationError(f"the application has a route at {path!r} already; give metrics= another path")
    return metrics_routes(engine, path)


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
    # What capture reads off the endpoint stands on its guarded form as well.
    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        for guard in guards:
            answer = guard(request)
            if inspect.isawaitable(answer):
                answer = await answer
            if isinstance(answer, Response):
                return answer
        return await endpoint(request)

    return guarded
