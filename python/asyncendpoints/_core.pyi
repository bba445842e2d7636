"""The Rust core as Python sees it. It translates; every rule it applies is decided in `rust/core`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, final

from asyncendpoints.stores.base import JobFilter, Report

__version__: str

_State = Literal["scheduled", "queued", "in_progress", "completed", "failed", "canceled"]
_Outcome = Literal["completed", "error", "timeout", "canceled", "lost", "released"]
_Event = Literal["returned", "raised", "raised_final", "timed_out", "lost", "released", "stopped"]

def new_job_id(*, now: int | None = None) -> str:
    """Make a new job id: a UUIDv7 in canonical form, from the clock and the system's randomness.

    Ids that one process makes in the same millisecond sort in the order of their making.
    """

def is_job_id(text: str) -> bool:
    """Tell whether the text is a job id in canonical form (lower case, with hyphens, version 7)."""

def fingerprint_of(*parts: bytes) -> bytes:
    """Digest parts so that no two different sequences of parts look alike: their lengths go first."""

def unquoted_key(value: bytes, /) -> str | None:
    """Return the idempotency key that a header or parameter carries, unquoted, or None where it is malformed."""

def is_key(text: str, /) -> bool:
    """Tell whether the text can be an idempotency key, once unquoted: 1 to 255 visible ASCII characters."""

def job_resource(job: Job, urls: JobUrls, result: bytes | None = None, /) -> bytes:
    """Write the job resource.

    Args:
        job: The job.
        urls: The URLs of the application's jobs.
        result: A completed job's result where it stands in the resource: JSON, which is put in as it is, like a job's
            progress and errors.
    """

def pack_request(
    method: str,
    path: str,
    route: str,
    path_params: bytes,
    query: str | bytes,
    headers: Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]],
    dropped: tuple[bytes, ...],
    values: bytes,
    scheme: str,
    root_path: str,
    embed: bool | None,
    /,
) -> bytes:
    """Write what is kept of a request, in MessagePack: an array of the members of a `StoredRequest`.

    Args:
        method: The request's method.
        path: Its full path.
        route: The route's path template.
        path_params: The path parameters, in MessagePack.
        query: The raw query string; bytes are Latin-1.
        headers: Pairs of text, or of bytes in Latin-1 as ASGI has them.
        dropped: Names of headers, as ASGI has them, that are left out.
        values: The values that dependencies gave, in MessagePack.
        scheme: The URL's scheme.
        root_path: Where the application is mounted.
        embed: Whether the framework embedded the body's fields.
    """

@final
class Head:
    """What the headers of a request say to this library; each list has their values in the order sent."""

    def __init__(self, headers: Iterable[Sequence[bytes]], key_names: tuple[bytes, ...], /) -> None: ...
    @property
    def length(self) -> int:
        """The declared length of the body in bytes, -1 where there is none."""
    @property
    def expects(self) -> bool:
        """Whether 100 Continue is awaited."""
    @property
    def carries(self) -> bool:
        """Whether the head says that there is a body."""
    @property
    def content_types(self) -> list[bytes]: ...
    @property
    def keys(self) -> list[bytes]:
        """The values of the headers that `key_names` names."""
    @property
    def accepts(self) -> list[bytes]: ...
    @property
    def prefers(self) -> list[bytes]: ...
    @property
    def host(self) -> bytes | None:
        """The first `Host`."""

@final
class JobUrls:
    """Templates of absolute URLs in which `{job_id}` stands for a job's id."""

    def __init__(self, *, status: str, result: str, events: str, cancel: str) -> None: ...
    def status(self, job_id: str, /) -> str:
        """Return the job resource's URL."""
    def result(self, job_id: str, /) -> str:
        """Return the URL of what the handler returned."""

@final
class NewJob:
    """A job as it is handed to a store. Times are milliseconds; bodies are opaque bytes."""

    def __init__(
        self,
        *,
        job_id: str,
        handler: str,
        queue: str = "default",
        priority: int = 0,
        delay_ms: int = 0,
        max_attempts: int = 3,
        timeout_ms: int = 3_600_000,
        retention_completed_ms: int = 86_400_000,
        retention_failed_ms: int = 604_800_000,
        scope: str | None = None,
        key: str | None = None,
        fingerprint: bytes | None = None,
        owner: str | None = None,
        request: bytes | None = None,
        payload: bytes | None = None,
        redrive_of: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Raises ValueError with the field's name when a value is out of its bounds.

        `scope`, `key` and `fingerprint` (32 bytes) come together or not at all.
        """
    def another(
        self,
        payload: bytes | None = None,
        request: bytes | None = None,
        scope: str | None = None,
        key: str | None = None,
        fingerprint: bytes | None = None,
        owner: str | None = None,
        now: int | None = None,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay_ms: int = 0,
    ) -> NewJob:
        """Return another job like this one (handler, limits, retention), with an id of its own and these members.

        Queue and priority are this one's where they are None. Raises ValueError as the constructor does.
        """
    @property
    def job_id(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def delay_ms(self) -> int: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...
    @property
    def retention_completed_ms(self) -> int: ...
    @property
    def retention_failed_ms(self) -> int: ...
    @property
    def scope(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def fingerprint(self) -> bytes | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def request(self) -> bytes | None: ...
    @property
    def payload(self) -> bytes | None: ...
    @property
    def redrive_of(self) -> str | None: ...
    @property
    def origin(self) -> str | None: ...

@final
class Run:
    """One run of a job, numbered by its fence."""

    def __init__(
        self,
        *,
        number: int,
        started_at: int,
        worker: str,
        finished_at: int | None = None,
        outcome: _Outcome | None = None,
        error: bytes | None = None,
    ) -> None: ...
    @property
    def number(self) -> int: ...
    @property
    def started_at(self) -> int: ...
    @property
    def finished_at(self) -> int | None: ...
    @property
    def outcome(self) -> _Outcome | None: ...
    @property
    def error(self) -> bytes | None: ...
    @property
    def worker(self) -> str: ...

@final
class Job:
    """A job as a reader sees it; immutable. `*_at` are UTC milliseconds."""

    def __init__(
        self,
        *,
        job_id: str,
        handler: str,
        queue: str,
        state: _State,
        version: int,
        created_at: int,
        updated_at: int,
        priority: int = 0,
        attempt: int = 0,
        max_attempts: int = 3,
        timeout_ms: int = 3_600_000,
        retention_completed_ms: int = 86_400_000,
        retention_failed_ms: int = 604_800_000,
        scheduled_at: int | None = None,
        due_at: int | None = None,
        started_at: int | None = None,
        finished_at: int | None = None,
        expires_at: int | None = None,
        cancel_requested_at: int | None = None,
        fence: int = 0,
        lease_until: int | None = None,
        scope: str | None = None,
        request_id: str | None = None,
        fingerprint: bytes | None = None,
        owner: str | None = None,
        redrive_of: str | None = None,
        origin: str | None = None,
        progress: bytes | None = None,
        result: bytes | None = None,
        result_meta: bytes | None = None,
        error: bytes | None = None,
        runs: Sequence[Run] = (),
        request: bytes | None = None,
        payload: bytes | None = None,
        stripped: bool = False,
    ) -> None: ...
    @property
    def job_id(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def state(self) -> _State: ...
    @property
    def done(self) -> bool:
        """Whether the state is terminal."""
    @property
    def version(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...
    @property
    def retention_completed_ms(self) -> int: ...
    @property
    def retention_failed_ms(self) -> int: ...
    @property
    def created_at(self) -> int: ...
    @property
    def scheduled_at(self) -> int | None: ...
    @property
    def due_at(self) -> int | None: ...
    @property
    def started_at(self) -> int | None: ...
    @property
    def finished_at(self) -> int | None: ...
    @property
    def updated_at(self) -> int: ...
    @property
    def expires_at(self) -> int | None: ...
    @property
    def cancel_requested_at(self) -> int | None: ...
    @property
    def fence(self) -> int: ...
    @property
    def lease_until(self) -> int | None: ...
    @property
    def scope(self) -> str | None: ...
    @property
    def request_id(self) -> str | None:
        """The client's idempotency key, or None."""
    @property
    def fingerprint(self) -> bytes | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def redrive_of(self) -> str | None: ...
    @property
    def origin(self) -> str | None: ...
    @property
    def progress(self) -> bytes | None: ...
    @property
    def result(self) -> bytes | None: ...
    @property
    def result_meta(self) -> bytes | None: ...
    @property
    def error(self) -> bytes | None: ...
    @property
    def runs(self) -> list[Run]: ...
    @property
    def request(self) -> bytes | None: ...
    @property
    def payload(self) -> bytes | None: ...
    @property
    def stripped(self) -> bool: ...

@final
class Claim:
    """One claimed job: what a worker needs to run it."""

    def __init__(
        self,
        *,
        job_id: str,
        fence: int,
        handler: str,
        queue: str,
        attempt: int,
        max_attempts: int,
        timeout_ms: int,
        created_at: int,
        ready_at: int,
        started_at: int,
        priority: int = 0,
        request_id: str | None = None,
        owner: str | None = None,
        request: bytes | None = None,
        payload: bytes | None = None,
    ) -> None: ...
    @property
    def job_id(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def handler(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...
    @property
    def created_at(self) -> int: ...
    @property
    def ready_at(self) -> int: ...
    @property
    def started_at(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def request(self) -> bytes | None: ...
    @property
    def payload(self) -> bytes | None: ...

@final
class Backoff:
    """How long to wait before the next attempt; computed in Rust, seeded and reproducible."""

    @staticmethod
    def fixed(delay_ms: int) -> Backoff: ...
    @staticmethod
    def exponential(base_ms: int, factor: float, maximum_ms: int, jitter: bool) -> Backoff: ...
    @staticmethod
    def delays(delays_ms: Sequence[int]) -> Backoff:
        """An explicit list: the n-th retry waits the n-th delay, later ones the last."""
    def delay_ms(self, attempt: int, seed: int) -> int:
        """The delay after the given charged attempt (1 is the first)."""

@final
class Verdict:
    """What `decide` says: data, to be applied by a store."""

    def __init__(self, *, to_state: _State, outcome: _Outcome, delay_ms: int = 0, charged: bool = True) -> None: ...
    @property
    def to_state(self) -> _State: ...
    @property
    def outcome(self) -> _Outcome: ...
    @property
    def delay_ms(self) -> int: ...
    @property
    def charged(self) -> bool: ...
    def __eq__(self, other: object) -> bool: ...

def decide(
    event: _Event,
    *,
    attempt: int,
    max_attempts: int,
    cancel_requested: bool = False,
    backoff: Backoff | None = None,
    seed: int = 0,
) -> Verdict:
    """Decide what an ended run makes of its job.

    `returned`: the handler returned. `raised` / `raised_final`: it raised something that may / may not be retried.
    `timed_out`: past its timeout. `lost`: the lease expired. `released`: given back unfinished at a drain.
    `stopped`: the handler ended because of a cancel request.
    """

@final
class Settlement:
    """The one fenced write that ends a run: two verdicts, of which the store applies the one that matches its flag."""

    def __init__(
        self,
        *,
        job_id: str,
        fence: int,
        verdict: Verdict,
        verdict_if_canceled: Verdict,
        queue: str | None = None,
        nonce: int = 0,
        only_expired: bool = False,
        result: bytes | None = None,
        result_meta: bytes | None = None,
        error: bytes | None = None,
    ) -> None:
        """`queue`: the job's, where the writer knows it; a store that finds jobs by their queue saves a look.

        `only_expired`: apply only while the lease is past on the store's clock (rescue).
        """
    @staticmethod
    def of(
        claim: Claim,
        event: _Event,
        nonce: int = 0,
        result: bytes | None = None,
        result_meta: bytes | None = None,
        *,
        error: bytes | None = None,
        backoff: Backoff | None = None,
        seed: int = 0,
    ) -> Settlement:
        """Decide twice (as if no cancel had arrived, and as if one had) and make the settlement of a claim."""
    @property
    def job_id(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def verdict_if_canceled(self) -> Verdict: ...
    @property
    def nonce(self) -> int: ...
    @property
    def only_expired(self) -> bool: ...
    @property
    def result(self) -> bytes | None: ...
    @property
    def result_meta(self) -> bytes | None: ...
    @property
    def error(self) -> bytes | None: ...

def cancel_transition(state: _State) -> _State | None:
    """The table's row for a cancel: the state to go to (`in_progress` means: set the flag), None where refused."""

@final
class Enqueued:
    """The answer to one enqueue. `word` is `created`, `replayed`, `key_reused` or `queue_full`."""

    def __init__(self, word: Literal["created", "replayed", "key_reused", "queue_full"], job: Job | None) -> None: ...
    @property
    def word(self) -> Literal["created", "replayed", "key_reused", "queue_full"]: ...
    @property
    def job(self) -> Job | None:
        """The stored job for `created` and `replayed`, else None."""

@final
class Claims:
    """The answer to a claim: the runs begun, and in how many milliseconds the next scheduled job is due, if any."""

    def __init__(self, claims: Sequence[Claim], next_due_ms: int | None) -> None: ...
    @property
    def claims(self) -> list[Claim]: ...
    @property
    def next_due_ms(self) -> int | None: ...

@final
class Expired:
    """A run whose lease has passed: the facts that `decide` needs for its rescue."""

    def __init__(
        self,
        *,
        job_id: str,
        fence: int,
        attempt: int,
        max_attempts: int,
        cancel_requested: bool,
        handler: str,
        queue: str,
    ) -> None: ...
    @property
    def job_id(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_attempts(self) -> int: ...
    @property
    def cancel_requested(self) -> bool: ...
    @property
    def handler(self) -> str: ...
    @property
    def queue(self) -> str: ...

@final
class Cancellation:
    """The answer to a cancel: `canceled`, `requested` (running, told), `already` (canceled), `refused`, `missing`."""

    def __init__(
        self, word: Literal["canceled", "requested", "already", "refused", "missing"], job: Job | None
    ) -> None: ...
    @property
    def word(self) -> Literal["canceled", "requested", "already", "refused", "missing"]: ...
    @property
    def job(self) -> Job | None: ...

@final
class Reservation:
    """The answer to a reserve.

    `reserved`: yours to run. `recorded`: it ran, `value` is what it gave. `uncertain`: begun by another run, never
    recorded. `stale`: the lease is gone.
    """

    def __init__(
        self, word: Literal["reserved", "recorded", "uncertain", "stale"], value: bytes | None = None
    ) -> None: ...
    @property
    def word(self) -> Literal["reserved", "recorded", "uncertain", "stale"]: ...
    @property
    def value(self) -> bytes | None: ...

@final
class Page:
    """Some jobs of a listing, newest first, and where to go on; bounded work, so a page may be short."""

    def __init__(self, jobs: Sequence[Job], cursor: str | None) -> None: ...
    @property
    def jobs(self) -> list[Job]: ...
    @property
    def cursor(self) -> str | None: ...

@final
class Meters:
    """The counters of a process: read at any time from any thread, and written in batches.

    However many names of handlers and queues strangers invent, there is a bounded number of counters.
    """

    def __init__(self) -> None: ...
    def know(self, handlers: Sequence[str], /) -> None:
        """Count the jobs of these handlers under their names from now on; those of others share `(unknown)`."""
    def expect(self, handler: str, queue: str, /) -> None:
        """Have counters for an endpoint's jobs in a queue, which say zero until something happens."""
    def submitted(self, jobs: Sequence[NewJob], answers: Sequence[Enqueued], /) -> None:
        """Submissions were answered."""
    def refused(self, handler: str, queue: str, /) -> None:
        """A submission was refused before there was a job."""
    def started(self, claims: Sequence[Claim], /) -> None:
        """Runs began: each has waited since its job became runnable, both by the store's clock."""
    def ended(self, ends: Sequence[tuple[_EndedRun, Sequence[Any]]], states: Sequence[str], /) -> None:
        """Runs ended.

        Args:
            ends: Each run, and how it ended: the event for `decide` stands first.
            states: For each the state that its job went to, or `stale`; other words are passed over.
        """
    def rescued(self, expired: Sequence[Expired], states: Sequence[str], /) -> None:
        """Runs of lost workers were ended by the sweep; those that are `stale` were not."""
    def canceled(self, job: Job, /) -> None:
        """A job was canceled that was not running."""
    @property
    def leases_lost(self) -> int:
        """How many runs had lost their lease when they ended."""
    @property
    def changes(self) -> int:
        """How often something was counted: who has seen this number has seen everything."""
    def tallies(self) -> list[Tally]:
        """Return what was counted, by endpoint and queue."""

class _EndedRun(Protocol):
    """What `Meters.ended` reads of a run: when its handler began and ended, in seconds of one clock."""

    @property
    def claim(self) -> Claim: ...
    @property
    def begun(self) -> float | None: ...
    @property
    def ended(self) -> float | None: ...

@final
class Tally:
    """What happened to the jobs of one endpoint in one queue, up to a moment."""

    @property
    def endpoint(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def submitted(self) -> dict[str, int]:
        """Submissions by what they came to: `created`, `replayed`, `refused`."""
    @property
    def attempts(self) -> dict[str, int]:
        """Runs that ended, by outcome."""
    @property
    def ended(self) -> dict[str, int]:
        """Jobs that ended, by state."""
    @property
    def ran(self) -> list[int]:
        """How long runs took: how many are in each bucket of `observability.histogram`."""
    @property
    def ran_seconds(self) -> float:
        """How long runs took together."""
    @property
    def waited(self) -> list[int]:
        """How long jobs waited from being runnable to the start of a run, likewise."""
    @property
    def waited_seconds(self) -> float:
        """How long jobs waited together."""

@final
class Histogram:
    """Durations by bucket of `observability.histogram`: observed and read on any thread."""

    def __init__(self) -> None: ...
    def observe(self, seconds: float, /) -> None:
        """Count a duration."""
    def read(self) -> tuple[list[int], float]:
        """Return how many are in each bucket, and all together in seconds."""

@final
class MemoryStore:
    """The in-memory store. Every method returns at once; `now` None is the system's clock.

    Safe to call from any thread. After a fork the child finds it empty.
    """

    def __init__(
        self, on_wake: Callable[[list[str], list[str], list[tuple[str, str, int]]], Any] | None = None
    ) -> None:
        """`on_wake(ready_queues, changed_job_ids, cancels)` is called after an operation that concerns a listener.

        `ready_queues`: queues with something new to claim (or due earlier than a claim was told) since a claim from
        them came back with fewer jobs than it asked for. `changed_job_ids`: watched jobs whose version changed.
        `cancels`: `(worker, job_id, fence)` for each running job whose cancellation was requested.
        It is called without any lock held; what it raises propagates from the operation, which has been applied.
        """
    def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]: ...
    def claim(
        self, *, worker: str, claim_id: str, queues: Sequence[str], limit: int, lease_ms: int, now: int | None = None
    ) -> Claims: ...
    def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back, uncharged, every run that this claim began and that still runs; return how many."""
    def renew(
        self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None
    ) -> list[Literal["renewed", "cancel_requested", "stale"]]: ...
    def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[_State | Literal["stale"]]:
        """For each: the state the job went to, or `stale` where nothing was changed."""
    def expired(self, *, limit: int, now: int | None = None) -> list[Expired]: ...
    def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation: ...
    def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued; return the job as it is then, or None where there is none."""
    def get(self, job_id: str) -> Job | None: ...
    def watch(self, job_id: str) -> None:
        """Count one more watcher of a job, whose changes are then reported to `on_wake`."""
    def unwatch(self, job_id: str) -> None: ...
    def list(
        self,
        *,
        state: _State | None = None,
        queue: str | None = None,
        handler: str | None = None,
        owner: str | None = None,
        request_id: str | None = None,
        created_since: int | None = None,
        created_before: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page: ...
    def counts(self) -> dict[str, dict[_State, int]]:
        """For each queue, how many jobs are in each state."""
    def oldest_ready(self, *, now: int | None = None) -> dict[str, int]:
        """For each queue with jobs waiting to be claimed, the `ready_at` of the oldest."""
    def next_due(self) -> int | None:
        """The time in UTC milliseconds of the earliest scheduled job, lease end or expiry; None where nothing waits."""
    def promote(self, *, limit: int, now: int | None = None) -> int:
        """Make at most `limit` scheduled jobs queued whose time has come, earliest first, in every queue."""
    def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop payload and result of at most `limit` jobs past their retention that their key still keeps."""
    def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete at most `limit` records that nothing keeps any more, with their effects and keys."""
    def delete(self, job_id: str) -> bool:
        """Delete a job that has ended, with its key and effects; False where there is none or it has not ended."""
    def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool: ...
    def reserve(
        self, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool = False, now: int | None = None
    ) -> Reservation: ...
    def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record the value of a reserved effect, or give the reservation back (`None`). False where stale."""
    def pause(self, queue: str, paused: bool) -> None: ...
    def paused(self) -> list[str]: ...
    def reset(self) -> None:
        """Forget everything: a forked child's first act."""

@final
class RedisMailbox:
    """Where the answers for one event loop arrive. `fd` is readable while there are some."""

    @property
    def fd(self) -> int: ...
    def take(self) -> tuple[list[tuple[int, Any]], list[tuple[int, Exception]], list[tuple[Any, ...]]]:
        """Take everything out: `(number, answer)`, `(number, exception)`, and notices.

        A notice is `("ready", queue)`, `("changed", job_id)`, `("cancel", worker, job_id, fence)`,
        `("reconnected",)`: anything may have happened that nobody was told of, or `("unheard", reason)`: nothing is
        told until the next `("reconnected",)`.
        """

@final
class RedisKeeper:
    """The runs of one worker whose leases the I/O thread renews, until they are dropped or LSE-4 ends it."""

    @property
    def lease_ms(self) -> int: ...
    def hold(self, runs: Iterable[tuple[str, int, int]]) -> None:
        """Renew runs `(job_id, fence, timeout_ms)`."""
    def drop(self, leases: Iterable[tuple[str, int]]) -> None:
        """Renew `(job_id, fence)` no more; harmless where one is not held."""
    def drop_all(self) -> None: ...
    def beat(self, now: int | None = None) -> None: ...
    def renewable(self, now: int | None = None) -> list[tuple[str, int]]:
        """The leases `(job_id, fence)` that LSE-4 lets live."""

@final
class RedisTransport:
    """The way to one Redis server. Making it starts nothing; the thread starts at the first `flush`.

    The methods that ask the store return the call's number, or None where no job can have that name; the answer
    arrives in the mailbox. Nothing is sent before `flush`. Absent on Windows.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: bool,
        path: str | None,
        username: str | None,
        password: str | None,
        database: int,
        namespace: str,
        timeout_ms: int,
        wait_replicas: int,
        ca: bytes | None = None,
        cert: bytes | None = None,
        key: bytes | None = None,
    ) -> None:
        """Raises ConfigurationError where the address or a certificate (PEM) cannot work."""
    def mailbox(self) -> RedisMailbox:
        """Make a mailbox; it hears every notice, too."""
    def flush(self) -> None:
        """Send what was asked since the last time."""
    def keeper(self, worker: str, lease_ms: int, max_stall_ms: int) -> RedisKeeper: ...
    def listen(self, worker: str, queues: Sequence[str]) -> None:
        """Hear of work in queues, and of cancels of a worker's runs."""
    def hush(self, worker: str, queues: Sequence[str]) -> None:
        """Hear of them no more."""
    def listen_for_changes(self, mailbox: RedisMailbox) -> int:
        """Hear of changes of watched jobs; once it does so, the call is answered."""
    def close(self, mailbox: RedisMailbox) -> int:
        """End everything; the call is answered when that is done."""
    def ping(self, mailbox: RedisMailbox) -> int: ...
    def enqueue(
        self, mailbox: RedisMailbox, jobs: Sequence[NewJob], max_queued: int | None, now: int | None
    ) -> int: ...
    def claim(
        self,
        mailbox: RedisMailbox,
        worker: str,
        claim_id: str,
        queues: Sequence[str],
        limit: int,
        lease_ms: int,
        now: int | None,
    ) -> int: ...
    def release_claim(self, mailbox: RedisMailbox, claim_id: str, now: int | None) -> int: ...
    def renew(self, mailbox: RedisMailbox, leases: Sequence[tuple[str, int]], lease_ms: int, now: int | None) -> int:
        """Every job id must be one: ask `is_job_id` before."""
    def settle(self, mailbox: RedisMailbox, settlements: Sequence[Settlement], now: int | None) -> int: ...
    def expired(self, mailbox: RedisMailbox, limit: int, now: int | None) -> int: ...
    def cancel(self, mailbox: RedisMailbox, job_id: str, now: int | None) -> int | None: ...
    def run_now(self, mailbox: RedisMailbox, job_id: str, now: int | None) -> int | None: ...
    def get(self, mailbox: RedisMailbox, job_id: str) -> int | None: ...
    def watch(self, mailbox: RedisMailbox, job_id: str, version: int) -> int | None: ...
    def list(
        self,
        mailbox: RedisMailbox,
        where: JobFilter,
        cursor: str | None,
        limit: int,
    ) -> int: ...
    def stats(self, mailbox: RedisMailbox, now: int | None) -> int: ...
    def report(self, mailbox: RedisMailbox, report: Report, kept: tuple[int, int, int], now: int | None) -> int:
        """`kept` is for how many ms a sign of life is, how many ms a slot is, and how many slots are kept."""
    def reports(self, mailbox: RedisMailbox, since: int, now: int | None) -> int: ...
    def strip(self, mailbox: RedisMailbox, limit: int, now: int | None) -> int: ...
    def prune(self, mailbox: RedisMailbox, limit: int, now: int | None) -> int: ...
    def delete(self, mailbox: RedisMailbox, job_id: str) -> int | None: ...
    def progress(self, mailbox: RedisMailbox, job_id: str, fence: int, body: bytes, now: int | None) -> int | None: ...
    def reserve(
        self,
        mailbox: RedisMailbox,
        job_id: str,
        fence: int,
        key: str,
        nonce: str,
        takeover: bool,
        now: int | None,
    ) -> int | None: ...
    def record(
        self,
        mailbox: RedisMailbox,
        job_id: str,
        fence: int,
        key: str,
        nonce: str,
        value: bytes | None,
        now: int | None,
    ) -> int | None: ...
    def pause(self, mailbox: RedisMailbox, queue: str, paused: bool) -> int: ...
    def inspect(self, mailbox: RedisMailbox) -> int:
        """What the server says of itself that concerns durability."""
    def check(self, mailbox: RedisMailbox, cursor: str | None, limit: int) -> int:
        """Compare records and indexes with each other, a page at a time."""
