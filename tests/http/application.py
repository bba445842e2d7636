"""The application that most tests use, for Starlette and for FastAPI: an endpoint that does as it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncendpoints import AsyncEndpoints, JobContext, JobError, Result, Retry

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

ORDERS = "/shops/{shop}/orders"


class Order(BaseModel):
    """What a client asks for."""

    do: str = "return"
    value: Any = None


@dataclass
class Stage:
    """An application, and what its handler waits for."""

    jobs: AsyncEndpoints
    app: Any
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    runs: list[str] = field(default_factory=list)

    async def work(self, order: Order, job: JobContext[Any]) -> Any:
        """Do what the order says."""
        self.runs.append(job.job_id)
        return await getattr(self, f"do_{order.do}")(order.value, job)

    async def do_return(self, value: Any, job: JobContext[Any]) -> Any:
        return value

    async def do_hold(self, value: Any, job: JobContext[Any]) -> Any:
        await self.gate.wait()
        return value

    async def do_raise(self, value: Any, job: JobContext[Any]) -> Any:
        raise ValueError(value)

    async def do_refuse(self, value: Any, job: JobContext[Any]) -> Any:
        raise JobError("No more stock", status=422, detail="try tomorrow", extensions={"stock": value})

    async def do_report(self, value: Any, job: JobContext[Any]) -> Any:
        await job.progress(50, "half", {"n": 1})
        await self.gate.wait()
        return value

    async def do_present(self, value: Any, job: JobContext[Any]) -> Any:
        body = value.get("body")
        if "bytes" in value:
            body = value["bytes"].encode("latin-1")
        return Result(
            body,
            status_code=value.get("status", 200),
            headers=value.get("headers"),
            media_type=value.get("type"),
        )

    async def do_unserializable(self, value: Any, job: JobContext[Any]) -> Any:
        return object()


def stage(framework: str, *, policy: dict[str, Any] | None = None, **settings: Any) -> Stage:
    """Make the application for a framework."""
    made = Stage(AsyncEndpoints("memory://", **settings), None)
    policy = {"retry": Retry(max_attempts=1), "name": "order", **(policy or {})}
    made.app = starlette_app(made, policy) if framework == "starlette" else fastapi_app(made, policy)
    return made


def starlette_app(made: Stage, policy: dict[str, Any]) -> Starlette:
    """Make the Starlette application, its endpoint at every method and below a mount."""

    async def order(job: JobContext[Order]) -> Any:
        return await made.work(job.payload, job)

    async def nothing(job: JobContext[None]) -> Any:
        return job.job_id

    routes: list[BaseRoute] = [
        made.jobs.route(ORDERS, order, methods=["POST", "PUT", "PATCH", "DELETE"], **policy),
        made.jobs.route("/nothing", nothing, methods=["POST"], name="nothing"),
    ]
    below = made.jobs.route("/orders", order, methods=["POST"], **{**policy, "name": "mounted"})
    app = Starlette(routes=[*routes, Mount("/below", routes=[below])])
    made.jobs.install(app, health=True)
    return app


def fastapi_app(made: Stage, policy: dict[str, Any]) -> Any:
    """Make the same for FastAPI."""
    from fastapi import FastAPI

    app = FastAPI()
    made.jobs.install(app, health=True)

    async def order(shop: str, order: Order, job: JobContext) -> Any:
        return await made.work(order, job)

    endpoint = made.jobs.endpoint(**policy)(order)
    for add in (app.post, app.put, app.patch, app.delete):
        add(ORDERS)(endpoint)

    @app.post("/nothing")
    @made.jobs.endpoint(name="nothing")
    async def nothing(job: JobContext) -> Any:
        return job.job_id

    inner = FastAPI()

    @inner.post("/orders")
    @made.jobs.endpoint(**{**policy, "name": "mounted"})
    async def mounted(order: Order, job: JobContext) -> Any:
        return await made.work(order, job)

    app.mount("/below", inner)
    return app
