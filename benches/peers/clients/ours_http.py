"""The same application with this library, on Starlette; the same on FastAPI; and a bare FastAPI route."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext
from benches.peers.clients import handlers
from benches.python.http_app import ReportRequest, bare

__all__ = ["bare", "fast", "star"]

star_jobs = AsyncEndpoints(handlers.URL, worker=False)
fast_jobs = AsyncEndpoints(handlers.URL, worker=False)


async def build(job: JobContext[ReportRequest]) -> None:
    """Never run here: the worker is off."""


star = Starlette(routes=[star_jobs.route("/reports", build)])
star_jobs.install(star)
fast = FastAPI()
fast_jobs.install(fast)


@fast.post("/reports")
@fast_jobs.endpoint()
async def build_report(body: ReportRequest, job: JobContext) -> None:
    """Never run here: the worker is off."""
