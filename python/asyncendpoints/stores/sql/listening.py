"""Hears what other processes announce, on a thread and a connection of its own that reconnect by themselves."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from asyncendpoints.stores.sql.crossing import crossing_to
from asyncendpoints.stores.sql.dialect import Until

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.stores.sql.dialect import Dialect, Notice

PATIENCE: Final = 2.0
"""Seconds that the thread gets to end."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds between two attempts to listen again."""

_log = logging.getLogger(__name__)


class Listening:
    """Hears announcements until it is stopped, where the database has such. The thread starts with the first `start`.

    Args:
        dialect: The database's.
        namespace: Whose announcements.
        hear: What to do with each.
    """

    def __init__(self, dialect: Dialect, namespace: str, hear: Callable[[Notice], None]) -> None:
        self._dialect = dialect
        self._namespace = namespace
        self._hear = hear
        self._stopped = Until()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Idempotent."""
        with self._lock:
            if self._dialect.announces and self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="asyncendpoints-hears", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait a little until it has ended. Idempotent."""
        self._stopped.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(PATIENCE)

    def _run(self) -> None:
        engine = self._dialect.engine(writes=False)
        crossing = crossing_to(engine)

        def listen() -> None:
            with engine.connect() as connection:
                self._dialect.listen(connection, self._namespace, self._hear, self._stopped)

        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                crossing.run(listen)
            except Exception as error:
                # Whoever hears nothing looks all the same, only later.
                _log.debug("announcements are not heard: %s", self._dialect.explain(error))
                self._stopped.call(None)
                # After a connection that lasted, the first attempt comes soon.
                pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
                self._stopped.wait(pause)
        crossing.run(engine.dispose)
        crossing.close()
