"""A process that submits jobs, says so, and runs any: `python -m tests.support.faults.writer SECONDS`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Final

from asyncendpoints import StoreUnavailable
from tests.support.faults.application import make_jobs

PAUSE: Final = 0.02
ACCEPTED: Final = "accepted "


async def _write(seconds: float) -> None:
    end = time.monotonic() + seconds
    async with make_jobs(os.environ) as jobs:
        number = 0
        while time.monotonic() < end:
            number += 1
            key = f"{os.getpid()}-{number}"
            while True:
                try:
                    submission = await jobs.submit("work", 0.0, idempotency_key=key)
                except StoreUnavailable as error:
                    # A clear sentence, and the same key once more: what every client does.
                    print("refused", error, flush=True)  # noqa: T201
                else:
                    break
            print(f"{ACCEPTED}{submission.job.job_id}", flush=True)  # noqa: T201
            await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    asyncio.run(_write(float(sys.argv[1])))
