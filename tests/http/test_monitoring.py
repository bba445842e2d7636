"""The dashboard for Grafana and the rules for alerts ask for what a scrape has, by the labels that it has."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from asyncendpoints import AsyncEndpoints, Retry
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = files("asyncendpoints.observability") / "monitoring"
SCRAPER = frozenset({"job", "instance"})
"""The labels that Prometheus itself adds."""

SERIES = re.compile(r"(?P<name>asyncendpoints_\w+)(?:\{(?P<matchers>[^}]*)\})?")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def dashboard() -> dict[str, Any]:
    return json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "prometheus-alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked() -> Iterator[tuple[str, str]]:
    """Yield where an expression stands, and the expression."""
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["definition"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


@pytest.fixture(scope="module")
def scraped() -> dict[str, dict[str, set[str]]]:
    """What a scrape of an application that has seen everything has: for each series its labels, with their values."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app, metrics=True)

    @app.post("/reports")
    @jobs.endpoint(retry=Retry(1))
    async def report(pages: int) -> int:
        return 1 // pages

    with Serving(app) as serving:
        for pages in (0, 1):
            serving.client.post(f"/reports?pages={pages}", headers={"Prefer": "wait=10"})
        page = serving.client.get("/metrics").text
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def test_every_series_exists_with_the_labels_and_words_that_are_asked_for(
    scraped: dict[str, dict[str, set[str]]],
) -> None:
    seen = 0
    for place, expression in asked():
        names = [match["name"] for match in SERIES.finditer(expression)]
        assert names, f"{place} asks for nothing of ours"
        for match in SERIES.finditer(expression):
            seen += 1
            assert match["name"] in scraped, f"{place}: there is no {match['name']}"
            labels = scraped[match["name"]]
            for label, value in MATCHER.findall(match["matchers"] or ""):
                assert label in labels.keys() | SCRAPER, f"{place}: {match['name']} has no label {label}"
                if label not in SCRAPER and "$" not in value:
                    words = set(value.split("|"))
                    assert words <= labels[label], f"{place}: {match['name']} has no {label} {words - labels[label]}"
        known = {label for name in names for label in scraped.get(name, {})} | SCRAPER
        for grouping in GROUPING.findall(expression):
            for label in filter(None, map(str.strip, grouping.split(","))):
                assert label in known, f"{place}: nothing that is asked for has the label {label}"
    assert seen > 30


def test_every_metric_is_asked_for_somewhere(scraped: dict[str, dict[str, set[str]]]) -> None:
    """What nobody looks at might as well not be there."""
    everything = " ".join(expression for _, expression in asked())
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scraped if name.startswith("asyncendpoints_")}
    assert {family for family in families if family not in everything} == set()


def test_queue_figures_are_never_summed_over_processes() -> None:
    """Every process says the same of the store: what is summed would be a multiple of what there is."""
    for place, expression in asked():
        if "asyncendpoints_queue_jobs" in expression and not expression.startswith("label_values"):
            assert re.search(r"\bmax by \([^)]*\) \(asyncendpoints_queue_jobs", expression), place


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    panels = dashboard()["panels"]
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_legends_and_annotations_name_labels_that_the_expression_keeps() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            kept = {label.strip() for part in GROUPING.findall(target["expr"]) for label in part.split(",")}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, panel["title"]
    for rule in rules():
        kept = {label.strip() for part in GROUPING.findall(rule["expr"]) for label in part.split(",")}
        said = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", said)) <= kept, rule["alert"]
        assert {"summary", "description"} == rule["annotations"].keys()
