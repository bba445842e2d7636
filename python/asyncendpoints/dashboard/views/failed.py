"""The pages about failed jobs: by the kind of their error, and those of one kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from asyncendpoints.dashboard.fingerprints import kind_of, read_problem
from asyncendpoints.dashboard.groups import groups, members
from asyncendpoints.dashboard.look import Missing, Page

if TYPE_CHECKING:
    from asyncendpoints.dashboard.look import Look

SHOWN: Final = 100
"""How many jobs of a kind its page shows."""
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")


def fingerprint_of(look: Look) -> str:
    """Return the fingerprint that the page's path names.

    Raises:
        Missing: It names none.
    """
    fingerprint = look.path["fingerprint"]
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise Missing("There is no such group of failed jobs.")
    return fingerprint


async def failed(look: Look) -> Page:
    """Show the kinds of errors of the newest failed jobs."""
    snapshot = await look.snapshot()
    cursor = look.query.get("cursor") or None
    found, looked = await groups(look.engine, cursor)
    values = {
        "now": snapshot.now,
        "groups": found,
        "looked": looked,
        "is_further": cursor is not None,
        "total": snapshot.count("failed"),
    }
    return Page("failed", "Failed jobs", values, live=cursor is None)


async def group(look: Look) -> Page:
    """Show the failed jobs of one kind."""
    fingerprint = fingerprint_of(look)
    snapshot = await look.snapshot()
    cursor = look.query.get("cursor") or None
    found, looked = await members(look.engine, fingerprint, cursor)
    problem = read_problem(found[0].error) if found else None
    if problem is not None and not look.engine.settings.expose_tracebacks:
        problem = problem._replace(traceback="")
    values = {
        "now": snapshot.now,
        "fingerprint": fingerprint,
        "kind": kind_of(found[0].error) if found else None,
        "problem": problem,
        "jobs": found[:SHOWN],
        "count": len(found),
        "looked": looked,
        "is_further": cursor is not None,
        "acts": look.grant.acts,
    }
    return Page("group", "Failed jobs of one kind", values, live=False)
