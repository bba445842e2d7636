"""What is taken out, one at a time: each names the rule that its condition keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEMORY: Final = "rust/core/src/memory/"
CORE: Final = "rust/core/src/"
PYTHON: Final = "python/asyncendpoints/stores/"
LUA: Final = "rust/redis/lua/"


@dataclass(frozen=True, slots=True)
class Edit:
    """A place in the code, and what stands there in the mutant."""

    file: str
    old: str
    """Stands exactly once in the file."""
    new: str


class Mutant:
    """One condition, and the text without it."""

    def __init__(self, name: str, rule: str, file: str, old: str, new: str, *also: Edit) -> None:
        self.name = name
        self.rule = rule
        self.edits = (Edit(file, old, new), *also)

    @property
    def is_of_a_script(self) -> bool:
        """Whether it is one of the Redis store's scripts, which are changed when they are sent."""
        return self.edits[0].file.startswith(LUA)


MUTANTS: Final = (
    # The fence itself.
    Mutant(
        "any-fence-holds", "LSE-2", CORE + "lease.rs", "self.fence == fence", "self.fence != u64::MAX || fence == 0"
    ),
    Mutant("an-older-fence-holds", "LSE-2", CORE + "lease.rs", "self.fence == fence", "self.fence >= fence"),
    Mutant("a-newer-fence-holds", "LSE-2", CORE + "lease.rs", "self.fence == fence", "self.fence <= fence"),
    Mutant(
        "a-run-that-ended-holds",
        "LSE-2",
        MEMORY + "record.rs",
        ".filter(|_| self.state == State::InProgress)?;",
        ".filter(|_| self.state != State::Scheduled)?;",
    ),
    Mutant(
        "settle-is-not-fenced",
        "LSE-2",
        MEMORY + "settle.rs",
        ".filter(|lease| lease.is_held_by(settlement.fence))",
        ".filter(|_| settlement.fence < u64::MAX)",
    ),
    Mutant(
        "renew-progress-and-effects-are-not-fenced",
        "LSE-2",
        MEMORY + "fenced.rs",
        ".filter(|slot| self.jobs[*slot].is_held_by(fence))",
        ".filter(|slot| self.jobs[*slot].lease().is_some() && fence < u64::MAX)",
    ),
    Mutant(
        "a-claim-does-not-raise-the-fence",
        "LSE-1",
        MEMORY + "claim.rs",
        "            record.fence += 1;\n",
        "            record.fence = record.fence.max(1);\n",
    ),
    # Leases and rescue.
    Mutant(
        "rescue-does-not-look-at-the-lease",
        "RES-1",
        MEMORY + "settle.rs",
        "settlement.only_expired && !lease.is_past(now)",
        "settlement.only_expired && lease.until == u64::MAX",
    ),
    Mutant("a-lease-is-past-at-its-end", "RES-1", CORE + "lease.rs", "self.until < now", "self.until <= now"),
    Mutant(
        "a-lease-expires-at-its-end",
        "RES-1",
        MEMORY + "fenced.rs",
        ".checked_sub(1)\n",
        ".checked_sub(0)\n",
    ),
    Mutant(
        "every-run-has-expired",
        "RES-1",
        MEMORY + "fenced.rs",
        "self.leases.until(before)",
        "self.leases.until(before | u64::MAX)",
    ),
    Mutant(
        "the-sweep-reports-what-this-process-holds",
        "LSE-3a",
        PYTHON + "memory.py",
        "            answers = core.renew(leases, lease_ms=keeper.lease_ms, now=now)\n",
        '            answers = ["renewed"] * len(leases)\n',
    ),
    Mutant(
        "a-run-past-its-timeout-is-renewed",
        "LSE-4",
        PYTHON + "lease_table.py",
        "between(held_at, present) <= timeout_ms",
        "timeout_ms >= 0",
    ),
    Mutant(
        "a-stalled-process-renews",
        "LSE-4",
        PYTHON + "lease_table.py",
        "between(self._beaten, present) > self._max_stall_ms",
        "self._max_stall_ms < 0",
    ),
    # Claims.
    Mutant(
        "a-job-is-claimed-before-it-is-due",
        "CLM-3",
        MEMORY + "claim.rs",
        "filter(|(place, _)| place.order() <= now)",
        "filter(|(place, _)| place.order() <= now + 1)",
    ),
    Mutant(
        "promotion-is-not-bounded",
        "CLM-6",
        MEMORY + "claim.rs",
        "const PROMOTIONS: usize = 1_000;",
        "const PROMOTIONS: usize = 1_000_000;",
    ),
    Mutant(
        "a-paused-queue-gives-jobs",
        "CLM-5",
        MEMORY + "claim.rs",
        "            if !queue.paused {\n",
        "            {\n",
    ),
    Mutant(
        "a-paused-queue-among-others-gives-jobs",
        "CLM-5",
        MEMORY + "claim.rs",
        ".filter(|queue| !self.queues.get(**queue).paused);",
        ".filter(|queue| self.queues.len() > **queue as usize);",
    ),
    Mutant(
        "a-release-loses-its-place",
        "CLM-2",
        CORE + "decide.rs",
        "matches!(self.outcome, Outcome::Lost | Outcome::Released)",
        "matches!(self.outcome, Outcome::Lost)",
    ),
    Mutant(
        "a-rescue-loses-its-place",
        "CLM-2",
        CORE + "decide.rs",
        "matches!(self.outcome, Outcome::Lost | Outcome::Released)",
        "matches!(self.outcome, Outcome::Released)",
    ),
    # Ends.
    Mutant(
        "a-repeated-settle-is-recognised-by-its-fence-alone",
        "SUB-3",
        MEMORY + "settle.rs",
        "nonce != 0 && run.fence == fence && run.nonce == nonce",
        "nonce != 0 && run.fence == fence",
    ),
    Mutant(
        "a-repeated-settle-is-recognised-by-its-nonce-alone",
        "SUB-3",
        MEMORY + "settle.rs",
        "nonce != 0 && run.fence == fence && run.nonce == nonce",
        "nonce != 0 && run.nonce == nonce && fence < u64::MAX",
    ),
    Mutant(
        "no-nonce-counts-as-a-nonce",
        "SUB-3",
        MEMORY + "settle.rs",
        "nonce != 0 && run.fence == fence && run.nonce == nonce",
        "run.fence == fence && run.nonce == nonce",
    ),
    Mutant(
        "a-repeated-settle-is-stale",
        "SUB-3",
        MEMORY + "settle.rs",
        "nonce != 0 && run.fence == fence && run.nonce == nonce",
        "nonce == u64::MAX && run.fence == fence && run.nonce == nonce",
    ),
    Mutant(
        "a-release-is-charged",
        "SET-3",
        MEMORY + "settle.rs",
        "record.attempt = record.attempt.saturating_sub(1);",
        "record.attempt = record.attempt.saturating_sub(0);",
    ),
    Mutant(
        "a-failed-job-has-a-result",
        "SET-4",
        MEMORY + "settle.rs",
        "            if to == State::Completed {\n                life.result = result;\n            }\n",
        "            if to.is_terminal() {\n                life.result = result;\n            }\n",
    ),
    Mutant(
        "a-released-claim-takes-another-claims-run",
        "SUB-3",
        MEMORY + "settle.rs",
        "record.life.as_ref().is_none_or(|life| life.claim != claim)",
        "record.life.as_ref().is_none_or(|life| life.claim == claim && false)",
    ),
    # Cancellation.
    Mutant(
        "the-cancel-flag-is-ignored",
        "CAN-1",
        MEMORY + "settle.rs",
        "        let verdict = if record.cancel_requested() {\n",
        "        let verdict = if record.cancel_requested() && now == 0 {\n",
    ),
    Mutant(
        "a-released-claim-forgets-the-cancel",
        "CAN-1",
        MEMORY + "settle.rs",
        "cancel_requested: record.cancel_requested(),",
        "cancel_requested: record.cancel_requested() && now == 0,",
    ),
    Mutant(
        "a-rescue-is-not-told-of-the-cancel",
        "CAN-1",
        MEMORY + "fenced.rs",
        "cancel_requested: record.cancel_requested(),",
        "cancel_requested: record.cancel_requested() && now == 0,",
    ),
    Mutant(
        "a-second-cancel-request-counts",
        "CAN-1",
        MEMORY + "cancel.rs",
        "        if life.cancel_requested_at.is_set() {\n            return;\n        }\n",
        "",
    ),
    Mutant(
        "a-renewal-does-not-tell-of-the-cancel",
        "CAN-2",
        MEMORY + "fenced.rs",
        "        if life.cancel_requested_at.is_set() {\n",
        "        if life.cancel_requested_at.is_set() && until == 0 {\n",
    ),
    Mutant(
        "the-worker-is-not-told-of-the-cancel",
        "CAN-2",
        MEMORY + "cancel.rs",
        "            self.bells.cancel(CancelNotice { worker, id, fence });\n",
        "            drop(CancelNotice { worker, id, fence });\n",
    ),
    # Submissions and keys.
    Mutant(
        "a-repeated-enqueue-makes-a-second-job",
        "SUB-3",
        MEMORY + "submit.rs",
        "        if let Some(slot) = self.find(job.id) {\n",
        "        if let Some(slot) = self.find(job.id).filter(|_| now == 0) {\n",
    ),
    Mutant(
        "the-fingerprint-is-ignored",
        "IDM-2",
        MEMORY + "submit.rs",
        ".is_some_and(|wanted| wanted.fingerprint == fingerprint)",
        ".is_some_and(|wanted| wanted.fingerprint == fingerprint || now > 0)",
    ),
    # Scope and key are hashed, and then compared in case of a collision: to ignore one, both have to.
    Mutant(
        "the-scope-is-ignored",
        "IDM-1",
        MEMORY + "submit.rs",
        "kept.key == wanted.key && kept.scope == wanted.scope",
        "kept.key == wanted.key",
        Edit(MEMORY + "movement.rs", "&(&*idempotency.scope, &*idempotency.key)", "&*idempotency.key"),
    ),
    Mutant(
        "the-key-is-ignored",
        "IDM-1",
        MEMORY + "submit.rs",
        "kept.key == wanted.key && kept.scope == wanted.scope",
        "kept.scope == wanted.scope",
        Edit(MEMORY + "movement.rs", "&(&*idempotency.scope, &*idempotency.key)", "&*idempotency.scope"),
    ),
    Mutant(
        "keys-are-never-found",
        "IDM-1",
        MEMORY + "submit.rs",
        "kept.key == wanted.key && kept.scope == wanted.scope",
        "kept.key.is_empty() && kept.scope == wanted.scope",
    ),
    Mutant(
        "one-more-than-max-queued",
        "SUB-2",
        MEMORY + "submit.rs",
        "max_queued.is_some_and(|most| waiting >= most)",
        "max_queued.is_some_and(|most| waiting > most)",
    ),
    # Effects.
    Mutant(
        "a-reservation-belongs-to-everybody",
        "EFF-1",
        MEMORY + "effects.rs",
        "Some(effect) if *effect.nonce == *nonce => Reservation::Reserved,",
        "Some(effect) if effect.value.is_none() => Reservation::Reserved,",
    ),
    Mutant(
        "a-repeated-reserve-is-uncertain",
        "SUB-3",
        MEMORY + "effects.rs",
        "Some(effect) if *effect.nonce == *nonce => Reservation::Reserved,",
        "Some(effect) if effect.nonce.is_empty() => Reservation::Reserved,",
    ),
    Mutant(
        "uncertain-effects-are-taken-over-unasked",
        "EFF-1",
        MEMORY + "effects.rs",
        "            Some(effect) if takeover => {\n",
        "            Some(effect) if takeover || !key.is_empty() => {\n",
    ),
    Mutant(
        "anybody-records",
        "EFF-1",
        MEMORY + "effects.rs",
        "(Some(effect), _) if *effect.nonce != *nonce => false,",
        "(Some(effect), _) if effect.nonce.is_empty() => false,",
    ),
    Mutant(
        "a-recorded-effect-can-be-given-back",
        "EFF-1",
        MEMORY + "effects.rs",
        " | (Some(Effect { value: Some(_), .. }), None) => false,\n",
        " => false,\n",
    ),
    # Retention.
    Mutant(
        "prune-comes-early",
        "RTN-1",
        MEMORY + "sweep.rs",
        "            && time <= now\n",
        "            && time <= now + 1\n",
    ),
    Mutant(
        "delete-takes-what-has-not-ended",
        "RTN-1",
        MEMORY + "sweep.rs",
        "self.jobs[*slot].state.is_terminal()",
        "self.jobs[*slot].state != crate::state::State::InProgress",
    ),
    Mutant(
        "a-key-goes-with-the-result",
        "IDM-4",
        MEMORY + "record.rs",
        "        if self.idempotency.is_none() {\n",
        "        if self.idempotency.is_none() || expires_at > 0 {\n",
    ),
)
