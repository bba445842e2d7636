"""A trace leads from a request that one process served to the attempts that another one ran."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.processes import PATIENCE, Process
from tests.support.running import until
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.redis_stores import RedisStores

APPLICATION = "tests.support.traced_jobs"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def spans(file: Path) -> list[dict[str, Any]]:
    """Return what a process has traced so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def of_kind(file: Path, kind: str) -> list[dict[str, Any]]:
    return [span for span in spans(file) if span["kind"] == f"SpanKind.{kind}"]


async def test_attempts_of_a_worker_process_are_linked_to_the_request_that_a_server_process_took(
    redis_url: str, redis_stores: RedisStores, tmp_path: Path
) -> None:
    """Through Redis; what the handler traces is a part of its attempt, and what raised in it is told."""
    namespace = redis_stores.make().namespace
    served, worked = tmp_path / "served", tmp_path / "worked"
    environment = {"JOBS_STORE": redis_url, "JOBS_NAMESPACE": namespace}
    command = [sys.executable, "-m", "asyncendpoints", "worker", f"{APPLICATION}:jobs"]
    worker = Process(command, log=tmp_path / "log", environment={**environment, "JOBS_SPANS": str(worked)})
    try:
        with Server.uvicorn(f"{APPLICATION}:app", environment={**environment, "JOBS_SPANS": str(served)}) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as client:
                headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
                answer = await client.post("/greetings/Ada", headers=headers)
                job_id = answer.json()["jobId"]
                job = answer.json()
                while not job["done"]:
                    job = (await client.get(f"/jobs/{job_id}", headers={"prefer": "wait=20"})).json()
                assert job["result"] == "hello Ada"
            await until(lambda: len(of_kind(worked, "CONSUMER")) == 2)
            server.stop()
    finally:
        worker.kill()
    (submission,) = of_kind(served, "PRODUCER")
    assert submission["name"] == "submit default"
    assert submission["attributes"]["messaging.message.id"] == job_id
    assert submission["context"]["trace_id"] == f"0x{TRACE}"
    attempts = of_kind(worked, "CONSUMER")
    for attempt in attempts:
        assert attempt["attributes"]["messaging.message.id"] == job_id
        assert attempt["attributes"]["messaging.asyncendpoints.endpoint"] == "greet"
        assert [link["context"]["span_id"] for link in attempt["links"]] == [submission["context"]["span_id"]]
        assert [link["context"]["trace_id"] for link in attempt["links"]] == [f"0x{TRACE}"]
        assert attempt["parent_id"] is None
    numbers = [attempt["attributes"]["messaging.asyncendpoints.attempt"] for attempt in attempts]
    outcomes = [attempt["attributes"]["messaging.asyncendpoints.outcome"] for attempt in attempts]
    assert list(zip(numbers, outcomes, strict=True)) == [(1, "error"), (2, "completed")]
    assert attempts[0]["status"] == {"status_code": "ERROR", "description": "RuntimeError: not yet"}
    inside = [span for span in spans(worked) if span["name"] == "inside"]
    assert [span["parent_id"] for span in inside] == [attempt["context"]["span_id"] for attempt in attempts]
