"""Actions as pages: asked for, confirmed with a form, done once, and told on the page that follows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from asyncendpoints.dashboard import forgery
from asyncendpoints.dashboard.actions import ACTIONS, Told, act, possible
from asyncendpoints.dashboard.answers import page_answer, redirect, tell
from asyncendpoints.dashboard.forms import read_form
from asyncendpoints.dashboard.groups import members, redrive_some
from asyncendpoints.dashboard.look import Missing
from asyncendpoints.dashboard.rendering import render
from asyncendpoints.dashboard.surroundings import surroundings
from asyncendpoints.dashboard.views.failed import fingerprint_of
from asyncendpoints.dashboard.views.job_page import find_job
from asyncendpoints.policy import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from asyncendpoints.dashboard.look import Look
    from asyncendpoints.engine import Engine

_MOST_DIGITS: Final = 15


class Confirmations:
    """The pages on which visitors confirm what they want done, and what does it.

    Args:
        engine: Whose jobs they are.
        title: What the pages are called.
    """

    def __init__(self, engine: Engine, title: str) -> None:
        self._engine = engine
        self._title = title

    async def job(self, request: Request, look: Look) -> Response:
        """Cancel, redrive, run now or delete one job."""
        action = ACTIONS.get(look.path["action"])  # pyright: ignore[reportArgumentType, reportCallIssue] (any text)
        if action is None:
            raise Missing("There is no such action.")
        back = f"{look.base}jobs/{look.path['job_id']}"
        if request.method == "POST":
            if await self._form(request) is None:
                return self._refuse(look, back)
            told = await act(self._engine, action.name, look.path["job_id"])
            where = f"{look.base}jobs" if told.word in {"deleted", "gone"} else back
            return tell(redirect(where), told, secure=_is_secure(request))
        job = await find_job(look)
        return self._ask(
            request,
            look,
            {
                "heading": action.question,
                "label": action.label,
                "effect": action.effect,
                "is_final": action.is_final,
                "is_possible": action in possible(job),
                "count": 1,
                "count_text": "This affects 1 job.",
                "subject": [
                    ("Job", job.job_id),
                    ("Endpoint", job.handler),
                    ("Queue", job.queue),
                    ("State", job.state.replace("_", " ")),
                ],
                "back": back,
                "fields": {},
            },
        )

    async def queue(self, request: Request, look: Look) -> Response:
        """Pause or resume a queue."""
        queue, action = look.path["queue"], look.path["action"]
        if action not in {"pause", "resume"} or not NAME.fullmatch(queue):
            raise Missing("There is no such action.")
        pauses = action == "pause"
        back = f"{look.base}queues"
        if request.method == "POST":
            if await self._form(request) is None:
                return self._refuse(look, back)
            await self._engine.store.pause(queue, pauses)
            snapshot = await look.snapshot()
            told = Told("paused" if pauses else "resumed", _waiting(snapshot.stats.counts.get(queue, {})))
            return tell(redirect(back), told, secure=_is_secure(request))
        snapshot = await look.snapshot()
        waiting = _waiting(snapshot.stats.counts.get(queue, {}))
        many = f"{waiting} {'job that waits' if waiting == 1 else 'jobs that wait'} in it"
        return self._ask(
            request,
            look,
            {
                "heading": f"{'Pause' if pauses else 'Resume'} the queue {queue}?",
                "label": "Pause" if pauses else "Resume",
                "effect": (
                    "Nothing more is claimed from it, on any worker, until it is resumed. What runs goes on, and jobs "
                    "are still accepted."
                    if pauses
                    else "Workers claim from it again."
                ),
                "is_final": False,
                "is_possible": (queue in snapshot.stats.paused) != pauses,
                "count": waiting,
                "count_text": f"This affects {many}, and those that come.",
                "subject": [("Queue", queue)],
                "back": back,
                "fields": {},
            },
        )

    async def group(self, request: Request, look: Look) -> Response:
        """Run the failed jobs of one kind again, a bounded number at a time."""
        fingerprint = fingerprint_of(look)
        here, back = f"{look.base}failed/{fingerprint}/redrive", f"{look.base}failed/{fingerprint}"
        if request.method == "POST":
            form = await self._form(request)
            if form is None:
                return self._refuse(look, back)
            return await self._redrive(request, look, form, here)
        done, cursor = _number(look.query.get("done")), look.query.get("cursor") or None
        found, looked = await members(self._engine, fingerprint, cursor)
        if not found and looked.cursor is None and not done:
            raise Missing("No failed job of this kind is left.")
        # Jobs that fail again after this page was made are not run again by it.
        before = _number(look.query.get("before")) or self._now()
        at_least = "at least " if looked.cursor is not None else ""
        many = f"{at_least}{len(found)} {'job' if len(found) == 1 and not at_least else 'jobs'}"
        told = f"{done} were run again so far; " if done else ""
        return self._ask(
            request,
            look,
            {
                "heading": "Run the other failed jobs of this kind again?"
                if done
                else "Run the failed jobs of this kind again?",
                "label": "Go on" if done else "Redrive all",
                "effect": "For each of them a new job is made with the same request. The failed ones stay as they are, "
                "until their retention has passed or they are deleted. Those that were run again from here already are "
                "passed over while their new job is kept.",
                "is_final": False,
                "is_possible": True,
                "count": len(found),
                "count_text": f"{told}{'this affects' if told else 'This affects'} {many}.",
                "subject": [("Error", found[0].handler if found else fingerprint)],
                "back": back,
                "fields": {"before": before, "cursor": cursor or "", "done": done},
            },
        )

    async def _redrive(self, request: Request, look: Look, form: Mapping[str, str], here: str) -> Response:
        before = min(_number(form.get("before")) or self._now(), self._now())
        step = await redrive_some(
            self._engine, look.path["fingerprint"], before=before, cursor=form.get("cursor") or None
        )
        done = _number(form.get("done")) + step.count
        secure = _is_secure(request)
        if step.cursor is not None:
            query = urlencode({"before": before, "cursor": step.cursor, "done": done})
            return tell(redirect(f"{here}?{query}"), Told("group-redriven", done), secure=secure)
        told = Told("group-stopped" if step.is_full else "group-redriven", done)
        return tell(redirect(f"{look.base}failed"), told, secure=secure)

    async def _form(self, request: Request) -> dict[str, str] | None:
        """Return the fields of a form that the visitor has sent from a page of the dashboard; None for any other."""
        if not forgery.may_act(request.scope):
            return None
        form = await read_form(request)
        if form is None or not forgery.is_own_token(forgery.visitor_of(request), form.get(forgery.TOKEN, "")):
            return None
        return form

    def _ask(self, request: Request, look: Look, values: dict[str, Any]) -> Response:
        visitor = forgery.visitor_of(request) or forgery.new_visitor()
        fields = {**values["fields"], forgery.TOKEN: forgery.token_of(visitor)}
        html = render("confirm.html", {**surroundings(look, self._title), **values, "fields": fields, "told": None})
        response = page_answer(html)
        response.set_cookie(forgery.COOKIE, visitor, httponly=True, samesite="lax", secure=_is_secure(request))
        return response

    def _refuse(self, look: Look, back: str) -> Response:
        values: dict[str, Any] = {
            **surroundings(look, self._title),
            "heading": "Nothing was done",
            "text": "The form did not come from a page of this dashboard, or its page is too old. Open the page again "
            "and confirm there.",
            "back": back,
            "told": None,
        }
        return page_answer(render("note.html", values), status=403)

    def _now(self) -> int:
        told = self._engine.clock.store_now()
        return time.time_ns() // 1_000_000 if told is None else told


def _waiting(counts: Mapping[Any, int]) -> int:
    return counts.get("queued", 0) + counts.get("scheduled", 0)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _is_secure(request: Request) -> bool:
    return request.scope.get("scheme") == "https"
