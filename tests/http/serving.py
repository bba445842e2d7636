"""An application under a real uvicorn, on a free loopback port, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import uvicorn

from tests.http.raw import PATIENCE, RawConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class _Server(uvicorn.Server):
    """Uvicorn, that tells when it is up, or that it never will be."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self.running: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.running = asyncio.get_running_loop()
        await super().startup(sockets)
        self.up.set()


class Serving:
    """A running server, and the way into its event loop; a context manager.

    Args:
        app: The ASGI application.
        options: Further settings of uvicorn.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        options = {"lifespan": "on", "ws": "none", "log_config": None, "access_log": False, **options}
        self._server = _Server(uvicorn.Config(app, **options))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._run)
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        except SystemExit:
            pass  # Uvicorn's way of saying that start-up failed; `started` tells.
        finally:
            self._server.up.set()

    @property
    def started(self) -> bool:
        """Whether start-up succeeded."""
        return self._server.started

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The server's event loop."""
        assert self._server.running is not None
        return self._server.running

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's loop, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the server's loop."""
        self.loop.call_soon_threadsafe(function)

    def tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks of the server's loop."""

        async def every() -> set[asyncio.Task[Any]]:
            own = asyncio.current_task()
            return {task for task in asyncio.all_tasks() if task is not own}

        return self.call(every())

    def raw(self) -> RawConnection:
        """Open a connection by hand."""
        return RawConnection(self.port)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._server.up.wait(PATIENCE)
        return self

    def stop(self) -> None:
        """End the server as a signal would, and wait for it."""
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.stop()
        self._socket.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.005)
