"""The one writer of server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from asyncendpoints.errors import JobNotFound, StoreUnavailable
from asyncendpoints.http.capture import ClientGone
from asyncendpoints.http.representation import encode_job
from asyncendpoints.http.waiting import while_there
from asyncendpoints.observability.logging import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.urls import JobUrls
    from asyncendpoints.job import Job

_log = logging.getLogger("asyncendpoints.http")

PING_EVERY: Final = 15.0
"""Seconds of silence after which a comment is sent, so that proxies and clients see a living connection."""

_PING: Final = b": ping\n\n"
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def wants_events(accepts: Iterable[bytes]) -> bool:
    """Tell whether an `Accept` header names `text/event-stream` itself, not only a wildcard over it."""
    for header in accepts:
        if b"text/event-stream" not in header.lower():
            continue
        for part in header.lower().split(b","):
            kind, *parameters = (piece.strip() for piece in part.split(b";"))
            if kind == b"text/event-stream" and not any(
                re.fullmatch(rb"q\s*=\s*0(\.0{0,3})?", each) for each in parameters
            ):
                return True
    return False


def last_event_id(scope: Mapping[str, Any]) -> int | None:
    """Return the version that the client has seen, or None; a malformed one is ignored."""
    for name, value in scope["headers"]:
        if name == b"last-event-id" and value.isdigit() and len(value) < 20:
            return int(value)
    return None


def event(name: bytes, version: int, data: bytes) -> bytes:
    """Return one block; data of several lines is sent as several lines."""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name, version, data)


class EventStream(Response):
    """A stream of a job's versions, which ends after `done`, at a drain, or when the client goes away.

    Args:
        engine: Where the job lives.
        job: The job as it is now.
        urls: Its URLs.
        seen: The version that the client has seen, from `Last-Event-ID`.
        headers: Further headers.
    """

    def __init__(
        self,
        engine: Engine,
        job: Job,
        urls: JobUrls,
        *,
        seen: int | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        # Response.__init__ would add a length; see Reply.
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.body = b""
        self.raw_headers = [*_HEADERS, *headers]
        self._engine = engine
        self._job = job
        self._urls = urls
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and then run the background task, whether or not the client stayed to the end."""
        # ASGI servers may also say by OSError that the client is gone.
        with contextlib.suppress(OSError):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                # Some middleware only says that the client is gone, so the stream gets its end in any case.
                with contextlib.suppress(ClientGone):
                    await while_there(receive, self._stream(send))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        if self.background is not None:
            await self.background()

    async def _stream(self, send: Send) -> None:
        """Send one event for each version that is seen, until there is nothing more to come."""
        job = self._job
        sent: Job | None = job if self._seen == job.version else None
        while True:
            if sent is None or job.version != sent.version:
                await self._send(send, self._event(job, sent))
                sent = job
            if job.done or self._engine.draining:
                return
            try:
                job = await self._engine.wait(job.job_id, version=job.version, timeout=PING_EVERY)
            except (JobNotFound, StoreUnavailable) as error:
                # The client connects again, and then gets the answer that fits.
                reason = printable(f"{error}")
                _log.warning("the events of job %s end early: %s", job.job_id, reason, extra={"job_id": job.job_id})
                return
            if job.version == sent.version and not self._engine.draining:
                await self._send(send, _PING)

    def _event(self, job: Job, sent: Job | None) -> bytes:
        """Choose the one event that tells of this version."""
        if job.done:
            return event(b"done", job.version, encode_job(job, self._urls))
        if sent is not None and job.progress is not None and _only_progress(job, sent):
            return event(b"progress", job.version, job.progress)
        return event(b"status", job.version, encode_job(job, self._urls))

    @staticmethod
    async def _send(send: Send, block: bytes) -> None:
        await send({"type": "http.response.body", "body": block, "more_body": True})
        # A send that does not suspend would let a flood of versions keep the loop from everybody else.
        await asyncio.sleep(0)


def _only_progress(job: Job, sent: Job) -> bool:
    return (
        job.progress != sent.progress
        and job.state == sent.state
        and job.fence == sent.fence
        and job.cancel_requested_at == sent.cancel_requested_at
    )
