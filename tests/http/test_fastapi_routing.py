"""Wherever FastAPI finds the route, the asynchronous endpoint behind it works."""

# The functions here are data of the tests, written as users write them.

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Header
from pydantic import BaseModel

from asyncendpoints import AsyncEndpoints, JobContext, JobDepends
from tests.http.conftest import problem_of
from tests.http.serving import Serving
from tests.support.fastapi_jobs import finished


class Order(BaseModel):
    """A body."""

    n: int


def tenant(tenant: str, x_tenant: Annotated[str | None, Header()] = None) -> str:
    return f"{tenant}/{x_tenant}"


def whose(request_tenant: Annotated[str, JobDepends(tenant)]) -> str:
    return request_tenant


class Orders:
    """A class whose methods are handlers, each with the instance that it belongs to."""

    def __init__(self, jobs: AsyncEndpoints, name: str) -> None:
        self.name = name
        self.router = APIRouter(prefix=f"/{name}")
        self.router.post("/{number:int}")(jobs.endpoint(name=f"{name}.create")(self.create))
        self.router.add_api_route("/{number}", jobs.endpoint(name=f"{name}.drop")(self.drop), methods=["DELETE"])

    async def create(self, number: int, order: Order, job: JobContext) -> Any:
        return [self.name, number, order.n, job.request.route if job.request else None]

    def drop(self, number: int) -> Any:
        return [self.name, number]


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """Make the endpoints of one application."""
    return AsyncEndpoints("memory://")


@pytest.fixture
def app(jobs: AsyncEndpoints) -> FastAPI:
    """Make the application that the server runs."""
    app = FastAPI()
    jobs.install(app)
    return app


def posted(app: FastAPI, url: str, *, method: str = "POST", **options: Any) -> Any:
    with Serving(app) as serving:
        return finished(serving, serving.client.request(method, url, **options))["result"]


def test_methods_keep_their_instance(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """Two instances of one class have their own endpoints."""
    for name in ("shops", "farms"):
        app.include_router(Orders(jobs, name).router)
    with Serving(app) as serving:
        created = finished(serving, serving.client.post("/farms/7", json={"n": 1}))
        dropped = finished(serving, serving.client.delete("/shops/8"))
    assert created["result"] == ["farms", 7, 1, "/farms/{number}"]
    assert created["endpoint"] == "farms.create"
    assert dropped["result"] == ["shops", 8]


def test_nested_routers_give_the_worker_their_prefixes_and_parameters(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """A path parameter of an outer router's prefix reaches handler, request-time and worker's dependencies."""
    inner, middle = APIRouter(prefix="/orders"), APIRouter(prefix="/{tenant}", dependencies=[Depends(tenant)])

    @inner.post("/{number}")
    @jobs.endpoint
    async def create(
        number: int,
        order: Order,
        tenant_of_request: Annotated[str, Depends(tenant)],
        tenant_of_worker: Annotated[str, JobDepends(whose)],
        job: JobContext[Any],
    ) -> Any:
        assert job.request is not None
        return [number, order.n, tenant_of_request, tenant_of_worker, job.request.route]

    middle.include_router(inner, prefix="/v1")
    app.include_router(middle, prefix="/api")
    result = posted(app, "/api/acme/v1/orders/7", json={"n": 1}, headers={"X-Tenant": "t"})
    assert result == [7, 1, "acme/t", "acme/t", "/api/{tenant}/v1/orders/{number}"]


def test_one_endpoint_may_stand_behind_several_routes(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """The same parameter comes from the path on one route and from the query on another."""

    async def find(number: int, job: JobContext) -> Any:
        return [number, job.request.route if job.request else None]

    endpoint = jobs.endpoint(find)
    app.post("/by-path/{number}")(endpoint)
    app.post("/by-query")(endpoint)
    with Serving(app) as serving:
        by_path = finished(serving, serving.client.post("/by-path/3"))
        by_query = finished(serving, serving.client.post("/by-query?number=4"))
        again = finished(serving, serving.client.post("/by-path/5"))
    assert [job["result"] for job in (by_path, by_query, again)] == [
        [3, "/by-path/{number}"],
        [4, "/by-query"],
        [5, "/by-path/{number}"],
    ]


def test_a_mounted_application_uses_the_outer_ones_job_routes(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """Bodies are checked, URLs are those of the outer application, and the sub-application's overrides apply."""
    inner = FastAPI()

    @inner.post("/orders/{tenant}")
    @jobs.endpoint
    async def create(order: Order, tenant_of_request: Annotated[str, Depends(tenant)], job: JobContext) -> Any:
        assert job.request is not None
        return [order.n, tenant_of_request, job.request.path, job.request.root_path]

    inner.dependency_overrides[tenant] = lambda: "overridden"
    app.mount("/inner", inner)
    with Serving(app) as serving:
        problem_of(serving.client.post("/inner/orders/acme", content="{"), 400, "malformed-request")
        submitted = serving.client.post("/inner/orders/acme", json={"n": 1})
        assert submitted.json()["statusUrl"] == f"{serving.url}/jobs/{submitted.json()['jobId']}"
        job = finished(serving, submitted)
    assert job["result"] == [1, "overridden", "/inner/orders/acme", "/inner"]


def test_a_routers_dependency_may_make_the_body_a_form(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """The kind of body is the real route's, with what its routers read of it."""

    async def reads_form(token: Annotated[str, Form()]) -> str:
        return token

    router = APIRouter(dependencies=[Depends(reads_form)])

    @router.post("/login")
    @jobs.endpoint
    async def login(user: Annotated[str, Form()]) -> Any:
        return user

    app.include_router(router)
    with Serving(app) as serving:
        problem_of(serving.client.post("/login", json={"user": "u"}), 415, "unsupported-media-type")
        missing = serving.client.post("/login", data={"user": "u"})
        assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["body", "token"])
        job = finished(serving, serving.client.post("/login", data={"user": "u", "token": "t"}))
    assert job["result"] == "u"


def test_an_endpoint_that_was_never_installed_says_so() -> None:
    """Without `install` there is nothing that would run the job: 503, and the log names the remedy."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")

    @app.post("/lost")
    @jobs.endpoint
    async def lost() -> Any: ...

    with Serving(app) as serving:
        problem_of(serving.client.post("/lost"), 503, "not-started")


def test_a_method_without_effects_is_no_submission() -> None:
    """A GET that would store a job is refused as a problem, and stores nothing."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)

    @app.get("/lost")
    @jobs.endpoint
    async def lost() -> Any: ...

    with Serving(app) as serving:
        answer = serving.client.get("/lost")
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Allow"] == "DELETE, PATCH, POST, PUT"


def test_the_key_is_documented_and_taken_whatever_was_asked_before(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """FastAPI stops extracting the key after a route's first request; document and submissions stay the same."""
    router = APIRouter(prefix="/v1")

    async def work(n: int, x_own: Annotated[str, Header()]) -> Any:
        return [n, x_own]

    endpoint = jobs.endpoint(work)
    router.post("/work")(endpoint)
    app.include_router(router)
    app.post("/work")(endpoint)
    with Serving(app) as serving:
        for path in ("/work", "/v1/work"):
            for key in ("a", "b"):
                headers = {"Idempotency-Key": key + path, "X-Own": key}
                submitted = serving.client.post(f"{path}?n=1", headers=headers)
                assert submitted.json()["requestId"] == key + path
                assert finished(serving, submitted)["result"] == [1, key]
        paths = serving.client.get("/openapi.json").json()["paths"]
    for path in ("/work", "/v1/work"):
        shown = paths[path]["post"]["parameters"]
        assert [one["name"] for one in shown] == ["n", "x-own", "Idempotency-Key", "Prefer"]


def test_the_context_has_the_body_as_its_annotation_says(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """A handler may read the body from its typed context too."""

    @app.post("/typed")
    @jobs.endpoint
    async def typed(order: Order, job: JobContext[Order]) -> Any:
        return [order == job.payload, type(job.payload).__name__]

    assert posted(app, "/typed", json={"n": 1}) == [True, "Order"]


def test_the_generic_producer_reaches_exposed_handlers() -> None:
    """A production is what the handler's route would take as its body; its errors say where they are."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app, producer=True)

    @app.post("/orders")
    @jobs.endpoint(exposed=True)
    async def order(order: Order) -> Any:
        return order.n

    with Serving(app) as serving:
        made = serving.client.post("/jobs", json={"type": "order", "payload": {"n": 4}})
        assert finished(serving, made)["result"] == 4
        refused = serving.client.post("/jobs", json={"type": "order", "payload": {}})
        problem = problem_of(refused, 422, "validation-failed")
    assert problem["errors"][0]["loc"] == ["body", "payload", "n"]
