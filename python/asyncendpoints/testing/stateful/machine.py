"""Random walks over a store and the model of one, compared after every step (Hypothesis)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from asyncendpoints._core import Backoff, NewJob, Settlement, decide
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.snapshot import CLAIM_FIELDS, snapshot
from asyncendpoints.testing.stateful.comparison import (
    Comparison,
    agree,
    has_ended,
    has_jobs,
    has_running,
    has_scheduled,
    has_settlements,
    has_waiting,
)

if TYPE_CHECKING:
    from asyncendpoints._core import Verdict
    from asyncendpoints.testing.stateful.model_job import ModelJob

QUEUES = ("default", "reports")
LEASE_MS = 15_000
DAY_MS = 86_400_000

_queues = st.sampled_from(QUEUES)
_some_queues = st.sampled_from([QUEUES, QUEUES, QUEUES, QUEUES, ("default",), ("default",), ("reports",), ()])
_limits = st.sampled_from([100, 100, 3, 3, 2, 1, 1, 0])
_seldom = st.sampled_from([False, False, False, False, False, False, False, True])
_texts = st.sampled_from(["a", "b", "a%", "it's", "\U0001f600"])
_bodies = st.sampled_from([None, b"", b"1", b'{"a": "\\u0000"}', b"x" * 2_000])
_picks = st.integers(0, 10**6)
_nonces = st.integers(0, 2)
_events = st.sampled_from(["returned", "raised", "raised_final", "timed_out", "lost", "released", "stopped"])


class StoreMachine(Comparison):
    """Every step that a walk may take. Made for one store by `store_machine`."""

    # Submissions

    @rule(
        keyed=st.sampled_from([None, None, "a", "b"]),
        scope=st.sampled_from(["s", "t"]),
        fingerprint=st.sampled_from([b"f" * 32, b"f" * 32, b"g" * 32]),
        queue=_queues,
        priority=st.sampled_from([0, 0, 1, -100, 100]),
        delay_ms=st.sampled_from([0, 0, 0, 0, 1, 1_000, 60_000]),
        max_attempts=st.integers(1, 3),
        kept=st.tuples(st.sampled_from([0, 1_000, 2 * DAY_MS]), st.sampled_from([0, 2_000, 7 * DAY_MS])),
        owner=st.one_of(st.none(), _texts),
        bodies=st.tuples(_bodies, _bodies),
        parent=st.one_of(st.none(), _picks),
        max_queued=st.sampled_from([None, None, 3]),
        order=st.integers(0, 9),
    )
    def submit(
        self,
        *,
        keyed: str | None,
        scope: str,
        fingerprint: bytes,
        queue: str,
        priority: int,
        delay_ms: int,
        max_attempts: int,
        kept: tuple[int, int],
        owner: str | None,
        bodies: tuple[bytes | None, bytes | None],
        parent: int | None,
        max_queued: int | None,
        order: int,
    ) -> None:
        """Submit a new job."""
        has_parent = parent is not None and self.submitted
        first = self.submitted[(parent or 0) % len(self.submitted)] if has_parent else None
        key: dict[str, Any] = {"scope": scope, "key": keyed, "fingerprint": fingerprint} if keyed else {}
        new = NewJob(
            job_id=f"0000000{order}-0000-7000-8000-{len(self.submitted):012x}",
            handler=f"handler-{order % 2}",
            queue=queue,
            priority=priority,
            delay_ms=delay_ms,
            max_attempts=max_attempts,
            timeout_ms=1_000,
            retention_completed_ms=kept[0],
            retention_failed_ms=kept[1],
            owner=owner,
            request=bodies[0],
            payload=bodies[1],
            redrive_of=first.job_id if first else None,
            origin=(first.origin or first.job_id) if first else None,
            **key,
        )
        self.submitted.append(new)
        self._enqueue(new, max_queued)

    @precondition(has_jobs)
    @rule(pick=_picks, max_queued=st.sampled_from([None, 0]))
    def submit_again(self, pick: int, max_queued: int | None) -> None:
        """Repeat an enqueue whose reply was lost, perhaps of a job that is long gone."""
        self._enqueue(self.submitted[pick % len(self.submitted)], max_queued)

    def _enqueue(self, new: NewJob, max_queued: int | None) -> None:
        now = self.clock.now
        (answer,) = self.wait_for(self.store.enqueue([new], max_queued=max_queued, now=now))
        found = (answer.word, snapshot(answer.job) if answer.job else None)
        agree("enqueue", found, self.model.enqueue(new, max_queued, now))

    # Workers

    @precondition(has_waiting)
    @rule(worker=st.sampled_from(["w1", "w2"]), queues=_some_queues, limit=_limits, again=_seldom)
    def claim(self, worker: str, queues: tuple[str, ...], limit: int, again: bool) -> None:
        """Claim jobs; sometimes under a claim id that was used before."""
        now = self.clock.now
        claim_id = self.claim_ids[0] if again and self.claim_ids else f"claim-{len(self.claim_ids)}"
        self.claim_ids.append(claim_id)
        answer = self.wait_for(
            self.store.claim(worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=LEASE_MS, now=now)
        )
        found = [{field: getattr(claim, field) for field in CLAIM_FIELDS} for claim in answer.claims]
        expected, due = self.model.claim(
            worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=LEASE_MS, now=now
        )
        agree("claims", found, expected)
        agree("when the next is due", answer.next_due_ms, due)
        self.runs += [(claim.job_id, claim.fence) for claim in answer.claims]

    @precondition(has_running)
    @rule(pick=_picks)
    def release_claim(self, pick: int) -> None:
        """Release a claim that was made, mostly a late one."""
        now = self.clock.now
        claim_id = self.claim_ids[-1 - pick % min(3, len(self.claim_ids))]
        found = self.wait_for(self.store.release_claim(claim_id, now=now))
        expected = self.model.release_claim(claim_id, _release, now)
        agree("runs given back", found, expected)

    @precondition(has_running)
    @rule(picks=st.lists(_picks, min_size=1, max_size=3), lease_ms=st.sampled_from([1, 1_000, LEASE_MS]))
    def renew(self, picks: list[int], lease_ms: int) -> None:
        """Renew leases, live or long gone, in one batch."""
        leases = [self.a_run(pick) for pick in picks]
        now = self.clock.now
        found = self.wait_for(self.store.renew(leases, lease_ms=lease_ms, now=now))
        agree("renewals", found, [self.model.renew(*lease, lease_ms, now) for lease in leases])

    @precondition(has_running)
    @rule(
        pick=_picks,
        event=_events,
        nonce=_nonces,
        only_expired=_seldom,
        delay_ms=st.sampled_from([0, 1, 1_000]),
        bodies=st.tuples(_bodies, _bodies, _bodies),
        astray=_seldom,
    )
    def settle(
        self,
        *,
        pick: int,
        event: Any,
        nonce: int,
        only_expired: bool,
        delay_ms: int,
        bodies: tuple[bytes | None, bytes | None, bytes | None],
        astray: bool,
    ) -> None:
        """End a run, live or stale, under its own fence or another."""
        job_id, fence = self.a_run(pick)
        job = self.model.jobs.get(job_id)
        attempt, most = (job.attempt, job.new.max_attempts) if job is not None and job.attempt else (1, 1)
        facts: dict[str, Any] = {"attempt": attempt, "max_attempts": most, "backoff": Backoff.fixed(delay_ms)}
        settlement = Settlement(
            job_id=job_id,
            fence=fence + astray,
            verdict=decide(event, **facts),
            verdict_if_canceled=decide(event, **facts, cancel_requested=True),
            nonce=nonce,
            only_expired=only_expired,
            result=bodies[0],
            result_meta=bodies[1],
            error=bodies[2],
        )
        self.settlements.append(settlement)
        self._settle([settlement])

    @precondition(has_settlements)
    @rule(picks=st.lists(_picks, min_size=1, max_size=2))
    def settle_again(self, picks: list[int]) -> None:
        """Repeat settlements whose reply was lost, perhaps when the job runs again."""
        self._settle([self.settlements[-1 - pick % len(self.settlements)] for pick in picks])

    @precondition(has_jobs)
    @rule(limit=_limits)
    def sweep(self, limit: int) -> None:
        """Do what a sweep does: promote what is due, rescue what has expired."""
        now = self.clock.now
        found = self.wait_for(self.store.expired(limit=limit, now=now))
        self.model.promote(now)
        expected = self.model.expired(now)
        agree("how many have expired", len(found), min(limit, len(expected)))
        settlements: list[Settlement] = []
        for run in found:
            facts = (run.fence, run.attempt, run.max_attempts, run.cancel_requested, run.handler)
            agree("the facts of an expired run", facts, expected.get(run.job_id))
            charged: dict[str, Any] = {"attempt": run.attempt, "max_attempts": run.max_attempts}
            settlements.append(
                Settlement(
                    job_id=run.job_id,
                    fence=run.fence,
                    verdict=decide("lost", **charged),
                    verdict_if_canceled=decide("lost", **charged, cancel_requested=True),
                    nonce=7,
                    only_expired=True,
                )
            )
        self._settle(settlements)

    def _settle(self, settlements: list[Settlement]) -> None:
        now = self.clock.now
        found = self.wait_for(self.store.settle(settlements, now=now))
        agree("settlements", found, [self.model.settle(settlement, now) for settlement in settlements])

    @precondition(has_running)
    @rule(pick=_picks, body=st.sampled_from([b"", b"1", b'{"percent": 50}']))
    def progress(self, pick: int, body: bytes) -> None:
        """Report progress from a run, live or stale."""
        job_id, fence = self.a_run(pick)
        found = self.wait_for(self.store.progress(job_id, fence, body, now=self.clock.now))
        agree("progress", found, self.model.progress(job_id, fence, body, self.clock.now))

    @precondition(has_running)
    @rule(
        pick=_picks,
        key=st.sampled_from(["k", "k", "K"]),
        nonce=st.sampled_from(["n", "n", "m"]),
        takeover=st.booleans(),
    )
    def reserve(self, pick: int, key: str, nonce: str, takeover: bool) -> None:
        """Reserve an effect from a run, live or stale."""
        job_id, fence = self.a_run(pick)
        answer = self.wait_for(self.store.reserve(job_id, fence, key, nonce, takeover=takeover, now=self.clock.now))
        expected = self.model.reserve(job_id, fence, key, nonce, takeover)
        agree("reserve", (answer.word, answer.value), expected)

    @precondition(has_running)
    @rule(
        pick=_picks,
        key=st.sampled_from(["k", "K"]),
        nonce=_texts,
        value=st.sampled_from([None, b"", b"1", b"2"]),
    )
    def record(self, pick: int, key: str, nonce: str, value: bytes | None) -> None:
        """Record an effect, or give it back, from a run, live or stale."""
        job_id, fence = self.a_run(pick)
        found = self.wait_for(self.store.record(job_id, fence, key, nonce, value, now=self.clock.now))
        agree("record", found, self.model.record(job_id, fence, key, nonce, value))

    # Everybody

    @precondition(has_jobs)
    @rule(pick=_picks)
    def cancel(self, pick: int) -> None:
        """Cancel a job, in whatever state."""
        job_id = self.a_job_id(pick)
        answer = self.wait_for(self.store.cancel(job_id, now=self.clock.now))
        agree("cancel", answer.word, self.model.cancel(job_id, self.clock.now))
        self.agree_on(job_id, answer.job)

    @precondition(has_scheduled)
    @rule(pick=_picks)
    def run_now(self, pick: int) -> None:
        """Make a job run now, if it is scheduled."""
        job_id = self.a_job_id(pick)
        found = self.wait_for(self.store.run_now(job_id, now=self.clock.now))
        self.model.run_now(job_id, self.clock.now)
        self.agree_on(job_id, found)

    @precondition(has_ended)
    @rule(pick=_picks)
    def delete(self, pick: int) -> None:
        """Delete a job, if it has ended."""
        job_id = self.a_job_id(pick)
        job = self.model.jobs.get(job_id)
        deletable = job is not None and job.done
        agree("delete", self.wait_for(self.store.delete(job_id)), deletable)
        if deletable:
            self.model.remove(job_id)

    @precondition(has_waiting)
    @rule(queue=_queues, paused=_seldom)
    def pause(self, queue: str, paused: bool) -> None:
        """Pause or resume a queue."""
        self.wait_for(self.store.pause(queue, paused))
        (self.model.paused.add if paused else self.model.paused.discard)(queue)

    @precondition(has_ended)
    @rule(limit=_limits)
    def strip(self, limit: int) -> None:
        """Strip what is past its retention; which of many is the store's choice."""
        now = self.clock.now
        eligible = self.model.strippable(now)
        agree(
            "how many were stripped",
            self.wait_for(self.store.strip(limit=limit, now=now)),
            min(limit, len(eligible)),
        )
        for job_id in eligible:
            found = self.wait_for(self.store.get(job_id))
            if found is not None and found.stripped:
                self.model.strip(job_id, now)

    @precondition(has_ended)
    @rule(limit=_limits)
    def prune(self, limit: int) -> None:
        """Prune what nothing keeps; which of many is the store's choice."""
        now = self.clock.now
        eligible = self.model.prunable(now)
        expected = min(limit, len(eligible))
        agree("how many were pruned", self.wait_for(self.store.prune(limit=limit, now=now)), expected)
        for job_id in eligible:
            if self.wait_for(self.store.get(job_id)) is None:
                self.model.remove(job_id)
                expected -= 1
        agree("how many of them are gone", expected, 0)

    @precondition(has_jobs)
    @rule(milliseconds=st.one_of(st.integers(0, 5), st.sampled_from([1_000, 60_000, DAY_MS])))
    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.clock.move_to(self.clock.now + milliseconds)

    @precondition(has_jobs)
    @rule(pick=st.integers(0, 3), beside=st.sampled_from([0, 0, 1, -1]))
    def advance_to_where_something_happens(self, pick: int, beside: int) -> None:
        """Let time pass to one of the next moments that matter, or a millisecond beside it."""
        moments = [at for at in self.model.moments() if at + beside > self.clock.now]
        if moments:
            self.clock.move_to(moments[min(pick, len(moments) - 1)] + beside)

    @precondition(has_jobs)
    @rule(
        limit=st.sampled_from([1, 2, 100]),
        state=st.sampled_from([None, None, "queued", "failed", "completed"]),
        queue=st.sampled_from([None, *QUEUES]),
        handler=st.sampled_from([None, None, "handler-0"]),
        owner=st.sampled_from([None, None, "a", "a%"]),
        request_id=st.sampled_from([None, None, None, "a", "b", ""]),
        bounds=st.tuples(st.one_of(st.none(), st.none(), _picks), st.one_of(st.none(), st.none(), _picks)),
    )
    def list(
        self,
        *,
        limit: int,
        state: Any,
        queue: str | None,
        handler: str | None,
        owner: str | None,
        request_id: str | None,
        bounds: tuple[int | None, int | None],
    ) -> None:
        """Follow a listing to its end."""
        where = JobFilter(
            state=state,
            queue=queue,
            handler=handler,
            owner=owner,
            request_id=request_id,
            created_since=self.a_creation(bounds[0]),
            created_before=self.a_creation(bounds[1]),
        )
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = self.wait_for(self.store.list(where, cursor=cursor, limit=limit))
            found += [job.job_id for job in page.jobs]
            cursor = page.cursor
            if cursor is None:
                break
        agree("the listing", found, self.model.listing(where))


def _release(job: ModelJob) -> Verdict:
    asked = job.cancel_requested_at is not None
    return decide("released", attempt=job.attempt, max_attempts=job.new.max_attempts, cancel_requested=asked)
