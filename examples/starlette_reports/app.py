"""Ask for a customer's sales report, read it as JSON or as CSV once it is built.

$ uvicorn examples.starlette_reports.app:app
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asyncendpoints import AsyncEndpoints, Exponential, JobContext, JobError, Result, Retry

SALES = {7: {"2026-08": 1200, "2026-09": 800, "2026-10": 1750}, 8: {"2026-10": 90}}
OUTBOX: list[str] = []


@dataclass
class ReportRequest:
    """What a client asks for."""

    title: str
    months: int = 3


@dataclass
class Report:
    """What it gets."""

    title: str
    customer_id: int
    totals: dict[str, int]
    total: int


async def build_report(job: JobContext[ReportRequest]) -> Report | Result:
    """Add up the newest months of a customer, one after the other, and tell the customer once."""
    customer_id = job.request.path_params["customer_id"]
    if customer_id not in SALES:
        raise JobError("No such customer", status=404, detail=f"customer {customer_id} has never bought anything")
    months = sorted(SALES[customer_id], reverse=True)[: job.payload.months]
    totals: dict[str, int] = {}
    for number, month in enumerate(months, start=1):
        totals[month] = await sales_of(customer_id, month)
        await job.progress(100 * number / len(months), f"added {month}")
    await job.once("tell-the-customer", lambda: send_mail(f"customer {customer_id}: {job.payload.title} is ready"))
    if parse_qs(job.request.query).get("format") == ["csv"]:
        lines = ["month,total", *(f"{month},{total}" for month, total in totals.items())]
        return Result("\r\n".join(lines) + "\r\n", media_type="text/csv")
    return Report(job.payload.title, customer_id, totals, sum(totals.values()))


async def sales_of(customer_id: int, month: str) -> int:
    """Ask the (slow) sales ledger."""
    await asyncio.sleep(0.01)
    return SALES[customer_id][month]


async def send_mail(text: str) -> int:
    """Send a mail and return its number; here it only goes to the outbox."""
    OUTBOX.append(text)
    return len(OUTBOX)


async def outbox(_request: Request) -> JSONResponse:
    """Show what has been sent."""
    return JSONResponse(OUTBOX)


jobs = AsyncEndpoints("memory://")
app = Starlette(
    routes=[
        Route("/outbox", outbox),
        jobs.route(
            "/customers/{customer_id:int}/reports",
            build_report,
            methods=["POST"],
            retry=Retry(max_attempts=5, backoff=Exponential(base=0.5, maximum=30.0)),
            timeout=60,
        ),
    ]
)
jobs.install(app)
