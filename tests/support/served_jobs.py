"""An application for servers and worker processes: its store, namespace and part are named by the environment."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext

if TYPE_CHECKING:
    from asyncendpoints.options import SettingOptions

IMPORTED_BY = os.getpid()
"""The process that imported the application: under gunicorn's preload another one than those that serve."""


def settings() -> SettingOptions:
    """Return the settings that the test chose."""
    return {
        "namespace": os.environ["JOBS_NAMESPACE"],
        "worker": os.environ.get("JOBS_WORKER", "yes") == "yes",
        "lease_for": 1.0,
    }


jobs = AsyncEndpoints(os.environ["JOBS_STORE"], **settings())


async def work(job: JobContext[None]) -> dict[str, Any]:
    """Tell which process runs it."""
    return {"pid": os.getpid(), "imported_by": IMPORTED_BY, "attempt": job.attempt}


@jobs.handler
def held(job: JobContext[None]) -> int:
    """Run until the test opens the gate, and tell which process did."""
    gate = Path(os.environ["JOBS_GATE"])
    Path(f"{gate}-{os.getpid()}").touch()
    while not gate.exists():
        time.sleep(0.005)
    return os.getpid()


@jobs.handler("report", queue="reports")
def report(job: JobContext[None]) -> None:
    """Note the order in which jobs ran."""
    with Path(os.environ["JOBS_GATE"]).open("a", encoding="utf-8") as notes:
        notes.write("r")


@jobs.handler("mail", queue="mail")
def mail(job: JobContext[None]) -> None:
    """Note the order in which jobs ran."""
    with Path(os.environ["JOBS_GATE"]).open("a", encoding="utf-8") as notes:
        notes.write("m")


app = Starlette(routes=[jobs.route("/work", work)])
jobs.install(app, health=True)
