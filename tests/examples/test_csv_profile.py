"""The CSV profiler on a real data set: the raw records of the Palmer penguins (CC0, K. Gorman)."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.fixture(scope="module")
def client(serve: Callable[..., httpx.Client]) -> httpx.Client:
    """Return a client of the served example."""
    return serve("examples.csv_profile.app:app")


@pytest.fixture(scope="module")
def penguins() -> Path:
    """Return the data set's file, found without importing the package that ships it."""
    spec = importlib.util.find_spec("palmerpenguins")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "data" / "penguins-raw.csv"


def column(profile: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one column's profile."""
    (found,) = [column for column in profile["columns"] if column["name"] == name]
    return found


def test_an_upload_is_profiled_column_by_column(client: httpx.Client, penguins: Path) -> None:
    """The upload is accepted at once; the profile agrees with the data set's published figures."""
    with penguins.open("rb") as file:
        accepted = client.post("/profiles", files={"file": ("penguins-raw.csv", file, "text/csv")})
    assert accepted.status_code == 202
    status_url = accepted.headers["location"]

    answer = client.get(status_url)
    while not answer.json()["done"]:
        answer = client.get(status_url, headers={"Prefer": "wait=30", "If-None-Match": answer.headers["etag"]})
    job = answer.json()
    assert job["status"] == "completed"
    assert job["progress"]["percent"] == 100

    profile = client.get(job["resultUrl"]).json()
    assert profile["filename"] == "penguins-raw.csv"
    assert profile["rows"] == 344
    assert len(profile["columns"]) == 17
    mass = column(profile, "Body Mass (g)")
    assert (mass["kind"], mass["present"], mass["missing"]) == ("integer", 342, 2)
    assert (mass["minimum"], mass["maximum"]) == (2700, 6300)
    assert mass["mean"] == pytest.approx(4201.75, abs=0.01)
    assert column(profile, "Date Egg")["kind"] == "date"
    species = {entry["value"].split()[0]: entry["count"] for entry in column(profile, "Species")["most_common"]}
    assert species == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}


def test_the_result_can_be_waited_for(client: httpx.Client, penguins: Path) -> None:
    """`Prefer: wait` on the submission gives the profile itself, the same that a reader of the file has."""
    answer = client.post(
        "/profiles",
        files={"file": ("penguins.csv", penguins.with_name("penguins.csv").read_bytes(), "text/csv")},
        headers={"Prefer": "wait=30"},
    )
    assert answer.status_code == 200
    with penguins.with_name("penguins.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for profiled in answer.json()["columns"]:
        values = [row[profiled["name"]] for row in rows if row[profiled["name"]] != "NA"]
        assert profiled["present"] == len(values)
        assert profiled["distinct"] == len(set(values))


def test_progress_is_streamed(client: httpx.Client, penguins: Path) -> None:
    """A client that accepts an event stream sees the columns go by and the job's end."""
    events: list[tuple[str, Any]] = []
    with client.stream(
        "POST",
        "/profiles",
        files={"file": ("p.csv", penguins.read_bytes(), "text/csv")},
        headers={"Accept": "text/event-stream"},
    ) as stream:
        assert stream.status_code == 200
        name = ""
        for line in stream.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
    assert events[-1][0] == "done"
    assert events[-1][1]["status"] == "completed"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1\n", "line 2 has 1 fields, the header has 2"),
        (b"\xff\xfe\x00", "'utf-8' codec"),
    ],
)
def test_a_file_that_is_no_table_fails_its_job(client: httpx.Client, content: bytes, detail: str) -> None:
    """What cannot be profiled is a failed job with a problem of the handler's choosing, tried once."""
    answer = client.post("/profiles", files={"file": ("x.csv", content)}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]
    job = client.get(answer.headers["content-location"].removesuffix("/result")).json()
    assert (job["status"], job["attempt"]) == ("failed", 1)
