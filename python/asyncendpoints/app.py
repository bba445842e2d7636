"""`AsyncEndpoints`: the one object that an application makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from asyncendpoints.bulk import new_jobs
from asyncendpoints.engine import Engine
from asyncendpoints.life import Life
from asyncendpoints.operations import Operations
from asyncendpoints.policy import make_policy
from asyncendpoints.preparation import prepared
from asyncendpoints.registry import Handler, Registry
from asyncendpoints.settings import make_settings
from asyncendpoints.store_urls import open_outbox, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Unpack

    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    from asyncendpoints._core import Cancellation
    from asyncendpoints.job import Job
    from asyncendpoints.options import EndpointFunction, PolicyOptions, SettingOptions
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import DatabaseSession, DatabaseUrl, Outbox
    from asyncendpoints.submission import Submission
    from asyncendpoints.testing import Testing

F = TypeVar("F", bound="Callable[..., Any]")


class AsyncEndpoints(Life, Operations):
    """Durable asynchronous endpoints for one application.

    Making one starts nothing: no thread, no connection, no event loop is touched before the application starts.

    Args:
        store: Where jobs are kept: a URL (`redis://…`, `memory://`) or a `Store`; None: `ASYNCENDPOINTS_STORE_URL`.
        outbox: A SQL database, for `submit(…, session=…)` where the store is none: a URL, or a SQLAlchemy engine.
        **settings: See `asyncendpoints.settings.Settings`.

    Raises:
        ConfigurationError: A setting cannot work; the message names it and the remedy.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        outbox: DatabaseUrl | Outbox | None = None,
        **settings: Unpack[SettingOptions],
    ) -> None:
        self.registry = Registry()
        made = make_settings(**settings)
        kept = open_store(store, made.namespace)
        self.engine = Engine(kept, self.registry, made, outbox=open_outbox(outbox, made.namespace))
        self._application: Starlette | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.engine.settings

    @property
    def application(self) -> Starlette | None:
        """The application that `install` was called with."""
        return self._application

    # The application.

    def install(
        self,
        app: Starlette,
        *,
        dependencies: Sequence[Any] = (),
        producer: bool = False,
        health: bool = False,
        metrics: bool | str = False,
    ) -> None:
        """Tie the worker to the application's lifespan, and add the job routes.

        Call it on the application that the server runs, before adding any catch-all route, which would hide the
        job routes.

        Args:
            app: A Starlette or FastAPI application.
            dependencies: What guards the job routes: FastAPI dependencies, or functions of the request with Starlette.
            producer: Whether to add `POST /jobs` for handlers that say `exposed=True`.
            health: Whether to add `/livez` and `/readyz`.
            metrics: Whether to add `/metrics` for Prometheus, or at which path.

        Raises:
            ConfigurationError: It is no such application, or was installed on before.
        """
        from asyncendpoints.http.installation import install

        install(app, self.engine, dependencies=dependencies, producer=producer, health=health, metrics=metrics)
        self._application = app

    @overload
    def endpoint(self, function: Callable[..., Any], /) -> EndpointFunction: ...

    @overload
    def endpoint(
        self, function: None = None, /, *, name: str | None = None, **policy: Unpack[PolicyOptions]
    ) -> Callable[[Callable[..., Any]], EndpointFunction]: ...

    def endpoint(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        **policy: Unpack[PolicyOptions],
    ) -> EndpointFunction | Callable[[Callable[..., Any]], EndpointFunction]:
        """Make a FastAPI handler asynchronous; the decorator stands below the route's.

        Args:
            function: The handler, where the decorator is used without arguments.
            name: What it is registered as; by default its own name.
            **policy: See `asyncendpoints.policy.Policy`.

        Returns:
            The function to decorate with the route; its `handler` is the function given.

        Raises:
            ConfigurationError: The function cannot be a handler; the message names the parameter and the remedy.
        """
        made = make_policy(**policy)

        def decorate(function: Callable[..., Any]) -> EndpointFunction:
            from asyncendpoints.http.fastapi import make_endpoint

            endpoint = make_endpoint(
                function, engine=self.engine, policy=made, name=name, application=lambda: self._application
            )
            return cast("EndpointFunction", endpoint)

        return decorate if function is None else decorate(function)

    def route(
        self,
        path: str,
        function: Callable[..., Any],
        *,
        methods: Collection[str] = ("POST",),
        name: str | None = None,
        middleware: Sequence[Middleware] | None = None,
        **policy: Unpack[PolicyOptions],
    ) -> Route:
        """Make a Starlette route whose handler takes one `JobContext`.

        Args:
            path: Starlette's path template.
            function: The handler.
            methods: POST, PUT, PATCH or DELETE.
            name: What the handler is registered as; by default its own name.
            middleware: Middleware of this route alone.
            **policy: See `asyncendpoints.policy.Policy`.

        Raises:
            ConfigurationError: The function cannot be a handler, or a method cannot submit.
        """
        from asyncendpoints.http.starlette import make_route

        return make_route(
            self.engine, path, function, make_policy(**policy), name=name, methods=methods, middleware=middleware
        )

    def openapi(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Correct an OpenAPI document that a generator of your own has made of a FastAPI application.

        Args:
            schema: The document; it is changed in place.

        Returns:
            The same document. A second call changes nothing.
        """
        from asyncendpoints.http.fastapi import describe

        return describe(schema, self.registry, self.settings)

    # Without HTTP.

    @overload
    def handler(self, name: F, /) -> F: ...

    @overload
    def handler(self, name: str | None = None, /, **policy: Unpack[PolicyOptions]) -> Callable[[F], F]: ...

    def handler(self, name: str | F | None = None, /, **policy: Unpack[PolicyOptions]) -> F | Callable[[F], F]:
        """Register a function that takes one `JobContext`, or nothing; the function itself stays as it is.

        Args:
            name: What it is registered as; by default its own name.
            **policy: See `asyncendpoints.policy.Policy`.

        Raises:
            ConfigurationError: The function cannot be a handler, or the name is taken.
        """
        made = make_policy(**policy)

        def decorate(function: F) -> F:
            chosen = name if isinstance(name, str) else getattr(function, "__name__", "")
            self.registry.add(Handler(chosen, function, made))
            return function

        return decorate if name is None or isinstance(name, str) else decorate(name)

    async def submit(
        self,
        handler: str | Callable[..., Any],
        payload: Any = None,
        *,
        idempotency_key: str | None = None,
        delay: float = 0.0,
        priority: int | None = None,
        queue: str | None = None,
        owner: str | None = None,
        path_params: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        session: DatabaseSession | None = None,
    ) -> Submission:
        """Submit a job.

        Args:
            handler: A handler's name, or its function.
            payload: What the handler works on; it is checked and written as JSON.
            idempotency_key: A repeated submission with this key, and the same payload, is the same job.
            delay: Seconds to wait before the first attempt.
            priority: -100 to 100, higher first; None is the policy's.
            queue: Where it waits; None is the policy's.
            owner: Whose job it is, where the application names owners.
            path_params: For handlers behind a route: its path parameters.
            query: For handlers behind a route: its query parameters.
            headers: For handlers behind a route: its headers.
            values: For FastAPI handlers: what their request-time dependencies would give them, by parameter name.
            session: A SQLAlchemy session or connection, in whose transaction the job is stored: if it is committed.

        Returns:
            The job, and whether the key had been seen.

        Raises:
            HandlerUnknown: No such handler is registered.
            ConfigurationError: The session cannot carry a job; the message says why.
            SubmissionRefused: The payload does not fit, the key was used for something else, or the queue is full.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer.
        """
        known = self.registry.get(handler) if isinstance(handler, str) else self.registry.of(handler)
        parts: dict[str, Any] = {"path_params": path_params, "query": query, "headers": headers}
        if known.arguments is None and any(parts.values()):
            from asyncendpoints.http.scripted import scripted_request

            parts["request"] = scripted_request(**parts)
        parts["values"] = values
        now = self.engine.clock.store_now()
        job = await prepared(
            known,
            payload,
            queue=queue,
            priority=priority,
            delay=delay,
            key=idempotency_key,
            owner=owner,
            now=now,
            **parts,
        )
        return await self.engine.enqueue(job, now, session)

    async def submit_many(
        self,
        handler: str | Callable[..., Any],
        payloads: Iterable[Any],
        *,
        idempotency_keys: Iterable[str] | None = None,
        delay: float = 0.0,
        priority: int | None = None,
        queue: str | None = None,
        owner: str | None = None,
        session: DatabaseSession | None = None,
    ) -> list[Submission]:
        """Submit a job for each payload, in few calls of the store.

        All payloads are checked before the first job is stored. The jobs are not one transaction, unless a session is
        given: give keys where the call may have to be repeated.

        Args:
            handler: A handler's name, or its function.
            payloads: What the handler works on, one job for each.
            idempotency_keys: One for each payload.
            delay: Seconds to wait before the first attempts.
            priority: For all of them.
            queue: For all of them.
            owner: For all of them.
            session: A SQLAlchemy session or connection, in whose transaction they are stored: if it is committed.

        Returns:
            What each submission came to, in the order of the payloads.

        Raises:
            HandlerUnknown: No such handler is registered.
            SubmissionRefused: A payload does not fit; nothing was stored.
            BatchRefused: A key was used for something else, or the queue became full; it says which jobs are stored.
            StoreUnavailable: The store does not answer; some jobs may be stored.
        """
        known = self.registry.get(handler) if isinstance(handler, str) else self.registry.of(handler)
        now = self.engine.clock.store_now()
        jobs = await new_jobs(
            known, payloads, idempotency_keys, queue=queue, priority=priority, delay=delay, owner=owner, now=now
        )
        return await self.engine.enqueue_all(jobs, now, session)

    async def get(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            JobNotFound: There is none.
            StoreUnavailable: The store does not answer.
        """
        return await self.engine.get(job_id)

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:  # noqa: ASYNC109 (a long poll)
        """Return the job once it has ended.

        Args:
            job_id: The job.
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: It has not ended by then.
            JobNotFound: There is none.
            StoreUnavailable: The store does not answer.
        """
        return await self.engine.wait_until_done(job_id, timeout)

    async def cancel(self, job_id: str) -> Cancellation:
        """Cancel the job: at once where it waits, by telling its handler where it runs.

        Raises:
            JobNotFound: There is none.
            JobNotCancelable: It has completed or failed.
            StoreUnavailable: The store does not answer.
        """
        return await self.engine.cancel(job_id)

    async def redrive(self, job_id: str) -> Job:
        """Make a new job that repeats a failed one, and shares its effects of `once`.

        Raises:
            JobNotFound: There is none.
            JobNotRedrivable: It has not failed, or its payload is no longer kept.
            QueueFull: `max_queued` is reached.
            StoreUnavailable: The store does not answer.
        """
        return await self.engine.redrive(job_id)

    # Tests.

    def testing(self) -> Testing:
        """Return a harness for tests: it runs this application's jobs by a clock that the test moves."""
        from asyncendpoints.testing import Testing

        return Testing(self)
