"""What is to be done after an answer is done whether or not the client stays for the whole of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from starlette.background import BackgroundTask

from asyncendpoints import AsyncEndpoints
from asyncendpoints.http.reply import Reply
from asyncendpoints.http.waiting import Unheard
from tests.http.raw import head
from tests.http.serving import Serving, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message

    from tests.http.conftest import Client

WISHES = [("Accept", "text/event-stream"), ("Prefer", "wait=30")]


@pytest.mark.parametrize("wish", WISHES)
def test_background_tasks_run_although_the_client_has_gone(wish: tuple[str, str]) -> None:
    """FastAPI's background tasks of a stream, and of a held request, run once when the client disconnects."""
    jobs = AsyncEndpoints("memory://", shutdown_grace=0.0)
    app = FastAPI()
    jobs.install(app)
    started: list[str] = []
    done: list[str] = []

    def tell(tasks: BackgroundTasks) -> None:
        tasks.add_task(done.append, "told")

    @app.post("/endless", dependencies=[Depends(tell)])
    @jobs.endpoint
    async def endless() -> None:
        import asyncio

        started.append("yes")
        await asyncio.Event().wait()

    with Serving(app) as serving:
        with serving.raw() as connection:
            connection.send(head("POST", "/endless", [("Content-Length", "0"), wish]))
            if wish[0] == "Accept":
                connection.receive(b"event: status")
            eventually(lambda: bool(started))
            assert not done
        eventually(lambda: bool(done))
    assert done == ["told"]


async def test_a_server_that_refuses_the_answer_does_not_keep_the_task_from_running() -> None:
    """ASGI lets a server raise OSError when the client has gone."""
    done: list[str] = []
    answer = Unheard(Reply(200, b"", ()))
    answer.background = BackgroundTask(done.append, "told")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise OSError("the client has gone")

    await answer({"type": "http"}, receive, send)
    assert done == ["told"]


def test_a_hooks_background_task_runs_although_the_client_has_gone(
    serve: Callable[..., Client], framework: str
) -> None:
    """A hook may leave something to be done with the response that it passes on."""
    done: list[str] = []

    async def hook(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.background = BackgroundTask(done.append, "told")
        return response

    client = serve(framework, policy={"before_enqueue": hook})
    body = b'{"do":"hold"}'
    for count, wish in enumerate(WISHES, 1):
        with client.serving.raw() as connection:
            lengths = [("Content-Length", str(len(body))), ("Content-Type", "application/json")]
            connection.send(head("POST", "/shops/main/orders", [*lengths, wish]) + body)
            eventually(lambda: len(client.stage.runs) == count)  # noqa: B023 (called at once)
        eventually(lambda: len(done) == count)  # noqa: B023
    client.open_gate()
