"""What is measured of one engine, from its start to its end: for scrapes, for probes, and for the store's dashboard."""

from __future__ import annotations

import os
import platform
import socket
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from asyncendpoints._core import Histogram, __version__
from asyncendpoints.loop_watch import LoopWatch
from asyncendpoints.observability.reports import MAX_HANDLERS, Card
from asyncendpoints.queue_figures import QueueFigures
from asyncendpoints.reporter import Reporter
from asyncendpoints.slot_counts import SlotCounter
from asyncendpoints.store_times import measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints._core import Meters
    from asyncendpoints.engine import Engine
    from asyncendpoints.queue_figures import QueueReading


class Measures:
    """Measures an engine; counts go on over its ends and starts, as counters of a process should.

    Args:
        engine: Which.
    """

    def __init__(self, engine: Engine) -> None:
        self.stalls = Histogram()
        """How late the event loop came to its timers while the engine was started."""
        self.store_times: Mapping[str, Histogram] = {}
        """How long the store took, by operation, once that is measured."""
        self.watch: LoopWatch | None = None
        """What sees the event loop stall, while the engine is started."""
        self.figures: QueueFigures | None = None
        """The store's figures for scrapes, while the engine is started."""
        self.reporter: Reporter | None = None
        """What tells the store of this process, while the engine is started."""
        self._engine = engine
        self._counter = SlotCounter(engine.meters)

    def start(self) -> None:
        """Begin; on the engine's event loop."""
        engine = self._engine
        self.watch = LoopWatch(self.stalls, self._runs_jobs)
        self.figures = QueueFigures(engine.store, engine.clock)
        if callable(getattr(engine.store, "report", None)):
            started_at = time.time_ns() // 1_000_000
            process = f"process-{uuid4().hex[:12]}" if engine.worker is None else engine.worker.name
            self.reporter = Reporter(
                engine.store, engine.clock, self._counter, process=process, describe=lambda: self._describe(started_at)
            )

    async def close(self) -> None:
        """End what `start` began."""
        watch, figures, reporter = self.watch, self.figures, self.reporter
        self.watch = self.figures = self.reporter = None
        if reporter is not None:
            await reporter.close()
        if figures is not None:
            await figures.close()
        if watch is not None:
            watch.close()

    def measure_store(self) -> None:
        """Measure from now on how long the store takes."""
        self.store_times = measure(self._engine.store)

    # What a scrape tells.

    @property
    def meters(self) -> Meters:
        """What the process has counted."""
        return self._engine.meters

    @property
    def expected(self) -> list[tuple[str, str]]:
        """The registered handlers, each with its queue."""
        registry = self._engine.registry
        handlers = (registry.find(name) for name in registry.names)
        return [(handler.name, handler.policy.queue) for handler in handlers if handler is not None]

    @property
    def slots(self) -> tuple[int, int] | None:
        """How many slots of the worker are busy, and how many are free; None where there is none."""
        engine = self._engine
        if engine.worker is None:
            return None
        busy = engine.worker.running
        return busy, 0 if engine.draining else max(engine.settings.concurrency - busy, 0)

    @property
    def queues(self) -> QueueReading | None:
        """The store's figures of its queues as they were read last."""
        return None if self.figures is None else self.figures.latest

    def _runs_jobs(self) -> bool:
        worker = self._engine.worker
        return worker is not None and worker.running > 0

    def _describe(self, started_at: int) -> Card:
        """Return what this process is and does."""
        engine = self._engine
        worker, settings, registry = engine.worker, engine.settings, engine.registry
        return Card(
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            python=platform.python_version(),
            started_at=started_at,
            worker=None if worker is None else worker.name,
            queues=[] if worker is None else [*(settings.queues or registry.queues)],
            handlers=[*registry.names[:MAX_HANDLERS]],
            slots=0 if worker is None else settings.concurrency,
            busy=0 if worker is None else worker.running,
            draining=engine.draining,
            stalled_ms=0 if self.watch is None else int(self.watch.take_longest() * 1000),
            leases_lost=engine.meters.leases_lost,
        )
