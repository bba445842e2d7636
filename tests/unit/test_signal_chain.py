"""Several applications of one process, and other people's handlers on top of ours: every signal still does its work."""

from __future__ import annotations

import signal

import pytest

from tests.support.scripts import run_script

PRELUDE = """
    import asyncio, signal
    from asyncendpoints import AsyncEndpoints

    gate = asyncio.Event()

    def application(name):
        jobs = AsyncEndpoints("memory://", shutdown_grace=30)

        @jobs.handler("work")
        async def work():
            print(name, "begun", flush=True)
            await gate.wait()
            print(name, "ended", flush=True)

        return jobs

    async def begin(jobs):
        job = (await jobs.submit("work")).job
        await jobs.engine.wait(job.job_id, version=job.version, timeout=30)

    def send(number):
        asyncio.get_running_loop().call_later(0.1, gate.set)
        signal.raise_signal(number)

    a, b = application("a"), application("b")
"""


def printed(body: str, number: signal.Signals) -> tuple[list[str], int]:
    """Run the body of a coroutine, and return what it printed and how the process ended."""
    lines = "\n".join("        " + line for line in body.splitlines())
    done = run_script(
        f"{PRELUDE}\n    async def main():\n{lines}\n        await asyncio.sleep(30)\n        print('alive')\n"
        f"\n    number = signal.{number.name}\n    asyncio.run(main())"
    )
    return done.stdout.splitlines(), done.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "stops", ["await a.stop()\nawait b.stop()", "await b.stop()\nawait a.stop()"], ids=["first-first", "last-first"]
)
def test_applications_that_have_stopped_leave_the_signals_as_they_were(stops: str, number: signal.Signals) -> None:
    """In whatever order they stop, the signal ends the process afterwards."""
    lines, code = printed(f"await a.start()\nawait b.start()\n{stops}\nsignal.raise_signal(number)", number)
    assert (lines, code) == ([], -number)


def test_an_application_whose_elder_has_stopped_drains_and_then_ends_the_process() -> None:
    """SHD-1: The handler below it belongs to nobody any more, so it is the one who acts on the signal."""
    body = "await a.start()\nawait b.start()\nawait a.stop()\nawait begin(b)\nsend(number)"
    assert printed(body, signal.SIGTERM) == (["b begun", "b ended"], -signal.SIGTERM)


def test_two_applications_both_drain_before_the_process_ends() -> None:
    """SHD-1: The process ends when the last one has drained, and no signal of theirs counts as a second one."""
    body = "await a.start()\nawait b.start()\nawait begin(a)\nawait begin(b)\nsend(number)"
    lines, code = printed(body, signal.SIGTERM)
    assert (sorted(lines), code) == (["a begun", "a ended", "b begun", "b ended"], -signal.SIGTERM)


def test_a_handler_on_top_of_an_ended_application_still_reaches_the_one_below() -> None:
    """A chain that others have built over ours hands the signal on, to its default action here."""
    body = """
await a.start()
below = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda number, frame: (print("on top", flush=True), below(number, frame)))
await a.stop()
signal.raise_signal(number)"""
    assert printed(body, signal.SIGTERM) == (["on top"], -signal.SIGTERM)


def test_a_forked_child_of_a_started_application_drains_its_own() -> None:
    """The handler that it inherited belongs to its parent's engine, and stands for nobody in the child."""
    body = """
await a.start()
import os
pid = os.fork()
if pid == 0:
    asyncio.events._set_running_loop(None)
    async def child():
        global gate
        gate = asyncio.Event()
        await b.start()
        await begin(b)
        send(number)
        await asyncio.sleep(30)
    asyncio.run(child())
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
await a.stop()
signal.raise_signal(number)"""
    assert printed(body, signal.SIGTERM) == (["b begun", "b ended", "-15"], -signal.SIGTERM)
