"""A Starlette application that enqueues with SAQ."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import BaseModel
from saq import Queue
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from benches.peers.clients import handlers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

queue = Queue.from_url(handlers.URL, name="bench")


class ReportRequest(BaseModel):
    """What the route takes."""

    title: str
    pages: int = 5


async def accept(request: Request) -> JSONResponse:
    """Check the body, enqueue the job and say where it is."""
    body = ReportRequest.model_validate_json(await request.body())
    job = await queue.enqueue("build", **body.model_dump())
    assert job is not None
    return JSONResponse({"key": job.key, "status": job.status}, status_code=202)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Hold the connection."""
    await queue.connect()
    yield
    await queue.disconnect()


app = Starlette(routes=[Route("/reports", accept, methods=["POST"])], lifespan=lifespan)
