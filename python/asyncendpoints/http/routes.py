"""The job routes: a job, its result, its events, its cancellation. Plain functions, for any framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.requests import Request  # noqa: TC002 (FastAPI resolves it)
from starlette.responses import Response  # noqa: TC002 (FastAPI resolves it)

from asyncendpoints._core import is_job_id
from asyncendpoints.errors import AsyncEndpointsError, ConfigurationError, JobNotFound
from asyncendpoints.http.capture import ClientGone
from asyncendpoints.http.conditions import matches
from asyncendpoints.http.events import EventStream, last_event_id
from asyncendpoints.http.owners import owner_of
from asyncendpoints.http.preferences import NONE, VARY_PREFER, parse_prefer
from asyncendpoints.http.problems import problem_for
from asyncendpoints.http.reply import JSON, Reply
from asyncendpoints.http.representation import encode_job, etag, retry_after
from asyncendpoints.http.results import result_reply
from asyncendpoints.http.urls import JobUrls, job_urls
from asyncendpoints.http.waiting import Unheard, while_there

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from asyncendpoints.engine import Engine
    from asyncendpoints.job import Job

_NO_CACHE: Final = (b"cache-control", b"no-cache")


class JobRoute(NamedTuple):
    """One route of the library."""

    path: str
    """With its parameters in braces."""
    methods: tuple[str, ...]
    endpoint: Callable[[Request], Awaitable[Response]]
    name: str
    summary: str
    guarded: bool = True
    """Whether the dependencies given to `install` stand before it."""


def job_routes(engine: Engine) -> list[JobRoute]:
    """Return the job routes of an engine, at the paths that its settings say."""
    jobs = JobEndpoints(engine)
    base = engine.settings.jobs_path.rstrip("/")
    job = base + "/{job_id}"
    status = base + engine.settings.status_path
    return [
        JobRoute(job + "/result", ("GET", "HEAD"), jobs.result, "job_result", "The result of a job"),
        JobRoute(job + "/events", ("GET", "HEAD"), jobs.events, "job_events", "The events of a job as they happen"),
        JobRoute(job + "/cancel", ("POST",), jobs.cancel, "cancel_job", "Cancel a job"),
        JobRoute(status, ("GET", "HEAD"), jobs.status, "job_status", "A job, in whatever state it is"),
        JobRoute(job, ("DELETE",), jobs.cancel, "delete_job", "Cancel a job"),
    ]


class JobEndpoints:
    """The functions behind the job routes.

    Args:
        engine: Where the jobs live.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def status(self, request: Request) -> Response:
        """Answer with the job resource, at once or at the job's next change."""
        scope = request.scope
        tags, prefers = _conditions(scope)
        preferences = parse_prefer(prefers, max_wait=self._engine.settings.max_wait) if prefers else NONE
        gone = False
        try:
            job = await self._find(request)
            known = job.version if matches(tags, etag(job)) else None
            if preferences.wait and not job.done and (known is not None or not tags):
                work = self._engine.wait(job.job_id, version=job.version, timeout=preferences.wait)
                try:
                    job = await while_there(request.receive, work)
                except ClientGone:
                    gone = True
        except AsyncEndpointsError as error:
            return _refused(request, error)
        headers = [(b"etag", etag(job)), _NO_CACHE, VARY_PREFER, *preferences.applied]
        if not job.done:
            headers.append(retry_after(job, self._engine.clock))
        if known == job.version:
            reply = Reply(304, b"", headers)
        else:
            reply = Reply(200, encode_job(job, self._urls(scope)), (JSON, *headers))
        return Unheard(reply) if gone else reply

    async def result(self, request: Request) -> Response:
        """Answer with what the handler returned, or with why there is nothing."""
        try:
            job = await self._find(request)
        except AsyncEndpointsError as error:
            return _refused(request, error)
        return result_reply(request.scope, self._engine, job, self._urls(request.scope), headers=(_NO_CACHE,))

    async def cancel(self, request: Request) -> Response:
        """Cancel the job: at once where it waits, by telling its handler where it runs."""
        try:
            job = await self._find(request)
            answer = await self._engine.cancel(job.job_id)
            job = answer.job or await self._engine.get(job.job_id)
        except AsyncEndpointsError as error:
            return _refused(request, error)
        body = encode_job(job, self._urls(request.scope))
        if answer.word == "requested":
            return Reply(202, body, (JSON, retry_after(job, self._engine.clock)))
        return Reply(200, body, (JSON,))

    async def events(self, request: Request) -> Response:
        """Answer with a stream of the job's versions until it is done."""
        try:
            job = await self._find(request)
        except AsyncEndpointsError as error:
            return _refused(request, error)
        seen = last_event_id(request.scope)
        if seen is not None and job.done and seen >= job.version:
            return Reply(204, b"", ())
        return EventStream(self._engine, job, self._urls(request.scope), seen=seen)

    async def _find(self, request: Request) -> Job:
        """Return the request's job (JobNotFound: also where it is somebody else's)."""
        # The owner is asked for before the job is looked up: its own refusals tell nothing about jobs.
        reader = await owner_of(request, self._engine.settings)
        job_id: str = request.path_params["job_id"]
        if not is_job_id(job_id):
            raise JobNotFound(job_id)
        job = await self._engine.get(job_id)
        if job.owner is not None and job.owner != reader:
            raise JobNotFound(job_id)
        return job

    def _urls(self, scope: Mapping[str, Any]) -> JobUrls:
        return job_urls(scope, self._engine.settings)


def _conditions(scope: Mapping[str, Any]) -> tuple[list[bytes], list[bytes]]:
    tags: list[bytes] = []
    prefers: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            tags.append(value)
        elif name == b"prefer":
            prefers.append(value)
    return tags, prefers


def _refused(request: Request, error: AsyncEndpointsError) -> Response:
    if isinstance(error, ConfigurationError):
        raise error
    job_id: str = request.path_params["job_id"]
    return problem_for(request.scope, error, job_id=job_id if is_job_id(job_id) else None)
