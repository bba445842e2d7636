"""One application's engine: it starts, drains and ends the worker and the sweep, and answers every question."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncendpoints._core import Cancellation
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job
    from asyncendpoints.registry import Registry
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.submission import Draft, Submission


class Engine:
    """What the facade and the HTTP layer drive.

    Args:
        store: Where jobs are kept.
        registry: The handlers of this process.
        settings: The application's settings.
        clock: Where time comes from; None is the system's clock.
    """

    def __init__(self, store: Store, registry: Registry, settings: Settings, clock: Clock | None = None) -> None: ...

    store: Store
    registry: Registry
    settings: Settings
    clock: Clock

    @property
    def started(self) -> bool:
        """Whether `start` has been called, and `close` not since."""
        ...

    @property
    def draining(self) -> bool:
        """Whether a drain has begun: held waits and streams are to end."""
        ...

    @property
    def worker_running(self) -> bool:
        """Whether this process runs jobs."""
        ...

    def ready(self) -> list[str]:
        """Return why this process is not ready to serve; an empty list where it is. The store is not asked."""
        ...

    async def check_ready(self) -> list[str]:
        """Return the same, having asked the store."""
        ...

    async def start(self, *, worker: bool | None = None) -> None:
        """Open the store, start the sweep and, where `worker` (default: the setting) says so, the worker."""

    def begin_drain(self) -> None:
        """Stop claiming, be unready, let held waits answer and streams close. Idempotent; on the engine's loop."""

    async def drain(self, grace: float | None = None) -> None:
        """Begin the drain, give handlers `grace` seconds (None: the setting), release the rest, end the worker."""

    def release_now(self) -> None:
        """Release what still runs, now: the second signal."""

    async def close(self) -> None:
        """End everything that `start` started. Idempotent; the engine can be started again."""

    async def submit(self, draft: Draft) -> Submission:
        """Store a draft's job (SubmissionRefused, NotStarted, StoreUnavailable)."""
        ...

    async def get(self, job_id: str) -> Job:
        """Return the job (JobNotFound)."""
        ...

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job:  # noqa: ASYNC109 (a long poll)
        """Return the job at its first version above `version`, when it is done, after `timeout` s, or at a drain."""
        ...

    async def cancel(self, job_id: str) -> Cancellation:
        """Cancel the job (JobNotFound, JobNotCancelable)."""
        ...

    async def redrive(self, job_id: str) -> Job:
        """Make a new job that repeats a failed one (JobNotFound, JobNotRedrivable)."""
        ...
