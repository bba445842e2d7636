"""A worker process tells its metrics and its health on a port of its own, whatever its event loop does."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints
from asyncendpoints.errors import ConfigurationError, StoreUnavailable
from asyncendpoints.probe_server import AT_ONCE, ProbeServer
from tests.support.running import running, until

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def served(jobs: AsyncEndpoints) -> Generator[ProbeServer]:
    server = ProbeServer(jobs.engine, asyncio.get_running_loop(), port=0)
    try:
        yield server
    finally:
        server.close()


def ask(server: ProbeServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


async def asked(server: ProbeServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    return await asyncio.to_thread(ask, server, path, method, **headers)


async def test_a_worker_that_works_is_alive_and_ready_and_counts() -> None:
    async with running() as jobs:

        @jobs.handler
        async def work() -> None: ...

        with served(jobs) as server:
            await jobs.wait((await jobs.submit(work)).job.job_id)
            for path in ("/livez", "/readyz"):
                assert await asked(server, path) == (200, "application/json", '{"status":"ok"}')
            await until(lambda: sum(jobs.engine.meters.tallies()[0].ended.values()))
            status, media_type, page = await asked(server, "/metrics?x=1")
            assert (status, media_type.split(";")[0]) == (200, "text/plain")
            assert 'asyncendpoints_jobs_total{endpoint="work",queue="default",status="completed"} 1.0' in page
            assert 'asyncendpoints_queue_jobs{queue="default",state="completed"} 1.0' in page
            assert "process_cpu_seconds_total" in page, "what prometheus-client's own registry has is there, too"
            assert (await asked(server, "/metrics", "HEAD"))[2] == ""
            assert (await asked(server, "/elsewhere"))[0] == 404
            assert (await asked(server, "/livez", "POST"))[0] == 501


async def test_openmetrics_are_written_for_who_asks_for_them() -> None:
    async with running() as jobs:
        with served(jobs) as server:
            _, media_type, page = await asked(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
            assert media_type.startswith("application/openmetrics-text; version=1.0.0")
            assert page.endswith("# EOF\n")


async def test_a_loop_that_has_stalled_past_max_stall_is_not_alive_and_is_again_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The probe is answered by a thread; nothing else could tell."""
    monkeypatch.setattr("asyncendpoints.probe_server.PATIENCE", 0.3)
    async with running(lease_for=0.1, max_stall=0.2) as jobs:
        with served(jobs) as server:
            answers: list[tuple[int, str, str]] = []

            def look() -> None:
                deadline = time.monotonic() + 20
                while not (answers and answers[-1][0] == 503) and time.monotonic() < deadline:
                    answers.append(ask(server, "/livez"))
                answers.append(ask(server, "/readyz"))

            looking = threading.Thread(target=look)
            looking.start()
            looking.join()  # the event loop stands still until the thread has seen enough
            assert answers[-2][0] == 503, answers[-2]
            assert "the event loop has stalled" in answers[-2][2]
            assert answers[-1][0] == 503
            assert "the event loop does not answer" in answers[-1][2]
            await asyncio.sleep(0)
            watch = jobs.engine.measures.watch
            assert watch is not None
            await until(lambda: watch.silent_for < 0.1)
            assert (await asked(server, "/livez"))[0] == 200
            assert (await asked(server, "/readyz"))[0] == 200
        assert jobs.engine.measures.stalls.read()[1] > 0.2


async def test_a_worker_is_not_ready_before_its_start_while_it_drains_and_without_its_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = AsyncEndpoints("memory://")
    with served(jobs) as server:
        assert json.loads((await asked(server, "/readyz"))[2])["reasons"] == ["not started"]
        assert (await asked(server, "/livez"))[0] == 200
        async with jobs:

            async def unavailable() -> None:
                raise StoreUnavailable("no route to host")

            with monkeypatch.context() as patch:
                patch.setattr(jobs.engine.store, "ping", unavailable)
                assert "no route to host" in (await asked(server, "/readyz"))[2]
            jobs.engine.begin_drain()
            assert await asked(server, "/readyz") == (
                503,
                "application/json",
                '{"status":"unavailable","reasons":["draining"]}',
            )


async def test_figures_of_the_queues_vanish_while_the_store_does_not_answer_and_the_rest_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as jobs:

        @jobs.handler
        async def work() -> None: ...

        await jobs.wait((await jobs.submit(work)).job.job_id)
        monkeypatch.setattr("asyncendpoints.queue_figures.FRESH", 0.0)
        with served(jobs) as server:
            assert "asyncendpoints_queue_jobs{" in (await asked(server, "/metrics"))[2]

            async def unavailable(*, now: int | None = None) -> None:
                raise StoreUnavailable("no route to host")

            monkeypatch.setattr(jobs.engine.store, "stats", unavailable)
            page = (await asked(server, "/metrics"))[2]
            assert "asyncendpoints_queue_jobs{" not in page
            assert "asyncendpoints_jobs_total{" in page


async def test_scrapes_that_come_together_read_the_store_once() -> None:
    async with running() as jobs:
        calls: list[None] = []
        stats = jobs.engine.store.stats

        async def counted(*, now: int | None = None) -> object:
            calls.append(None)
            return await stats(now=now)

        jobs.engine.store.stats = counted  # type: ignore[method-assign]
        with served(jobs) as server:
            await asyncio.gather(*(asked(server, "/metrics") for _ in range(8)))
        assert len(calls) == 1


async def test_a_port_that_is_taken_is_a_mistake_of_the_configuration() -> None:
    async with running() as jobs:
        with served(jobs) as server, pytest.raises(ConfigurationError, match=f"127.0.0.1:{server.port}"):
            ProbeServer(jobs.engine, asyncio.get_running_loop(), port=server.port)


async def test_clients_that_say_nothing_keep_nobody_else_from_an_answer_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is a bounded number of threads, and each waits a bounded time for its client."""
    monkeypatch.setattr("asyncendpoints.probe_server._Handler.timeout", 0.2)
    async with running() as jobs:
        with served(jobs) as server:
            before = threading.active_count()
            silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(64)]
            try:

                def answered() -> bool:
                    assert threading.active_count() - before <= 16 + 8
                    try:
                        return ask(server, "/livez")[0] == 200
                    except OSError:
                        return False  # closed unheard, because too many are served

                async with asyncio.timeout(10):
                    while not await asyncio.to_thread(answered):
                        pass
            finally:
                for connection in silent:
                    connection.close()


async def test_clients_that_say_a_byte_now_and_then_keep_nobody_else_from_an_answer_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asyncendpoints.probe_server._Handler.timeout", 0.5)
    async with running() as jobs:
        with served(jobs) as server:
            slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(AT_ONCE)]
            try:
                async with asyncio.timeout(10):
                    while True:
                        for each in slow:
                            with suppress(OSError):
                                each.send(b"x")
                        try:
                            status, _, _ = await asked(server, "/livez")
                        except OSError:
                            await asyncio.sleep(0.1)  # all places are taken: the slow ones go on meanwhile
                        else:
                            break
                assert status == 200
            finally:
                for each in slow:
                    each.close()
