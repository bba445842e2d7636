"""One job of the model: every field that a reader sees, and the few that only the store knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncendpoints._core import NewJob, Settlement, Verdict

TERMINAL = frozenset({"completed", "failed", "canceled"})
DAY_MS = 86_400_000
RELEASED_RUNS_KEPT = 20


class ModelJob:
    """A job, from its submission on."""

    def __init__(self, new: NewJob, now: int) -> None:
        self.new = new
        self.state: str = "scheduled" if new.delay_ms else "queued"
        self.version = 1
        self.attempt = 0
        self.fence = 0
        self.created_at = self.updated_at = now
        self.scheduled_at = now + new.delay_ms if new.delay_ms else None
        self.ready_at = now + new.delay_ms
        self.started_at: int | None = None
        self.finished_at: int | None = None
        self.cancel_requested_at: int | None = None
        self.lease_until = 0
        self.claim_id = ""
        self.settled: tuple[int, int, str] = (0, 0, "")
        self.progress: bytes | None = None
        self.result: bytes | None = None
        self.result_meta: bytes | None = None
        self.runs: list[dict[str, Any]] = []
        self.request = new.request
        self.payload = new.payload
        self.stripped = False

    @property
    def origin(self) -> str:
        """The job whose effects it shares."""
        return self.new.origin or self.new.job_id

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL

    @property
    def expires_at(self) -> int:
        """When its bodies go, once it has ended."""
        kept = self.new.retention_completed_ms if self.state == "completed" else self.new.retention_failed_ms
        return (self.finished_at or 0) + kept

    @property
    def forgotten_at(self) -> int:
        """When its record goes, once it has ended."""
        return self.expires_at if self.new.key is None else max(self.expires_at, self.created_at + DAY_MS)

    def moments(self) -> list[int]:
        """Return the times that matter to it in its present state."""
        if self.done:
            return [self.expires_at, self.forgotten_at]
        return {"scheduled": [self.ready_at], "in_progress": [self.lease_until]}.get(self.state, [])

    def touch(self, now: int) -> None:
        """Count a visible change."""
        self.version += 1
        self.updated_at = now

    def begin_run(self, worker: str, claim_id: str, lease_until: int, now: int) -> None:
        """Be claimed."""
        self.state = "in_progress"
        self.fence += 1
        self.attempt = min(self.attempt + 1, self.new.max_attempts)
        self.started_at = now if self.started_at is None else self.started_at
        self.lease_until = lease_until
        self.claim_id = claim_id
        self.runs.append(
            {
                "number": self.fence,
                "started_at": now,
                "finished_at": None,
                "outcome": None,
                "error": None,
                "worker": worker,
            }
        )
        self.touch(now)

    def end_run(self, verdict: Verdict, settlement: Settlement | None, now: int) -> None:
        """Be settled, or given back without a settlement."""
        self.state = verdict.to_state
        self.settled = (self.fence, settlement.nonce if settlement else 0, self.state)
        error = settlement.error if settlement else None
        self.runs[-1].update(finished_at=now, outcome=verdict.outcome, error=error)
        if not verdict.charged:
            self.attempt -= 1
            released = [run for run in self.runs if run["outcome"] == "released"]
            for run in released[:-RELEASED_RUNS_KEPT]:
                self.runs.remove(run)
        if self.done:
            self.finished_at = now
        elif verdict.outcome not in {"lost", "released"}:
            self.ready_at = now + verdict.delay_ms
        if self.state == "completed" and settlement:
            self.result, self.result_meta = settlement.result, settlement.result_meta
        self.touch(now)

    def strip(self, now: int) -> None:
        """Lose its bodies."""
        self.request = self.payload = self.result = self.result_meta = None
        self.stripped = True
        self.touch(now)

    def claimed(self) -> dict[str, Any]:
        """Return what its newest claim says."""
        return {
            "job_id": self.new.job_id,
            "fence": self.fence,
            "handler": self.new.handler,
            "queue": self.new.queue,
            "attempt": self.attempt,
            "max_attempts": self.new.max_attempts,
            "timeout_ms": self.new.timeout_ms,
            "created_at": self.created_at,
            "ready_at": self.ready_at,
            "started_at": self.runs[-1]["started_at"],
            "priority": self.new.priority,
            "request_id": self.new.key,
            "owner": self.new.owner,
            "request": self.request,
            "payload": self.payload,
        }

    def picture(self) -> dict[str, Any]:
        """Return every field that a reader sees."""
        new = self.new
        return {
            "job_id": new.job_id,
            "handler": new.handler,
            "queue": new.queue,
            "state": self.state,
            "version": self.version,
            "priority": new.priority,
            "attempt": self.attempt,
            "max_attempts": new.max_attempts,
            "timeout_ms": new.timeout_ms,
            "retention_completed_ms": new.retention_completed_ms,
            "retention_failed_ms": new.retention_failed_ms,
            "created_at": self.created_at,
            "scheduled_at": self.scheduled_at,
            "due_at": self.ready_at if self.state == "scheduled" else None,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "updated_at": self.updated_at,
            "expires_at": self.expires_at if self.done else None,
            "cancel_requested_at": self.cancel_requested_at,
            "fence": self.fence,
            "lease_until": self.lease_until if self.state == "in_progress" else None,
            "scope": new.scope,
            "request_id": new.key,
            "fingerprint": new.fingerprint,
            "owner": new.owner,
            "redrive_of": new.redrive_of,
            "origin": new.origin,
            "progress": self.progress,
            "result": self.result,
            "result_meta": self.result_meta,
            "error": self.runs[-1]["error"] if self.state == "failed" and self.runs else None,
            "request": self.request,
            "payload": self.payload,
            "stripped": self.stripped,
            "runs": [dict(run) for run in self.runs],
        }
