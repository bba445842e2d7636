"""The engine's life inside the application's: after all start-up code, before any shutdown code."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext
from asyncendpoints.errors import StoreUnavailable
from tests.http.serving import Serving, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Diary:
    """What happened, in order."""

    def __init__(self) -> None:
        self.jobs = AsyncEndpoints("memory://", shutdown_grace=20)
        self.lines: list[str] = []

    def lifespan(self, name: str) -> Any:
        """Return a lifespan that says whether the engine runs at its two ends."""

        @asynccontextmanager
        async def context(app: Any) -> AsyncIterator[None]:
            self.note(f"{name} starts")
            yield
            self.note(f"{name} ends")

        return context

    def note(self, event: str) -> None:
        """Write what happened, and what the worker does."""
        self.lines.append(f"{event}, worker {'on' if self.jobs.engine.worker_running else 'off'}")

    def application(self, framework: str, order: str) -> Any:
        """Make an application with a lifespan of its own, and for FastAPI one of a router."""
        if framework == "starlette":
            app: Any = Starlette(lifespan=self.lifespan("app"))
            self.jobs.install(app)
            return app
        from fastapi import APIRouter, FastAPI

        app = FastAPI(lifespan=self.lifespan("app"))
        router = APIRouter(lifespan=self.lifespan("router"))
        if order == "install first":
            self.jobs.install(app)
        app.include_router(router)
        if order == "install last":
            self.jobs.install(app)
        return app


@pytest.mark.parametrize("order", ["install first", "install last"])
def test_the_worker_starts_last_and_drains_first(framework: str, order: str) -> None:
    """Whatever the order of `install`, routers and lifespans: start-up code sees no worker, shutdown code neither."""
    diary = Diary()

    @diary.jobs.handler("late")
    async def late(job: JobContext) -> None:
        diary.note("job runs")

    with Serving(diary.application(framework, order)) as serving:
        assert diary.jobs.engine.worker_running
        submission = serving.call(diary.jobs.submit("late"))
        eventually(lambda: any(line.startswith("job runs") for line in diary.lines))
        serving.call(diary.jobs.wait(submission.job.job_id, 20))
    starts = [line for line in diary.lines if "starts" in line]
    ends = [line for line in diary.lines if "ends" in line]
    assert starts
    assert all(line.endswith("worker off") for line in starts + ends), diary.lines
    assert len(starts) == len(ends)
    assert diary.lines.index("job runs, worker on") == len(starts)
    assert not diary.jobs.engine.started


def test_shutdown_code_runs_when_running_jobs_have_ended() -> None:
    """The drain gives handlers their grace before the application closes what they use."""
    diary = Diary()
    app = diary.application("starlette", "")
    running: list[bool] = []

    @diary.jobs.handler("slow")
    async def slow(job: JobContext) -> None:
        import asyncio

        running.append(True)
        while not diary.jobs.engine.draining:
            await asyncio.sleep(0.001)
        diary.note("job ends")

    with Serving(app) as serving:
        serving.call(diary.jobs.submit("slow"))
        eventually(lambda: bool(running))
    assert diary.lines == ["app starts, worker off", "job ends, worker off", "app ends, worker off"]


def test_a_store_that_cannot_be_opened_fails_the_start(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server hears a failed start-up, and the application's own shutdown code has run."""
    diary = Diary()

    async def unavailable() -> None:
        raise StoreUnavailable("connection refused")

    monkeypatch.setattr(diary.jobs.engine.store, "open", unavailable)
    with Serving(diary.application(framework, "install first")) as serving:
        assert not serving.started
    assert diary.lines[0].startswith("app starts")
    assert diary.lines[-1].startswith("app ends")
    assert not diary.jobs.engine.started


def test_an_application_that_fails_to_start_never_starts_the_engine(framework: str) -> None:
    """Start-up code that raises is the server's to report."""
    jobs = AsyncEndpoints("memory://")

    @asynccontextmanager
    async def broken(app: Any) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    if framework == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI(lifespan=broken)
    else:
        app = Starlette(lifespan=broken)
    jobs.install(app)
    with Serving(app) as serving:
        assert not serving.started
    assert not jobs.engine.started


def test_shutdown_code_that_fails_still_closes_the_engine() -> None:
    """The engine is closed before the server hears of the failure."""
    jobs = AsyncEndpoints("memory://")

    @asynccontextmanager
    async def broken(app: Any) -> AsyncIterator[None]:
        yield
        raise RuntimeError("cannot flush")

    app = Starlette(lifespan=broken)
    jobs.install(app)
    with Serving(app) as serving:
        assert jobs.engine.started
        assert serving.started
    assert not jobs.engine.started


def test_an_engine_that_somebody_else_started_is_left_to_them(framework: str) -> None:
    """A worker process starts the engine itself; the application's lifespan neither starts nor ends it again."""
    jobs = AsyncEndpoints("memory://")
    kept: list[bool] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await jobs.start()
        yield
        kept.append(jobs.engine.started)
        await jobs.stop()

    if framework == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI(lifespan=lifespan)
    else:
        app = Starlette(lifespan=lifespan)
    jobs.install(app)
    with Serving(app) as serving:
        assert serving.started
    assert kept == [True]


def test_an_application_can_be_served_again(framework: str) -> None:
    """A second lifespan of the same application starts the engine again, in another event loop."""
    from tests.http.application import stage

    staged = stage(framework)
    for _ in range(2):
        with Serving(staged.app) as serving:
            answer = serving.client.post("/shops/a/orders", json={"do": "return"}, headers={"Prefer": "wait=20"})
            assert answer.status_code == 204


def test_two_applications_may_share_one_installation() -> None:
    """The lifespan that started the engine ends it; the other application submits to the same one."""
    jobs = AsyncEndpoints("memory://")

    async def work(job: JobContext[None]) -> None: ...

    first, second = Starlette(routes=[jobs.route("/work", work)]), Starlette(routes=[])
    jobs.install(first)
    jobs.install(second)
    with Serving(first) as one, Serving(second, lifespan="on"):
        assert one.client.post("/work").status_code == 202
    assert not jobs.engine.started


def test_websockets_and_other_scopes_pass_untouched() -> None:
    """The middleware handles HTTP and lifespans, and hands on everything else."""
    import asyncio

    from asyncendpoints.http.middleware import AsyncEndpointsMiddleware

    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    scope, receive, send = {"type": "websocket"}, object(), object()
    middleware: Any = AsyncEndpointsMiddleware(app, engine=AsyncEndpoints("memory://").engine)
    asyncio.run(middleware(scope, receive, send))
    assert seen == [(scope, receive, send)]
    assert scope == {"type": "websocket"}
