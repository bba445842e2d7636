"""Pages from templates: everything is escaped, and a name that a template misspells is an error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints import _core
from asyncendpoints.dashboard import formats
from asyncendpoints.dashboard.fingerprints import read_problem
from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from jinja2 import Environment

    from asyncendpoints.dashboard.look import Page
    from asyncendpoints.job import Job, JobState

FOLDER: Final = Path(__file__).parent
STATES: Final[tuple[JobState, ...]] = ("scheduled", "queued", "in_progress", "completed", "failed", "canceled")
"""In the order of a job's life."""
_LINE: Final = 160


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates.

    Raises:
        ConfigurationError: Jinja is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ConfigurationError(
            "the dashboard writes its pages with Jinja: pip install 'asyncendpoints[dashboard]'"
        ) from error
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = made.filters  # pyright: ignore[reportAssignmentType] (typed as those of Jinja alone)
    filters.update(
        ago=formats.ago,
        body=formats.body,
        bytes=formats.size,
        duration=formats.duration,
        moment=formats.moment,
        number=formats.number,
        percent=formats.percent,
        says=says,
        state=in_words,
    )
    names: dict[str, Any] = made.globals  # pyright: ignore[reportAssignmentType] (likewise)
    names.update(STATES=STATES, version=_core.__version__)
    return made


def in_words(state: str) -> str:
    """Return a state as people read it."""
    return state.replace("_", " ")


def says(job: Job) -> str:
    """Return what a job says of itself, in a line: its error, or its progress."""
    text = ""
    if job.error is not None:
        problem = read_problem(job.error)
        text = problem.detail or problem.title
    elif job.progress is not None and not job.done:
        text = str(read_problem(job.progress).members.get("message") or "")
    text = " ".join(text[:_LINE].split())
    return text + "…" if len(text) == _LINE else text


def render(template: str, values: dict[str, Any]) -> str:
    """Return what a template makes of values."""
    return environment().get_template(template).render(values)


def render_page(page: Page, surroundings: dict[str, Any]) -> str:
    """Return a whole page."""
    return render(f"{page.name}.html", {**surroundings, **page.values, "page": page})


def render_live(page: Page, surroundings: dict[str, Any]) -> str:
    """Return the part of a page that changes while it is looked at."""
    return render(f"live/{page.name}.html", {**surroundings, **page.values, "page": page})
