"""The answer of `GET …/result`: what the handler returned, presented as it wants, or why there is nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from asyncendpoints import problem_types
from asyncendpoints.http.conditions import matches
from asyncendpoints.http.problems import instance, problem, problem_reply
from asyncendpoints.http.ranges import requested_range
from asyncendpoints.http.reply import JSON, Reply
from asyncendpoints.http.representation import encode_job, retry_after
from asyncendpoints.result import ResultMeta, decode_meta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.urls import JobUrls
    from asyncendpoints.job import Job

_PLAIN: Final = ResultMeta()
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_OURS: Final = frozenset(
    {
        "accept-ranges",
        "connection",
        "content-length",
        "content-range",
        "content-type",
        "idempotent-replayed",
        "keep-alive",
        "preference-applied",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that a handler cannot choose: they describe the request, the message and the connection, which it never
sees."""


def result_reply(
    scope: Mapping[str, Any],
    engine: Engine,
    job: Job,
    urls: JobUrls,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    ranges: bool = True,
) -> Reply:
    """Make the answer of `GET …/result` for a job in any state.

    Args:
        scope: The ASGI scope.
        engine: Whose clock is asked.
        job: The job.
        urls: Its URLs.
        headers: The library's own headers of the answer. A handler's Cache-Control stands instead of theirs.
        ranges: Whether the request's `Range` counts.
    """
    state = job.state
    if state == "completed":
        return _completed(scope, job, headers, ranges=ranges)
    if state == "failed":
        return _failed(scope, job, headers)
    if state == "canceled":
        detail = "The job was canceled, so it has no result."
        return problem(
            scope,
            problem_types.JOB_CANCELED,
            detail,
            job_id=job.job_id,
            request_id=job.request_id,
            headers=_of_problem(headers),
        )
    return Reply(202, encode_job(job, urls), (JSON, retry_after(job, engine.clock), *headers))


def _completed(scope: Mapping[str, Any], job: Job, headers: Sequence[tuple[bytes, bytes]], *, ranges: bool) -> Reply:
    if job.stripped:
        return _expired(scope, job, headers)
    body = job.result
    stored = job.result_meta
    if body is None and stored is None:
        return Reply(204, b"", headers)
    meta = _PLAIN if stored is None else decode_meta(stored)
    made = _safe_headers(meta)
    if not any(name == b"etag" for name, _ in made):
        made.append((b"etag", b'"%d"' % job.version))
    _add(made, headers)
    if meta.status_code in (204, 205, 304):
        return Reply(meta.status_code, b"", made)
    if meta.media_type is not None and _VALUE.fullmatch(meta.media_type):
        made.append((b"content-type", meta.media_type.encode("latin-1")))
    content = body or b""
    if meta.status_code != 200 or not ranges:
        return Reply(meta.status_code, content, made)
    made.append((b"accept-ranges", b"bytes"))
    return _ranged(scope, content, made)


def _ranged(scope: Mapping[str, Any], content: bytes, made: list[tuple[bytes, bytes]]) -> Reply:
    tag = next(value for name, value in made if name == b"etag")
    if matches([value for name, value in scope["headers"] if name == b"if-none-match"], tag):
        kept = (b"etag", b"cache-control", b"expires", b"vary", b"content-location", b"date")
        return Reply(304, b"", [pair for pair in made if pair[0] in kept])
    part = requested_range(scope, len(content), tag)
    if part is None:
        return Reply(200, content, made)
    if part == "unsatisfiable":
        members = {
            "type": "about:blank",
            "title": "Range Not Satisfiable",
            "status": 416,
            "detail": f"The result has {len(content)} bytes.",
            "instance": instance(scope),
        }
        return problem_reply(416, members, ((b"content-range", b"bytes */%d" % len(content)),))
    first, last = part
    made.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(content))))
    return Reply(206, content[first : last + 1], made)


def _failed(scope: Mapping[str, Any], job: Job, headers: Sequence[tuple[bytes, bytes]]) -> Reply:
    if job.error is None:
        return _expired(scope, job, headers)
    members = cast("dict[str, Any]", msgspec.json.decode(job.error))
    status = members.get("status")
    if not isinstance(status, int) or not 400 <= status <= 599:
        status = members["status"] = 500
    members.setdefault("instance", instance(scope))
    members.setdefault("jobId", job.job_id)
    if job.request_id is not None:
        members.setdefault("requestId", job.request_id)
    return problem_reply(status, members, _of_problem(headers))


def _expired(scope: Mapping[str, Any], job: Job, headers: Sequence[tuple[bytes, bytes]]) -> Reply:
    return problem(
        scope,
        problem_types.RESULT_EXPIRED,
        "The job has ended, and the time for which its result is kept has passed.",
        job_id=job.job_id,
        request_id=job.request_id,
        headers=_of_problem(headers),
    )


def _add(made: list[tuple[bytes, bytes]], headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Add the library's headers to the handler's; where there may be one, the caching is the handler's to choose."""
    chosen = {name for name, _ in made}
    ours = {name for name, _ in headers}
    if b"content-location" in chosen and b"content-location" in ours:
        made[:] = [pair for pair in made if pair[0] != b"content-location"]
    made += [pair for pair in headers if pair[0] != b"cache-control" or b"cache-control" not in chosen]


def _of_problem(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that go on a problem, which says by itself that it is not kept."""
    return [pair for pair in headers if pair[0] != b"cache-control"]


def _safe_headers(meta: ResultMeta) -> list[tuple[bytes, bytes]]:
    """Return the handler's headers, but not those that it cannot choose, or that would not be one line."""
    return [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for name, value in meta.headers
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in _OURS
    ]
