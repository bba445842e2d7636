"""What API processes serve: they accept jobs and run none."""

from __future__ import annotations

import os

from starlette.applications import Starlette

from asyncendpoints import JobContext
from tests.support.faults.application import RETRY, make_jobs

jobs = make_jobs(os.environ, worker=False)


async def accepted(job: JobContext) -> None:
    """Never run here; the workers have no such handler, so its jobs stay queued."""


app = Starlette(routes=[jobs.route("/jobs-of-nobody", accepted, queue="nobody", retry=RETRY)])
jobs.install(app)
