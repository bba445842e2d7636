"""How processes tell each other through PostgreSQL: NOTIFY, which needs no commit of anything, and LISTEN."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import text
from sqlalchemy.util import await_only

from asyncendpoints.stores.sql.dialect import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from asyncendpoints.stores.sql.dialect import Until

LONGEST: Final = 7_000
"""Bytes of a payload; the server takes 7,999."""
ALIVE: Final = 20.0
"""Seconds after which a silent connection is asked whether it still is one."""
LOOK: Final = 0.25
"""Seconds after which a driver that blocks looks whether it is to go on."""

_notify = text("SELECT pg_notify(:channel, :payload)")


class Notices:
    """The announcements of one store.

    Args:
        place: Names the tables that it is about.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._me = secrets.token_hex(4)

    def _channel(self, namespace: str) -> str:
        digest = hashlib.blake2b(f"{self._place} {namespace}".encode(), digest_size=12)
        return f"asyncendpoints_{digest.hexdigest()}"

    def announce(self, connection: Connection, namespace: str, notice: Notice) -> None:
        """Tell the other processes."""
        channel = self._channel(namespace)
        for payload in self._payloads(notice):
            connection.execute(_notify, {"channel": channel, "payload": payload})

    def _payloads(self, notice: Notice) -> Iterator[str]:
        parts = [("q", queue) for queue in notice.queues] + [("c", cancel) for cancel in notice.cancels]
        together: dict[str, Any] = {"by": self._me}
        size = 0
        for kind, part in parts:
            length = len(json.dumps(part))
            if size + length > LONGEST and size:
                yield json.dumps(together)
                together, size = {"by": self._me}, 0
            together.setdefault(kind, []).append(part)
            size += length
        yield json.dumps(together)

    def _heard(self, payload: str) -> Notice | None:
        try:
            found = json.loads(payload)
            if found["by"] == self._me:
                return None
            cancels = tuple((str(worker), str(job_id), int(fence)) for worker, job_id, fence in found.get("c", ()))
            return Notice(queues=tuple(map(str, found.get("q", ()))), cancels=cancels)
        except (ValueError, TypeError, KeyError, AttributeError):
            # Anybody who may connect may say anything.
            return None

    def listen(self, connection: Connection, namespace: str, hear: Callable[[Notice], None], until: Until) -> None:
        """Hear the other processes, until told to stop or the connection is lost, which raises."""
        channel = self._channel(namespace)

        def heard(payload: str) -> None:
            notice = self._heard(payload)
            if notice is not None:
                hear(notice)

        driver = connection.connection.driver_connection
        if connection.dialect.driver == "asyncpg":
            await_only(_listen_asyncpg(cast("Any", driver), channel, heard, until))
        elif connection.dialect.is_async:
            await_only(_listen_psycopg_async(cast("Any", driver), channel, heard, until))
        else:
            _listen_psycopg(cast("Any", driver), channel, heard, until)


async def _listen_asyncpg(driver: Any, channel: str, heard: Callable[[str], None], until: Until) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def ended(_driver: object) -> None:
        over.set()

    def told(_driver: object, _pid: int, _channel: str, payload: str) -> None:
        heard(payload)

    until.call(lambda: loop.call_soon_threadsafe(over.set))
    driver.add_termination_listener(ended)
    await driver.add_listener(channel, told)
    while not until.is_set():
        try:
            async with asyncio.timeout(ALIVE):
                await over.wait()
        except TimeoutError:
            await driver.execute("SELECT 1")
        if driver.is_closed():
            raise ConnectionError("the connection was closed")
    await driver.remove_listener(channel, told)
    driver.remove_termination_listener(ended)


async def _listen_psycopg_async(driver: Any, channel: str, heard: Callable[[str], None], until: Until) -> None:
    await driver.execute(f"LISTEN {channel}")
    while not until.is_set():
        async for notice in driver.notifies(timeout=LOOK):
            heard(notice.payload)


def _listen_psycopg(driver: Any, channel: str, heard: Callable[[str], None], until: Until) -> None:
    driver.execute(f"LISTEN {channel}")
    while not until.is_set():
        for notice in driver.notifies(timeout=LOOK):
            heard(notice.payload)
