"""Signals begin a drain and then do what they did before; a fork leaves the parent's engine to the parent."""

from __future__ import annotations

import asyncio
import signal

import pytest

from asyncendpoints import AsyncEndpoints
from tests.support.running import ended, until
from tests.support.scripts import run_script


def application() -> AsyncEndpoints:
    """Return an application with one handler that ends at once."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work")(lambda: "done")
    return jobs


SCRIPT = """
    import asyncio, os, signal, sys
    from asyncendpoints import AsyncEndpoints

    jobs = AsyncEndpoints("memory://", shutdown_grace={grace})

    @jobs.handler
    async def work():
        print("begun", flush=True)
        os.kill(os.getpid(), signal.{signal})
        try:
            await asyncio.sleep({sleep})
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise
        print("ended", flush=True)

    async def main():
        async with jobs:
            await jobs.submit(work)
            await asyncio.Event().wait()

    {run}
"""


@pytest.mark.parametrize(
    ("grace", "sleep", "printed"),
    [(30, 0.2, ["begun", "ended"]), (0.1, 3600, ["begun", "cancelled"])],
)
def test_a_script_drains_before_sigterm_ends_it(grace: float, sleep: float, printed: list[str]) -> None:
    """SHD-1: Where nobody else handles SIGTERM, the process ends by it once the drain is over."""
    done = run_script(SCRIPT.format(grace=grace, sleep=sleep, signal="SIGTERM", run="asyncio.run(main())"))
    assert (done.stdout.split(), done.returncode) == (printed, -signal.SIGTERM), done.stderr


def test_a_script_drains_before_ctrl_c_ends_it() -> None:
    """SHD-1: asyncio's own handler cancels the main task; the block is left with what still runs given back."""
    done = run_script(SCRIPT.format(grace=30, sleep=3600, signal="SIGINT", run="asyncio.run(main())"))
    assert done.stdout.split() == ["begun", "cancelled"], done.stderr
    assert "KeyboardInterrupt" in done.stderr


async def test_previous_signal_handlers_are_called_and_put_back() -> None:
    """The installed handlers go on working while the engine runs, and are the installed ones afterwards."""
    heard: list[int] = []

    def handler(number: int, frame: object) -> None:
        heard.append(number)

    previous = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        jobs = application()
        async with jobs:
            assert signal.getsignal(signal.SIGTERM) is not handler
            signal.raise_signal(signal.SIGTERM)
            await until(lambda: jobs.engine.draining)
        assert heard == [signal.SIGTERM]
        assert all(signal.getsignal(number) is handler for number in previous)
    finally:
        for number, installed in previous.items():
            signal.signal(number, installed)


async def test_a_handler_installed_after_ours_is_left_alone() -> None:
    """Nothing is put back over what somebody has installed since."""
    previous = signal.getsignal(signal.SIGTERM)

    def newer(number: int, frame: object) -> None: ...

    try:
        async with application():
            signal.signal(signal.SIGTERM, newer)
        assert signal.getsignal(signal.SIGTERM) is newer
    finally:
        signal.signal(signal.SIGTERM, previous)


async def test_an_ignored_signal_stays_ignored() -> None:
    """A process that was told to ignore a signal, by nohup say, does not drain for it."""
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        jobs = application()
        async with jobs:
            signal.raise_signal(signal.SIGTERM)
            await ended(jobs, "work")
            assert not jobs.engine.draining
    finally:
        signal.signal(signal.SIGTERM, previous)


async def test_outside_of_the_main_thread_signals_are_nobodys_business() -> None:
    """An engine in another thread starts, works and ends without touching them."""
    installed: dict[int, object] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def elsewhere() -> str:
        async def work() -> str:
            jobs = application()
            async with jobs:
                assert {number: signal.getsignal(number) for number in installed} == installed
                return (await ended(jobs, "work")).state

        return asyncio.run(work())

    assert await asyncio.to_thread(elsewhere) == "completed"


@pytest.mark.parametrize("use", ["get", "submit"])
def test_a_forked_child_cannot_use_its_parents_worker(use: str) -> None:
    """ForkedWorker says so; the child starts one of its own, with a store of its own."""
    done = run_script(
        f"""
        import asyncio, os
        from asyncendpoints import AsyncEndpoints, ForkedWorker, JobNotFound

        jobs = AsyncEndpoints("memory://")
        jobs.handler("work")(lambda: os.getpid())

        async def child(job_id):
            try:
                await (jobs.get(job_id) if "{use}" == "get" else jobs.submit("work"))
            except ForkedWorker:
                print("refused", flush=True)
            async with jobs:
                job = await jobs.wait((await jobs.submit("work")).job.job_id, 10)
                assert job.result == str(os.getpid()).encode()
                try:
                    await jobs.get(job_id)
                except JobNotFound:
                    print("own", flush=True)

        async def main():
            async with jobs:
                job = await jobs.wait((await jobs.submit("work")).job.job_id, 10)
                pid = os.fork()
                if pid == 0:
                    asyncio.events._set_running_loop(None)
                    code = 1
                    try:
                        asyncio.run(child(job.job_id))
                        code = 0
                    finally:
                        os._exit(code)
                _, status = os.waitpid(pid, 0)
                assert status == 0, status
                assert (await jobs.get(job.job_id)).state == "completed"
                job = await jobs.wait((await jobs.submit("work")).job.job_id, 10)
                print(job.state)

        asyncio.run(main())
        """
    )
    assert done.stdout.split() == ["refused", "own", "completed"], done.stderr
