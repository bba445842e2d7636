"""Settings are checked when they are given."""

from __future__ import annotations

from typing import Any

import pytest

from asyncendpoints import AsyncEndpoints, ConfigurationError
from asyncendpoints.settings import Settings, make_settings


def test_the_defaults_are_those_of_the_documentation() -> None:
    """Without a word, an application gets the documented defaults."""
    settings = Settings()
    assert (settings.concurrency, settings.threads, settings.jobs_path) == (100, 40, "/jobs")
    assert (settings.lease_ms, settings.max_stall_ms, settings.shutdown_grace) == (15_000, 150_000, 25.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owner", "somebody"),
        ("namespace", "a b"),
        ("jobs_path", "jobs"),
        ("jobs_path", ""),
        ("jobs_path", "/a b"),
        ("jobs_path", "/a?b"),
        ("jobs_path", "/a#b"),
        ("jobs_path", "/a%20b"),
        ("jobs_path", "/aufträge"),
        ("jobs_path", "/{tenant}/jobs"),
        ("jobs_path", "//jobs"),
        ("jobs_path", "/a/../b"),
        ("jobs_path", "/jobs\n"),
        ("jobs_path", b"/jobs"),
        ("status_path", "/status"),
        ("status_path", "{job_id}"),
        ("status_path", "/{job_id}/{job_id}"),
        ("status_path", "/{job_id}?status"),
        ("status_path", "/{job_id:uuid}"),
        ("status_path", "/{tenant}/{job_id}"),
        ("status_path", "/{job_id}/zustände"),
        ("status_path", "/{job_id}/result"),
        ("status_path", "/{job_id}/events/"),
        ("concurrency", 0),
        ("concurrency", True),
        ("threads", 1.5),
        ("max_queued", 0),
        ("shutdown_grace", -1),
        ("lease_for", 0),
        ("lease_for", float("nan")),
        ("max_stall", 1.0),
        ("max_wait", float("inf")),
        ("idempotency_headers", "Idempotency-Key"),
        ("idempotency_headers", ("a b",)),
        ("idempotency_headers", ()),
        ("idempotency_query", "a&b"),
        ("worker", "yes"),
        ("queues", "default"),
        ("queues", ()),
        ("queues", ("a b",)),
        ("queues", ("a", "b", "a")),
        ("queues", {}),
        ("queues", {"a b": 1}),
        ("queues", {"a": 0}),
        ("queues", {"a": 1001}),
        ("queues", {"a": 1.5}),
        ("queues", {"a": True}),
        ("expose_errors", 1),
        ("max_result_bytes", 0),
        ("max_json_depth", 100_000),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(name: str, value: Any) -> None:
    """The error names the setting, what it takes and what it was given."""
    with pytest.raises(ConfigurationError, match=name):
        make_settings(**{name: value})


@pytest.mark.parametrize("name", ["jobs_path", "status_path"])
def test_a_path_that_no_url_takes_as_it_is_is_refused_with_the_remedy(name: str) -> None:
    """The error says what a path may be made of, and shows one."""
    with pytest.raises(ConfigurationError, match=rf"^{name} must be a path such as '/.*ASCII letters, digits and -._~"):
        make_settings(**{name: "/{job_id}/aufträge"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jobs_path", "/"),
        ("jobs_path", "/v1.0/my-jobs_~/"),
        ("status_path", "/{job_id}/status"),
        ("status_path", "/status/{job_id}"),
        ("status_path", "/job-{job_id}"),
    ],
)
def test_a_path_of_unreserved_characters_is_taken(name: str, value: str) -> None:
    """What stands in a URL as it is stays as it is."""
    assert getattr(make_settings(**{name: value}), name) == value


def test_a_name_that_is_no_setting_is_refused_with_the_list_of_those_that_are() -> None:
    """A typing error does not pass in silence."""
    with pytest.raises(ConfigurationError, match=r"'concurency' is not a setting; the settings are .*concurrency"):
        make_settings(concurency=5)


def test_lists_of_names_become_tuples() -> None:
    """A list of queues or headers is as good as a tuple."""
    settings = make_settings(queues=["a", "b"], idempotency_headers=["X-Request-Id"])
    assert (settings.queues, settings.idempotency_headers) == (("a", "b"), ("X-Request-Id",))


def test_queues_may_have_weights() -> None:
    """A mapping from names to weights is kept as it was given, whatever becomes of the one that was given."""
    given = {"default": 3, "reports": 1}
    settings = make_settings(queues=given)
    given.clear()
    assert settings.queues == settings.weights == {"default": 3, "reports": 1}
    assert make_settings(queues=("default",)).weights is None
    with pytest.raises(ConfigurationError, match=r"weight of queue 'reports' in queues must be .*1 to 1000, not 0"):
        make_settings(queues={"default": 1, "reports": 0})


@pytest.mark.parametrize("url", ["", "jobs.db", "ftp://x", "memory://elsewhere"])
def test_a_text_that_names_no_store_is_refused(url: str) -> None:
    """A store's URL that nobody knows is an error at once."""
    with pytest.raises(ConfigurationError, match="store"):
        AsyncEndpoints(url)


def test_the_environment_names_the_store_where_the_application_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASYNCENDPOINTS_STORE_URL is read when no store is given, and only then."""
    monkeypatch.setenv("ASYNCENDPOINTS_STORE_URL", "redis://localhost")
    assert AsyncEndpoints().engine.store.traits.name == "redis"
    assert AsyncEndpoints("memory://").engine.store.traits.name == "memory"
    monkeypatch.setenv("ASYNCENDPOINTS_STORE_URL", "")
    assert AsyncEndpoints().engine.store.traits.name == "memory"
