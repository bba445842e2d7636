"""One full set of members for each value class of the core."""

from __future__ import annotations

from typing import Any

from asyncendpoints._core import Claim, Expired, Job, NewJob, Run, Settlement, Verdict

ID = "018bcfe5-6800-7a00-8b00-0123456789ab"
OTHER = "018bcfe5-6800-7a00-8b00-0123456789ac"
STATES = ("scheduled", "queued", "in_progress", "completed", "failed", "canceled")
OUTCOMES = ("completed", "error", "timeout", "canceled", "lost", "released")
EVENTS = ("returned", "raised", "raised_final", "timed_out", "lost", "released", "stopped")
KEYED = {"scope": "sümmary", "fingerprint": bytes(range(32))}

NEW_JOB: dict[str, Any] = {
    "job_id": ID,
    "handler": "summariseß",
    "queue": "reports.A-1_x",
    "priority": -100,
    "delay_ms": 1,
    "max_attempts": 100,
    "timeout_ms": 2,
    "retention_completed_ms": 3,
    "retention_failed_ms": 4,
    **KEYED,
    "key": "k" * 255,
    "owner": "ö",
    "request": b"",
    "payload": b"\x00\xff",
    "redrive_of": OTHER,
    "origin": OTHER,
}
RUN: dict[str, Any] = {
    "number": 2**64 - 1,
    "started_at": 5,
    "worker": "w",
    "finished_at": 6,
    "outcome": "lost",
    "error": b"{}",
}
JOB: dict[str, Any] = {
    "job_id": ID,
    "handler": "h",
    "queue": "q",
    "state": "in_progress",
    "version": 2**63,
    "created_at": 1,
    "updated_at": 2,
    "priority": 100,
    "attempt": 3,
    "max_attempts": 4,
    "timeout_ms": 5,
    "retention_completed_ms": 6,
    "retention_failed_ms": 7,
    "scheduled_at": 8,
    "due_at": 9,
    "started_at": 10,
    "finished_at": 11,
    "expires_at": 12,
    "cancel_requested_at": 13,
    "fence": 14,
    "lease_until": 15,
    **KEYED,
    "request_id": "key",
    "owner": "o",
    "redrive_of": OTHER,
    "origin": OTHER,
    "progress": b"p",
    "result": b"r",
    "result_meta": b"m",
    "error": b"e",
    "request": b"q",
    "payload": b"secret",
    "stripped": True,
}
CLAIM: dict[str, Any] = {
    "job_id": ID,
    "fence": 2**40,
    "handler": "h",
    "queue": "q",
    "attempt": 1,
    "max_attempts": 3,
    "timeout_ms": 4,
    "created_at": 5,
    "ready_at": 6,
    "started_at": 7,
    "priority": -1,
    "request_id": "key",
    "owner": "o",
    "request": b"q",
    "payload": b"secret",
}
EXPIRED: dict[str, Any] = {
    "job_id": ID,
    "fence": 9,
    "attempt": 1,
    "max_attempts": 3,
    "cancel_requested": True,
    "handler": "h",
    "queue": "q",
}
SETTLEMENT: dict[str, Any] = {
    "job_id": ID,
    "fence": 3,
    "verdict": Verdict(to_state="completed", outcome="completed"),
    "verdict_if_canceled": Verdict(to_state="canceled", outcome="canceled"),
    "queue": "q",
    "nonce": 2**64 - 1,
    "only_expired": True,
    "result": b"secret",
    "result_meta": b"m",
    "error": b"e",
}
VALUES: list[tuple[type[Any], dict[str, Any]]] = [
    (NewJob, NEW_JOB),
    (Run, RUN),
    (Job, JOB),
    (Claim, CLAIM),
    (Expired, EXPIRED),
    (Settlement, SETTLEMENT),
    (Verdict, {"to_state": "scheduled", "outcome": "timeout", "delay_ms": 5, "charged": True}),
]
