"""A TCP proxy in front of a Redis, whose connections fail in the ways that a network's do.

It reads the commands that pass, so that a fault can wait for one: the settle of a run, say. It lives in a thread of
its own and serves this process and others alike.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Self, TypeAlias, TypeVar

from tests.support.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    T = TypeVar("T")

Command: TypeAlias = "list[bytes]"
"""A command's name and arguments, as they were sent."""

_CHUNK: Final = 65_536


class Cut(Enum):
    """Where on its way a command's connection is cut."""

    BEFORE_REQUEST = "the server never sees the command"
    AFTER_REQUEST = "the server has carried the command out; its reply is lost"
    IN_REPLY = "the client gets the first half of the reply"
    AFTER_REPLY = "the client gets the whole reply"


@dataclass(slots=True)
class Fault:
    """A cut that waits for its command."""

    cut: Cut
    matches: Callable[[Command], bool]
    left: int
    """How many more commands it takes."""
    then: Callable[[], None] | None
    """What happens at the cut, before the client can notice it; called in the proxy's thread. After a whole reply, the
    client may have it already."""
    fired: threading.Event = field(default_factory=threading.Event)
    """Set once it has taken a command."""

    def wait(self) -> None:
        """Wait until it has taken a command."""
        assert self.fired.wait(PATIENCE), "the command that this fault waits for never came"


class RedisProxy:
    """A running proxy; a context manager.

    Args:
        port: Where the Redis listens, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._faults: list[Fault] = []
        self._connections: set[_Connection] = set()
        self.delay = 0.0
        """Seconds that every chunk of bytes waits, in both directions."""
        self.rate: float | None = None
        """Bytes a second that each direction of a connection carries; None is as many as come."""
        self.swallows: Callable[[Command], bool] | None = None
        """Which commands vanish on their way: never passed on, never answered, on a connection that lives on."""
        self.commands: list[Command] | None = None
        """Where commands are noted as they pass; None does not note them."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="redis-proxy", daemon=True)
        self._thread.start()
        self.open_gate = asyncio.Event()
        self._server = self._call(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        self.open_gate.set()
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    def _call(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run(self._target)
        finally:
            self._connections.discard(connection)

    def url(self, database: int = 0) -> str:
        """Return the URL of one of the Redis's databases, through the proxy."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def arm(
        self,
        cut: Cut,
        matches: Callable[[Command], bool],
        *,
        times: int = 1,
        then: Callable[[], None] | None = None,
    ) -> Fault:
        """Cut the connections of the next commands that match, and return the fault to wait for."""
        fault = Fault(cut, matches, times, then)
        self._faults.append(fault)
        return fault

    def disarm(self) -> None:
        """Forget every fault that has not come."""
        self._faults.clear()

    def fault_for(self, command: Command) -> Fault | None:
        """Return the fault that takes this command, which uses one of its times up."""
        if self.commands is not None:
            self.commands.append(command)
        for fault in self._faults:
            if fault.left > 0 and fault.matches(command):
                fault.left -= 1
                return fault
        return None

    def stall(self) -> None:
        """Hold everything that is on its way, in both directions, and new connections too."""

        async def close_gate() -> None:
            self.open_gate.clear()

        self._call(close_gate())

    def recover(self) -> None:
        """Let everything go on that `stall` held."""

        async def open_gate() -> None:
            self.open_gate.set()

        self._call(open_gate())

    def cut_all(self) -> None:
        """Cut every open connection now."""

        async def cut() -> None:
            for connection in tuple(self._connections):
                connection.cut()

        self._call(cut())

    def close(self) -> None:
        """Cut everything and end the thread."""

        async def close() -> None:
            self._server.close()
            self.open_gate.set()
            for connection in tuple(self._connections):
                connection.cut()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Connection:
    """One client's connection and the one behind it."""

    def __init__(self, proxy: RedisProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        writer.transport.set_write_buffer_limits(high=0)  # what has been drained is on its way
        self._behind: asyncio.StreamWriter | None = None
        self._taken: Fault | None = None

    async def run(self, port: int) -> None:
        """Pass everything on until either side ends, or a fault comes."""
        await self._proxy.open_gate.wait()
        try:
            answers, self._behind = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            self.cut()
            return
        passing = [
            asyncio.create_task(self._pass_requests(self._behind)),
            asyncio.create_task(self._pass_answers(answers)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            if self._taken is not None:
                await asyncio.wait(passing)
        finally:
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            self.cut()

    def cut(self) -> None:
        """End both sides without a word."""
        self._client[1].transport.abort()
        if self._behind is not None:
            self._behind.transport.abort()

    async def _hold(self, chunk: bytes) -> None:
        if self._proxy.delay:
            await asyncio.sleep(self._proxy.delay)
        if self._proxy.rate is not None:
            await asyncio.sleep(len(chunk) / self._proxy.rate)
        await self._proxy.open_gate.wait()

    async def _pass_requests(self, behind: asyncio.StreamWriter) -> None:
        pending = bytearray()
        while chunk := await self._client[0].read(_CHUNK):
            await self._hold(chunk)
            pending += chunk
            passed = 0
            while (parsed := parse_command(pending, passed)) is not None:
                command, end = parsed
                if self._proxy.swallows is not None and self._proxy.swallows(command):
                    del pending[passed:end]
                    continue
                fault = self._proxy.fault_for(command)
                if fault is not None:
                    taken = passed if fault.cut is Cut.BEFORE_REQUEST else end
                    behind.write(bytes(pending[:taken]))
                    # What the server has read before the end of the stream it carries out, and answers in full.
                    self._taken = fault
                    await behind.drain()
                    behind.write_eof()
                    return
                passed = end
            behind.write(bytes(pending[:passed]))
            del pending[:passed]
            await behind.drain()

    async def _pass_answers(self, answers: asyncio.StreamReader) -> None:
        client = self._client[1]
        kept = bytearray()
        while chunk := await answers.read(_CHUNK):
            if self._taken is not None:
                kept += chunk
                continue
            await self._hold(chunk)
            client.write(chunk)
            await client.drain()
        fault = self._taken
        if fault is None:
            return
        if fault.cut is Cut.AFTER_REPLY:
            client.write(bytes(kept))
            await client.drain()
        if fault.then is not None:
            fault.then()
        if fault.cut is Cut.IN_REPLY:
            client.write(bytes(kept[: max(1, len(kept) // 2)]))
            await client.drain()
        fault.fired.set()


def parse_command(data: bytearray, start: int) -> tuple[Command, int] | None:
    """Return the command that begins at `start`, an array of bulk strings, and where it ends; None if it is cut off."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    assert data[start] == ord("*"), f"not a command: {bytes(data[start:line_end])!r}"
    at = line_end + 2
    parts: Command = []
    for _ in range(int(data[start + 1 : line_end])):
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(data[at + 1 : line_end])
        at = line_end + 2
        if len(data) < at + size + 2:
            return None
        parts.append(bytes(data[at : at + size]))
        at += size + 2
    return parts, at
