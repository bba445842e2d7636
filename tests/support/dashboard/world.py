"""An application with the dashboard, and a store full of jobs that have had a day."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from asyncendpoints import AsyncEndpoints, JobContext, _core
from asyncendpoints.dashboard import Grant
from asyncendpoints.job import NewJob
from asyncendpoints.observability.histogram import bucket_of
from asyncendpoints.observability.reports import Card, EndpointCounts, SlotCounts, encode_card, encode_counts
from asyncendpoints.stores.base import SLOT_MS, Report

if TYPE_CHECKING:
    from asyncendpoints.stores.base import Store

ENDPOINTS: Final = {
    "build_report": "reports",
    "pay": "payments",
    "profile_csv": "default",
    "send-welcome-email": "mail",
    "resize_image": "media",
}
ERRORS: Final = (
    ("The handler failed", "ConnectionError: the payment provider hung up after {n} ms"),
    ("The handler failed", "KeyError: 'customer-{n}'"),
    ("The handler took too long", "the handler did not end within 60 s"),
    ("Payment declined", "the limit is 1000.00"),
)


def world(
    kind: str = "starlette", store: str | Store = "memory://", *, title: str = "Shop jobs", **options: Any
) -> tuple[Any, AsyncEndpoints]:
    """Return an application with the dashboard at /ops, and its jobs; no worker runs.

    Args:
        kind: `starlette` or `fastapi`.
        store: Where the jobs are.
        title: The dashboard's.
        options: Further options of the dashboard.
    """
    jobs = AsyncEndpoints(store, worker=False)

    async def build_report(job: JobContext) -> dict[str, int]:
        return {"pages": 3}

    dashboard = jobs.dashboard(title=title, **({"local": Grant.READ | Grant.ACT} | options))
    route = jobs.route("/customers/{customer_id}/reports", build_report, queue="reports")
    for name, queue in ENDPOINTS.items():
        if name != "build_report":
            jobs.handler(name, queue=queue)(_nothing())
    if kind == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI()
        jobs.install(app)
        app.router.routes.append(Route("/customers/{customer_id}/reports", route.endpoint, methods=["POST"]))
        app.mount("/ops", dashboard)
    else:
        app = Starlette(routes=[route])
        jobs.install(app)
        app.router.routes.append(Mount("/ops", dashboard))
    return app, jobs


def _nothing() -> Any:
    async def nothing(job: JobContext) -> None:
        return None

    return nothing


async def fill(store: Store, count: int, *, seed: int = 5, now: int | None = None) -> list[str]:
    """Store jobs in every state, made over the last day, and return their ids, the newest last."""
    chosen = random.Random(seed)
    present = time.time_ns() // 1_000_000 if now is None else now
    names = list(ENDPOINTS)
    ids: list[str] = []
    for start in range(0, count, 500):
        at = present - 6_000 - int(86_000_000 * max(1 - (start + 500) / count, 0))
        batch = [_new_job(chosen, names, at + place) for place in range(min(500, count - start))]
        await store.enqueue(batch, now=at)
        ids += [job.job_id for job in batch]
        last = start + 500 >= count
        await _run_some(store, chosen, at + 900, part=0.9 if last else 0.99, last=last)
    return ids


def _new_job(chosen: random.Random, names: list[str], at: int) -> NewJob:
    name = chosen.choice(names)
    return NewJob(
        job_id=_core.new_job_id(now=at),
        handler=name,
        queue=ENDPOINTS[name],
        delay_ms=3_600_000 if chosen.random() < 0.01 else 0,
        max_attempts=1,
        payload=msgspec.json.encode({"customer": chosen.randrange(10_000), "title": "Autumn"}),
        owner=f"shop-{chosen.randrange(5)}",
        retention_completed_ms=7 * 86_400_000,
    )


async def _run_some(store: Store, chosen: random.Random, at: int, *, part: float, last: bool) -> None:
    claims = await store.claim(
        worker="shop-1.4242",
        claim_id=_core.new_job_id(now=at),
        queues=sorted(set(ENDPOINTS.values())),
        limit=int(500 * part),
        lease_ms=600_000_000,
        now=at,
    )
    settlements: list[_core.Settlement] = []
    for claim in claims.claims:
        luck = chosen.random()
        if last and luck < 0.2:
            continue  # it runs still
        if luck > 0.93:
            title, detail = chosen.choice(ERRORS)
            problem = {"type": "https://asyncendpoints.dev/problems/handler-failed", "title": title, "status": 500}
            error = msgspec.json.encode({**problem, "detail": detail.format(n=chosen.randrange(100_000))})
            settlements.append(_core.Settlement.of(claim, "raised_final", error=error))
        else:
            settlements.append(_core.Settlement.of(claim, "returned", result=b'{"words":[300,301]}'))
    await store.settle(settlements, now=at + chosen.randrange(40, 4_000))


async def tell_of_a_day(
    store: Store, *, now: int | None = None, processes: int = 3, seed: int = 7, days: bool = True
) -> None:
    """Report what a few processes would have reported in a day, and their cards; or only the cards."""
    chosen = random.Random(seed)
    present = time.time_ns() // 1_000_000 if now is None else now
    slot_now = present // SLOT_MS
    for number in range(processes):
        name = f"shop-{number + 1}.{4242 + number}"
        for slot in range(slot_now - 287 if days else slot_now + 1, slot_now + 1):
            counts = _counts(chosen, slot)
            at = min(slot * SLOT_MS + SLOT_MS - 1, present)
            await store.report(Report(process=name, card=None, slot=slot, history=encode_counts(counts)), now=at)
        card = Card(
            host=f"shop-{number + 1}",
            pid=4242 + number,
            version=_core.__version__,
            python="3.11.2",
            started_at=present - 90_000_000 + number * 1_000_000,
            worker=name,
            queues=sorted(set(ENDPOINTS.values())),
            handlers=sorted(ENDPOINTS),
            slots=100,
            busy=(17, 64, 3)[number % 3],
        )
        await store.report(
            Report(process=name, card=encode_card(card), slot=slot_now, history=None), now=present - 2_000
        )


def _counts(chosen: random.Random, slot: int) -> SlotCounts:
    # A day has its busy hours.
    busy = 1.0 + 0.8 * abs(((slot % 288) / 144) - 1)
    counts = SlotCounts()
    for name, queue in ENDPOINTS.items():
        ran: dict[int, int] = {}
        waited: dict[int, int] = {}
        number = int(chosen.randrange(20, 60) * busy)
        failed = sum(chosen.random() < 0.03 for _ in range(number))
        for _ in range(number):
            ran_for = bucket_of(chosen.lognormvariate(5.5, 0.9))
            waited_for = bucket_of(chosen.lognormvariate(2.0, 1.1) * busy)
            ran[ran_for] = ran.get(ran_for, 0) + 1
            waited[waited_for] = waited.get(waited_for, 0) + 1
        counts.endpoints[name] = {
            queue: EndpointCounts(
                created=number,
                replayed=chosen.randrange(4),
                refused=chosen.randrange(2),
                attempts={"completed": number - failed, "error": failed},
                ended={"completed": number - failed, "failed": failed},
                ran=ran,
                waited=waited,
            )
        }
    return counts
