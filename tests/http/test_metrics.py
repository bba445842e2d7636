"""Section 7 of the HTTP contract: `/metrics`, on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, Retry
from asyncendpoints.errors import ConfigurationError
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client.samples import Sample

NO_LABELS: Mapping[str, str] = {}


def samples(page: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def value(page: str, name: str, **labels: str) -> float:
    (found,) = [each.value for each in samples(page) if (each.name, each.labels) == (name, labels)]
    return found


def application(**install: Any) -> tuple[FastAPI, AsyncEndpoints]:
    app = FastAPI()
    jobs = AsyncEndpoints("memory://", concurrency=5)
    jobs.install(app, **install)

    @app.post("/reports")
    @jobs.endpoint(queue="slow")
    async def report(pages: int) -> int:
        return pages

    return app, jobs


def test_there_is_no_page_unless_it_is_asked_for() -> None:
    app, _ = application()
    with Serving(app) as serving:
        assert serving.client.get("/metrics").status_code == 404


def test_a_job_is_seen_on_the_page_under_the_names_that_are_promised() -> None:
    app, _ = application(metrics=True)
    with Serving(app) as serving:
        key = {"Idempotency-Key": "k", "Prefer": "wait=10"}
        for _ in range(2):
            assert serving.client.post("/reports?pages=3", headers=key).status_code == 200
        answer = serving.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["cache-control"] == "no-store"
        page = answer.text
        where = {"endpoint": "report", "queue": "slow"}
        assert value(page, "asyncendpoints_submissions_total", endpoint="report", result="created") == 1
        assert value(page, "asyncendpoints_submissions_total", endpoint="report", result="replayed") == 1
        assert value(page, "asyncendpoints_submissions_total", endpoint="report", result="refused") == 0
        assert value(page, "asyncendpoints_jobs_total", **where, status="completed") == 1
        assert value(page, "asyncendpoints_jobs_total", **where, status="failed") == 0
        assert value(page, "asyncendpoints_attempts_total", **where, outcome="completed") == 1
        assert value(page, "asyncendpoints_job_duration_seconds_count", **where) == 1
        assert value(page, "asyncendpoints_queue_wait_seconds_count", **where) == 1
        assert value(page, "asyncendpoints_queue_jobs", queue="slow", state="completed") == 1
        assert value(page, "asyncendpoints_queue_oldest_age_seconds", queue="slow") == 0
        assert value(page, "asyncendpoints_worker_slots", state="busy") == 0
        assert value(page, "asyncendpoints_worker_slots", state="free") == 5
        assert value(page, "asyncendpoints_lease_lost_total") == 0
        assert value(page, "asyncendpoints_store_operation_seconds_count", operation="enqueue") == 2
        assert value(page, "asyncendpoints_store_operation_seconds_count", operation="settle") == 1
        assert value(page, "asyncendpoints_loop_stall_seconds_count") >= 0


def test_an_endpoint_that_nobody_has_called_is_there_with_zero() -> None:
    """Rates need a first value: what comes into being with its first job hides that one."""
    app, _ = application(metrics=True)
    with Serving(app) as serving:
        page = serving.client.get("/metrics").text
    assert value(page, "asyncendpoints_jobs_total", endpoint="report", queue="slow", status="failed") == 0


def test_buckets_are_cumulative_powers_of_two_from_a_millisecond_on() -> None:
    _, jobs = application(metrics=True)
    for seconds in (0.0005, 0.001, 0.0015, 0.5, 100_000.0):
        jobs.engine.measures.stalls.observe(seconds)
    page = generate_latest(_registry(jobs)).decode()
    buckets = {
        each.labels["le"]: each.value
        for each in samples(page)
        if each.name == "asyncendpoints_loop_stall_seconds_bucket"
    }
    assert [*buckets][:4] == ["0.001", "0.002", "0.004", "0.008"]
    assert (buckets["0.001"], buckets["0.002"], buckets["0.512"], buckets["+Inf"]) == (2, 3, 4, 5)
    assert len(buckets) == 25
    assert value(page, "asyncendpoints_loop_stall_seconds_sum") == pytest.approx(100_000.503)


def _registry(jobs: AsyncEndpoints) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(jobs.metrics())
    return registry


def test_no_label_is_an_id() -> None:
    app, _ = application(metrics=True)
    with Serving(app) as serving:
        job = serving.client.post("/reports?pages=3", headers={"Prefer": "wait=10", "Idempotency-Key": "secret"})
        page = serving.client.get("/metrics").text
    assert job.status_code == 200
    names = {name for each in samples(page) if each.name.startswith("asyncendpoints_") for name in each.labels}
    assert names == {"endpoint", "queue", "status", "result", "outcome", "state", "operation", "le"}
    assert "secret" not in page


def test_two_applications_in_one_process_have_a_page_each() -> None:
    """Their series would have the same names and labels; who gives them the same page is told so."""
    app, _ = application(metrics=True)
    other = AsyncEndpoints("memory://", jobs_path="/other-jobs")
    with pytest.raises(ConfigurationError, match=r"a route at '/metrics'.*another path"):
        other.install(app, metrics=True)
    other.install(app, metrics="/other-metrics")
    other.handler("theirs")(lambda: None)
    with Serving(app) as serving:
        page = serving.client.get("/other-metrics").text
        assert value(page, "asyncendpoints_submissions_total", endpoint="theirs", result="created") == 0
        assert 'endpoint="report"' not in page
        assert 'endpoint="theirs"' not in serving.client.get("/metrics").text


def test_a_registry_refuses_a_second_collector() -> None:
    _, jobs = application()
    registry = _registry(jobs)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(AsyncEndpoints("memory://").metrics())


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a path such as '/metrics'"):
        AsyncEndpoints("memory://").install(Starlette(), metrics="metrics")


def test_what_is_refused_is_counted_wherever_it_is_refused() -> None:
    """By the size of its body, its syntax, the route's validation, its key, and the store: once each."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app, metrics=True)

    @app.post("/reports")
    @jobs.endpoint(queue="slow", require_idempotency_key=True, max_body_bytes=100)
    async def report(pages: list[int]) -> None: ...

    with Serving(app) as serving:

        def refused() -> float:
            page = serving.client.get("/metrics").text
            name = "asyncendpoints_submissions_total"
            return value(page, name, endpoint="report", result="refused")

        keyed = {"Idempotency-Key": "k", "Content-Type": "application/json"}
        assert serving.client.post("/reports", content="[1]", headers=keyed).status_code == 202
        assert refused() == 0
        for count, (body, headers, status) in enumerate(
            [
                ("[" + "1," * 100 + "1]", keyed, 413),
                ("[1", keyed, 400),
                ("[1]", keyed | {"Content-Type": "text/plain"}, 415),
                ('["one"]', keyed, 422),
                ("[1]", {"Content-Type": "application/json"}, 400),
                ("[2]", keyed, 422),
            ],
            start=1,
        ):
            assert serving.client.post("/reports", content=body, headers=headers).status_code == status
            assert refused() == count
        assert serving.client.get("/reports").status_code == 405
        assert refused() == 6


def test_the_result_of_a_job_that_failed_is_no_refused_submission() -> None:
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app, metrics=True)

    @app.post("/reports")
    @jobs.endpoint(retry=Retry(max_attempts=1))
    async def report() -> None:
        raise ValueError("boom")

    with Serving(app) as serving:
        assert serving.client.post("/reports", headers={"Prefer": "wait=10"}).status_code == 500
        page = serving.client.get("/metrics").text
        submissions = {"endpoint": "report"}
        assert value(page, "asyncendpoints_submissions_total", **submissions, result="created") == 1
        assert value(page, "asyncendpoints_submissions_total", **submissions, result="refused") == 0
