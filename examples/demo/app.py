"""Three asynchronous endpoints for curl: one with progress, one that is retried, one that takes a file."""

import asyncio
import os
from pathlib import Path as File
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import FastAPI, Path
from pydantic import BaseModel, Field

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, JobError, Retry
from asyncendpoints.dashboard import Grant
from examples.csv_profile.app import profile_csv

FILE: Final = File(os.environ.get("DEMO_FILE") or File(__file__).parents[2] / "demo.db").resolve()
"""Where jobs are: in the directory that `make demo` is run in, unless the environment says otherwise."""

# A short lease, so that what a killed demo was doing goes on soon after the next one has started.
jobs = AsyncEndpoints(f"sqlite:///{quote(str(FILE))}", concurrency=20, lease_for=3.0)
app = FastAPI(title="asyncendpoints demo")
jobs.install(app, health=True)
# Whoever sits at this machine may do everything there; nobody else is let in.
app.mount("/ops", jobs.dashboard(local=Grant.READ | Grant.ACT | Grant.BODIES, title="Demo jobs"))


class ReportRequest(BaseModel):
    """What a client asks for."""

    title: str = Field(max_length=200)
    pages: int = Field(default=10, ge=1, le=20)


class Report(BaseModel):
    """What it gets."""

    customer_id: int
    title: str
    words: list[int]


@app.post("/customers/{customer_id}/reports", tags=["reports"])
@jobs.endpoint(timeout=60)
async def build_report(
    customer_id: Annotated[int, Path(ge=0, le=2**31)], body: ReportRequest, job: JobContext
) -> Report:
    """Write a report page by page, a fifth of a second each."""
    words: list[int] = []
    for page in range(1, body.pages + 1):
        await asyncio.sleep(0.2)
        words.append(300 + (customer_id * page) % 100)
        await job.progress(100 * page / body.pages, f"page {page} of {body.pages}")
    return Report(customer_id=customer_id, title=body.title, words=words)


class Payment(BaseModel):
    """What to pay."""

    amount: int = Field(gt=0, le=10**9, description="cents")


class Receipt(BaseModel):
    """That it was paid, and how many attempts it took."""

    amount: int
    attempts: int


@app.post("/payments", tags=["payments"])
@jobs.endpoint(retry=Retry(max_attempts=3, backoff=Fixed(1.0)), require_idempotency_key=True)
async def pay(body: Payment, job: JobContext) -> Receipt:
    """Pay, at a provider that always fails the first time; a payment over 1,000.00 is declined for good."""
    if body.amount > 100_000:
        raise JobError("Payment declined", status=402, detail="the limit is 1000.00")
    if job.attempt == 1:
        raise ConnectionError("the payment provider hung up")
    return Receipt(amount=body.amount, attempts=job.attempt)


app.post("/profiles", tags=["profiles"])(jobs.endpoint(timeout=60, max_body_bytes=8 * 1024 * 1024)(profile_csv.handler))
