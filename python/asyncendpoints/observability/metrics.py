"""What a process has counted, as Prometheus reads it. The names and labels here are promises.

No label ever holds an id: its values are registered handlers, queues, and words of this library, and for strangers'
names there is a bounded number of places.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.observability.histogram import BOUNDS_MS

try:
    from prometheus_client import REGISTRY
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ConfigurationError("metrics need prometheus-client: pip install 'asyncendpoints[metrics]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

    from asyncendpoints._core import Histogram, Meters, Tally
    from asyncendpoints.job import JobState
    from asyncendpoints.stores.base import StoreStats

MOST_QUEUES: Final = 500
"""How many queues have figures of their own; what there is of others is added up."""
OTHERS: Final = "(others)"
"""What those are added up under, as in the core."""
STEP: Final = 2
"""Every how many of the core's buckets is told: their bounds are powers of two, and half as many series are enough
to see by which factor a duration has grown. The dashboard reads them all."""

_BOUNDS: Final = tuple(str(bound / 1000) for bound in BOUNDS_MS[::STEP])
_SLOTS: Final = ("busy", "free")
_STATES: Final[tuple[JobState, ...]] = ("scheduled", "queued", "in_progress", "completed", "failed", "canceled")


class Queues(Protocol):
    """What is known of the queues at a scrape."""

    @property
    def stats(self) -> StoreStats:
        """What the store said."""
        ...

    @property
    def now(self) -> int:
        """When (UTC milliseconds)."""
        ...


class Measured(Protocol):
    """What the figures are of: one process's engine."""

    @property
    def meters(self) -> Meters:
        """What it has counted."""
        ...

    @property
    def expected(self) -> Sequence[tuple[str, str]]:
        """The endpoints that it knows, each with its queue: their counters begin with zero."""
        ...

    @property
    def slots(self) -> tuple[int, int] | None:
        """How many of its slots are busy, and how many free; None where it does not work."""
        ...

    @property
    def stalls(self) -> Histogram:
        """How late its event loop came to its timers."""
        ...

    @property
    def store_times(self) -> Mapping[str, Histogram]:
        """How long the store took, by operation."""
        ...

    @property
    def queues(self) -> Queues | None:
        """The store's figures; None where it did not answer, or nobody has asked it."""
        ...


class MetricsCollector(Collector):
    """Collects the metrics of one process's engine, whenever they are scraped.

    Args:
        measured: The engine.
    """

    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        """Yield every family, in the same order each time."""
        measured = self._measured
        for endpoint, queue in measured.expected:
            measured.meters.expect(endpoint, queue)
        tallies = measured.meters.tallies()
        yield from _counters(tallies)
        yield _durations(
            "job_duration_seconds",
            "How long runs of jobs took.",
            [(_key(tally), tally.ran, tally.ran_seconds) for tally in tallies],
        )
        yield _durations(
            "queue_wait_seconds",
            "How long jobs waited from being runnable to the start of a run.",
            [(_key(tally), tally.waited, tally.waited_seconds) for tally in tallies],
        )
        lost = CounterMetricFamily(
            "asyncendpoints_lease_lost",
            "Runs that had lost their lease when they ended.",
            value=measured.meters.leases_lost,
        )
        yield lost
        slots = GaugeMetricFamily("asyncendpoints_worker_slots", "Slots of this process's worker.", labels=["state"])
        for state, count in zip(_SLOTS, measured.slots or (), strict=False):
            slots.add_metric([state], count)
        yield slots
        yield _durations(
            "store_operation_seconds",
            "How long the store took to answer.",
            [((name,), *read) for name, times in measured.store_times.items() if any((read := times.read())[0])],
            labels=("operation",),
        )
        yield _durations(
            "loop_stall_seconds",
            "How late the event loop came to its timers.",
            [((), *measured.stalls.read())],
            labels=(),
        )
        yield from _queues(measured.queues)

    def describe(self) -> Iterator[Metric]:
        """Yield the families without their figures: for a registry, which refuses a second collector of them."""
        for family in self.collect():
            family.samples = []
            yield family


def render(collector: MetricsCollector, accept: str) -> tuple[bytes, str]:
    """Write a page of metrics: of the process as prometheus-client's own registry has them, then the collector's.

    Args:
        collector: Whose.
        accept: What the scraper accepts, as its header says.

    Returns:
        The page, and its media type: Prometheus' text, or OpenMetrics.
    """
    encode, media_type = choose_encoder(accept)
    return encode(_Page(collector)), media_type


class _Page(Collector):
    def __init__(self, collector: MetricsCollector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        told: set[str] = set()
        for family in REGISTRY.collect():
            told.add(family.name)
            yield family
        # Users may have registered the collector there.
        yield from (family for family in self._collector.collect() if family.name not in told)


def _key(tally: Tally) -> tuple[str, str]:
    return tally.endpoint, tally.queue


def _counters(tallies: Sequence[Tally]) -> Iterator[Metric]:
    jobs = CounterMetricFamily("asyncendpoints_jobs", "Jobs that ended.", labels=["endpoint", "queue", "status"])
    submissions = CounterMetricFamily(
        "asyncendpoints_submissions", "Submissions, by what they came to.", labels=["endpoint", "result"]
    )
    attempts = CounterMetricFamily(
        "asyncendpoints_attempts", "Runs that ended.", labels=["endpoint", "queue", "outcome"]
    )
    submitted: defaultdict[tuple[str, str], int] = defaultdict(int)
    for tally in tallies:
        key = _key(tally)
        for status, count in tally.ended.items():
            jobs.add_metric([*key, status], count)
        for outcome, count in tally.attempts.items():
            attempts.add_metric([*key, outcome], count)
        for result, count in tally.submitted.items():
            submitted[tally.endpoint, result] += count
    for labels, count in submitted.items():
        submissions.add_metric(labels, count)
    yield from (jobs, submissions, attempts)


def _durations(
    name: str,
    what: str,
    counted: Sequence[tuple[Sequence[str], Sequence[int], float]],
    *,
    labels: Sequence[str] = ("endpoint", "queue"),
) -> Metric:
    family = HistogramMetricFamily(f"asyncendpoints_{name}", what, labels=labels)
    for key, counts, seconds in counted:
        below, buckets, told = 0, list[tuple[str, float]](), 0
        for place, bound in enumerate(_BOUNDS):
            end = place * STEP + 1
            below += sum(counts[told:end])
            told = end
            buckets.append((bound, below))
        family.add_metric(key, [*buckets, ("+Inf", below + sum(counts[told:]))], seconds)
    return family


def _queues(queues: Queues | None) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("asyncendpoints_queue_jobs", "Jobs that the store has.", labels=["queue", "state"])
    ages = GaugeMetricFamily(
        "asyncendpoints_queue_oldest_age_seconds",
        "For how long the oldest job that could be claimed has waited.",
        labels=["queue"],
    )
    if queues is not None:
        stats = queues.stats
        named = _most_told(stats)
        totals: defaultdict[tuple[str, str], int] = defaultdict(int)
        oldest: dict[str, int] = {}
        for queue, counts in stats.counts.items():
            name = queue if queue in named else OTHERS
            for state in _STATES:
                totals[name, state] += counts.get(state, 0)
            ready_at = stats.oldest_ready_at.get(queue, queues.now)
            oldest[name] = min(oldest.get(name, ready_at), ready_at)
        for labels, count in totals.items():
            jobs.add_metric(labels, count)
        for name, ready_at in oldest.items():
            ages.add_metric([name], max(queues.now - ready_at, 0) / 1000)
    yield from (jobs, ages)


def _most_told(stats: StoreStats) -> frozenset[str]:
    """Return which queues have figures of their own: those whose oldest jobs have waited longest, and the fullest."""
    counts = stats.counts
    if len(counts) <= MOST_QUEUES:
        return frozenset(counts)
    waiting = sorted(stats.oldest_ready_at, key=stats.oldest_ready_at.__getitem__)
    fullest = sorted(counts, key=lambda queue: sum(counts[queue].values()), reverse=True)
    return frozenset([*dict.fromkeys([*waiting, *fullest])][:MOST_QUEUES])
