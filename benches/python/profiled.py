"""Where a worker's time goes: `python -m benches.python.profiled sqlite:////tmp/jobs.db`, of an empty database.

Jobs that do nothing are drained under cProfile, each thread by itself; printed are each thread's functions by the
processor time that they take themselves, in microseconds for a job. The profiler makes calls of Python functions look
dearer than they are: what it is for is to compare before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from asyncendpoints import AsyncEndpoints, JobContext

if TYPE_CHECKING:
    from types import CodeType

BATCH: Final = 1_000
CONCURRENCY: Final = 100
LEAST: Final = 0.05
"""Microseconds for a job that a function takes at least to be shown."""


class Profiles:
    """A profile of every thread that starts while this is in force, and of the present one."""

    def __init__(self) -> None:
        self.by_thread: dict[str, cProfile.Profile] = {}

    def start(self) -> None:
        """Profile this thread from now on, and others from their start."""
        threading.setprofile(self._begin)
        self._begin()

    def _begin(self, *_: object) -> None:
        # It takes the place of what has called this.
        profile = self.by_thread[threading.current_thread().name] = cProfile.Profile(time.thread_time)
        profile.enable()

    def stop(self) -> None:
        """Stop profiling this thread; others stop when they end."""
        threading.setprofile(None)
        self.by_thread[threading.current_thread().name].disable()

    def tell(self, jobs: int, lines: int) -> None:
        """Print what was found."""
        for name, profile in self.by_thread.items():
            found: list[Any] = sorted(profile.getstats(), key=lambda entry: entry.inlinetime, reverse=True)
            print(f"\n{name}: {1e6 * sum(entry.inlinetime for entry in found) / jobs:.1f} µs a job")
            for entry in found[:lines]:
                own = 1e6 * entry.inlinetime / jobs
                if own >= LEAST:
                    print(f"  {own:7.2f} µs  {entry.callcount / jobs:6.2f} calls  {_place(entry.code)}")


def _place(code: CodeType | str) -> str:
    """Return where a function is, as far as it is Python."""
    if isinstance(code, str):
        return code
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name}:{code.co_firstlineno} {code.co_name}"


async def drain(url: str, count: int, profiles: Profiles | None) -> float:
    """Drain so many jobs and return the seconds that it took."""
    jobs = AsyncEndpoints(url, concurrency=CONCURRENCY)
    is_done = asyncio.Event()
    left = count

    @jobs.handler("noop")
    async def noop(job: JobContext[dict[str, int]]) -> int:  # pyright: ignore[reportUnusedFunction] (the registry has it)
        nonlocal left
        left -= 1
        if not left:
            is_done.set()
        return job.payload["number"]

    await jobs.start(worker=False)
    for first in range(0, count, BATCH):
        await jobs.submit_many("noop", [{"number": number} for number in range(first, min(first + BATCH, count))])
    await jobs.stop()
    if profiles is not None:
        profiles.start()
    begun = time.perf_counter()
    await jobs.start()
    await is_done.wait()
    # What has run is settled before it stops.
    await jobs.stop()
    taken = time.perf_counter() - begun
    if profiles is not None:
        profiles.stop()
    return taken


def main() -> int:
    """Drain, and print where the time went."""
    parser = argparse.ArgumentParser(prog="python -m benches.python.profiled", description=__doc__)
    parser.add_argument("url", help="the store's, of an empty database")
    parser.add_argument("--jobs", type=int, default=20_000, metavar="N", help="how many jobs are drained")
    parser.add_argument(
        "--lines", type=int, default=25, metavar="N", help="how many functions of each thread are shown"
    )
    parser.add_argument("--bare", action="store_true", help="without the profiler: the rate alone")
    options = parser.parse_args()
    profiles = None if options.bare else Profiles()
    uvloop.install()
    taken = asyncio.run(drain(options.url, options.jobs, profiles))
    print(f"{options.jobs / taken:,.0f} jobs/s{'' if profiles is None else ' under the profiler'}")
    if profiles is not None:
        profiles.tell(options.jobs, options.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
