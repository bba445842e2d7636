"""An ASGI application's lifespan without a server: its start-up and shutdown code around something else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Application = Callable[
        [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
        Awaitable[None],
    ]


class Lifespan:
    """Speaks the server's side of the ASGI lifespan protocol.

    Args:
        application: Whose lifespan is run.
    """

    def __init__(self, application: Application) -> None:
        self.failure = ""
        """What went wrong, where `start` or `stop` say that something did."""
        self._application = application
        self._to_application: asyncio.Queue[Message] = asyncio.Queue()
        self._from_application: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Run the start-up code; return whether it succeeded."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        return await self._say("startup")

    async def stop(self) -> bool:
        """Run the shutdown code; return whether it succeeded."""
        succeeded = await self._say("shutdown")
        if self._task is not None:
            await asyncio.wait({self._task})
        return succeeded

    async def _say(self, what: str) -> bool:
        await self._to_application.put({"type": f"lifespan.{what}"})
        answer = await self._from_application.get()
        self.failure = str(answer.get("message", ""))
        return answer["type"] == f"lifespan.{what}.complete"

    async def _run(self) -> None:
        scope: MutableMapping[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": {},
        }
        try:
            await self._application(scope, self._to_application.get, self._from_application.put)
            message = "the application ended its lifespan by itself"
        except Exception as error:  # the application's own code; whoever waits for its answer is told
            message = f"{type(error).__name__}: {error}"
        await self._from_application.put({"type": "lifespan.failed", "message": message})
