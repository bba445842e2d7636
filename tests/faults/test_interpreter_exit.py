"""The interpreter ends cleanly with a store in use, and a second one is told that it cannot have the core."""

from __future__ import annotations

import pytest

from tests.support.scripts import run_clean

PRELUDE = """
import asyncio, atexit, os, sys, threading
from asyncendpoints import _core
from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.memory import MemoryStore

store = MemoryStore()

async def put():
    (answer,) = await store.enqueue([NewJob(job_id=new_job_id(), handler="h", payload=b"p" * 1000)])
    return answer.job

async def take():
    answer = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=9, lease_ms=9000)
    return answer.claims
"""

DEV_MODE = pytest.mark.parametrize("dev_mode", [False, True], ids=["plain", "dev-mode"])


@DEV_MODE
def test_a_store_with_jobs_goes_with_the_interpreter(*, dev_mode: bool) -> None:
    """A store that still holds jobs, claims and a lease keeper at the end is no trouble."""
    run_clean(
        PRELUDE
        + """
async def main():
    for _ in range(100):
        await put()
    for claim in await take():
        keeper.hold([(claim.job_id, claim.fence, 1000)])

keeper = store.keeper(worker="w", lease_ms=1000, max_stall_ms=1000)
asyncio.run(main())
held = asyncio.run(take())
""",
        dev_mode=dev_mode,
    )


@DEV_MODE
def test_a_daemon_thread_in_a_call_does_not_crash_the_end(*, dev_mode: bool) -> None:
    """Daemon threads that are in the middle of calls when the interpreter ends are left behind quietly."""
    run_clean(
        PRELUDE
        + """
ready = threading.Barrier(5)

def busy():
    core = _core.MemoryStore(lambda *_: None)
    ready.wait()
    while True:
        core.enqueue([NewJob(job_id=new_job_id(), handler="h", payload=b"p" * 1000) for _ in range(100)])
        claims = core.claim(worker="w", claim_id="c", queues=["default"], limit=100, lease_ms=1000).claims
        core.settle([Settlement.of(claim, "returned") for claim in claims])
        core.reset()

for _ in range(4):
    threading.Thread(target=busy, daemon=True).start()
ready.wait()
""",
        dev_mode=dev_mode,
    )


@DEV_MODE
def test_a_daemon_thread_that_waits_does_not_hold_up_the_end(*, dev_mode: bool) -> None:
    """A daemon thread whose event loop waits for a job does not keep the interpreter from ending."""
    run_clean(
        PRELUDE
        + """
job = asyncio.run(put())
waiting = threading.Event()

async def wait():
    asyncio.get_running_loop().call_soon(waiting.set)
    await store.wait(job.job_id, version=job.version, timeout=3600)

threading.Thread(target=lambda: asyncio.run(wait()), daemon=True).start()
waiting.wait()
""",
        dev_mode=dev_mode,
    )


@DEV_MODE
def test_the_store_works_in_call_backs_at_exit(*, dev_mode: bool) -> None:
    """A call-back at exit can still submit, claim, settle and read."""
    printed = run_clean(
        PRELUDE
        + """
async def last():
    job = await put()
    claims = await take()
    print(await store.settle([Settlement.of(claim, "returned") for claim in claims]))
    print((await store.get(job.job_id)).state)
    await store.close()

atexit.register(lambda: asyncio.run(last()))
asyncio.run(put())
""",
        dev_mode=dev_mode,
    )
    assert printed == "['completed', 'completed']\ncompleted\n"


@DEV_MODE
def test_an_object_that_dies_last_can_still_use_the_core(*, dev_mode: bool) -> None:
    """A finaliser that runs while modules are torn down can still read jobs and make new ones."""
    printed = run_clean(
        PRELUDE
        + """
class Last:
    def __init__(self):
        self.core = _core.MemoryStore(self.tell)
        self.core.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=1)

    def tell(self, queues, jobs, cancels):
        self.told = queues

    # Defaults, because the module's own names may be gone by then.
    def __del__(self, new=NewJob, job_id=new_job_id(), write=os.write):
        self.core.enqueue([new(job_id=job_id, handler="h")])
        write(1, f"{self.told} {self.core.get(job_id).state}".encode())

last = Last()
""",
        dev_mode=dev_mode,
    )
    assert printed == "['default'] queued"


def test_a_sub_interpreter_gets_an_import_error() -> None:
    """A second interpreter of the process gets an ImportError with the reason, and the first one goes on."""
    printed = run_clean(
        PRELUDE
        + """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

asyncio.run(put())
other = interpreters.create()
try:
    failure = interpreters.run_string(other, '''
try:
    import asyncendpoints._core
except ImportError as error:
    print(type(error).__name__, error, flush=True)
else:
    print("imported", flush=True)
''')
    assert failure is None, failure
finally:
    interpreters.destroy(other)
print(len(asyncio.run(take())))
""",
        dev_mode=False,
    )
    assert printed.splitlines()[0].startswith("ImportError ")
    assert "interpreter" in printed.splitlines()[0]
    assert printed.splitlines()[1] == "1"
