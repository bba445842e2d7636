"""The job routes as API routes, so that they have tags, documentation and the application's own guards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import FastAPI, Path, Request
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.responses import Response

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.fastapi.job_routes import ROUTE_MARKER
from asyncendpoints.http.fastapi.openapi import describe
from asyncendpoints.http.job_path import JobPath
from asyncendpoints.settings import make_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.routes import JobRoute

TAG: Final = "jobs"
"""The tag of the job routes."""

_USUAL: Final = make_settings().jobs_path


class JobAPIRoute(JobPath, APIRoute):
    """A job route among API routes."""


def install_routes(app: FastAPI, engine: Engine, routes: Sequence[JobRoute], dependencies: Sequence[Any]) -> None:
    """Add the job routes to an application, and correct what its OpenAPI document says of endpoints.

    Args:
        app: The application that the server runs.
        engine: What is installed.
        routes: The routes to add.
        dependencies: `Depends(…)` that guard them.

    Raises:
        ConfigurationError: A dependency is not `Depends(…)`.
    """
    for dependency in dependencies:
        if not isinstance(dependency, Depends):
            raise ConfigurationError(f"with FastAPI, dependencies are Depends(...), not {type(dependency).__name__}")
    # Elsewhere than at their usual place, the routes may stand beside those of other endpoints.
    short = engine.settings.jobs_path == _USUAL
    for route in routes:
        endpoint = _endpoint(route)
        guards = list(dependencies) if route.guarded else []
        app.router.add_api_route(
            route.path,
            endpoint,
            # The class answers HEAD by itself, without a second operation in the document.
            methods=[method for method in route.methods if method != "HEAD"],
            name=route.name,
            operation_id=route.name if short else None,
            summary=route.summary,
            tags=[TAG],
            dependencies=guards,
            response_class=Response,
            openapi_extra={ROUTE_MARKER: route.name},
            route_class_override=JobAPIRoute,
        )
    _wrap_openapi(app, engine)


def _endpoint(route: JobRoute) -> Callable[..., Any]:
    if "{job_id}" not in route.path:
        return route.endpoint
    answer = route.endpoint

    async def endpoint(
        request: Request,
        job_id: Annotated[str, Path(description="The job's id.")],
    ) -> Response:
        return await answer(request)

    endpoint.__name__ = route.name
    endpoint.__doc__ = route.endpoint.__doc__
    return endpoint


def _wrap_openapi(app: FastAPI, engine: Engine) -> None:
    """Describe each document that the application makes, once: FastAPI keeps it until its routes change."""
    make = app.openapi
    described: dict[str, Any] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal described
        document = make()
        if document is not described:
            described = describe(document, engine.registry, engine.settings)
        return document

    app.openapi = openapi
