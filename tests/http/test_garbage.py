"""What a request leaves behind in the process: nothing, not even for the garbage collector."""

from __future__ import annotations

import gc
import json
from typing import Any

from tests.http.application import stage
from tests.http.conftest import PATH

REQUESTS = 50
BODY = json.dumps({"do": "return", "value": 1}).encode()


async def submit(app: Any, number: int) -> None:
    """Send one submission straight to the application."""
    sent: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    headers = [(b"host", b"a"), (b"content-type", b"application/json"), (b"idempotency-key", b"%d" % number)]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": PATH, "query_string": b"",
        "root_path": "", "headers": headers, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent == [202]


async def test_a_submission_is_no_work_for_the_garbage_collector(framework: str) -> None:
    """No cycle holds a request's objects, so they go as soon as it is answered, and the collector stays idle."""
    staged = stage(framework, worker=False)
    for number in range(REQUESTS):
        await submit(staged.app, number)
    gc.collect()
    gc.disable()
    try:
        for number in range(REQUESTS):
            await submit(staged.app, REQUESTS + number)
        found = gc.collect()
    finally:
        gc.enable()
    assert found < REQUESTS, "every request leaves a cycle"
