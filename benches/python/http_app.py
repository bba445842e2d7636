"""What the HTTP benchmark serves: asynchronous endpoints, and bare routes with the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from asyncendpoints import AsyncEndpoints, JobContext

if TYPE_CHECKING:
    from starlette.requests import Request

jobs = AsyncEndpoints("memory://", worker=False)
app = FastAPI()
jobs.install(app)
bare = FastAPI()


class ReportRequest(BaseModel):
    """What both routes take."""

    title: str
    pages: int = 5


@app.post("/reports")
@jobs.endpoint()
async def build_report(body: ReportRequest, job: JobContext) -> None:
    """Never run here: the worker is off."""


URL = "http://localhost/jobs/01980000-0000-7000-8000-000000000000"
RESOURCE: dict[str, Any] = {
    "jobId": "01980000-0000-7000-8000-000000000000",
    "requestId": "key-1",
    "endpoint": "build_report",
    "status": "queued",
    "done": False,
    "createdAt": "2026-01-01T00:00:00.000Z",
    "scheduledAt": None,
    "startedAt": None,
    "finishedAt": None,
    "updatedAt": "2026-01-01T00:00:00.000Z",
    "expiresAt": None,
    "attempt": 0,
    "maxAttempts": 3,
    "nextAttemptAt": None,
    "attempts": [],
    "progress": None,
    "result": None,
    "error": None,
    "redriveOf": None,
    "cancelRequestedAt": None,
    "warnings": [],
    "statusUrl": URL,
    "resultUrl": URL + "/result",
    "eventsUrl": URL + "/events",
    "cancelUrl": URL + "/cancel",
}


@bare.post("/reports", status_code=202)
async def accept_report(body: ReportRequest) -> dict[str, Any]:
    """Answer the same JSON, and do nothing."""
    return RESOURCE


async def build(job: JobContext[dict[str, Any]]) -> None:
    """Never run here: the worker is off."""


async def parse_and_answer(request: Request) -> JSONResponse:
    """Read the same JSON and answer the same JSON, and do nothing."""
    await request.json()
    return JSONResponse(RESOURCE, 202)


starlette_jobs = AsyncEndpoints("memory://", worker=False)
starlette_app = Starlette(routes=[starlette_jobs.route("/reports", build)])
starlette_jobs.install(starlette_app)
starlette_bare = Starlette(routes=[Route("/reports", parse_and_answer, methods=["POST"])])
