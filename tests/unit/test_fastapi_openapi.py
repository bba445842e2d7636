"""The OpenAPI document tells what asynchronous endpoints and the job routes answer."""

# The functions here are data of the tests, written as users write them.

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from asyncendpoints import AsyncEndpoints, JobContext, JobDepends, Result


class Line(BaseModel):
    """A part of an order and of a report."""

    name: str
    count: int = 1


class Order(BaseModel):
    """What is asked for."""

    lines: list[Line]


class Report(BaseModel):
    """What comes out."""

    lines: list[Line]
    total: float = Field(0.0, serialization_alias="sum")


class Plain(msgspec.Struct):
    """A result that pydantic does not know."""

    n: int


class Problem(BaseModel):
    """The application's own word."""

    mine: bool


def session() -> str: ...


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """Make the endpoints of one application."""
    return AsyncEndpoints("memory://")


@pytest.fixture
def app(jobs: AsyncEndpoints) -> FastAPI:
    """Make the application."""
    app = FastAPI()
    jobs.install(app, producer=True, health=True)

    @app.post("/reports/{number}", tags=["reports"], status_code=201, responses={409: {"description": "Mine"}})
    @jobs.endpoint(require_idempotency_key=True)
    async def report(
        number: int, order: Order, job: JobContext[Any], s: Annotated[str, JobDepends(session)], q: int = 1
    ) -> Report:
        """Make a report."""

    @app.delete("/things")
    @jobs.endpoint(name="odd name/ü")
    async def things() -> list[Plain]: ...

    @app.put("/any")
    @jobs.endpoint(name="any")
    async def anything(key: Annotated[str | None, Header(alias="idempotency-key")] = None) -> Result: ...

    @app.patch("/documented", response_model=Report)
    @jobs.endpoint
    async def documented(): ...

    @app.get("/ordinary")
    def ordinary() -> Problem: ...

    return app


def operation(app: FastAPI, path: str, method: str = "post") -> dict[str, Any]:
    return app.openapi()["paths"][path][method]


def result_type(app: FastAPI, path: str, method: str) -> Any:
    """Return the type of an operation's result, as its 202 tells it."""
    schema = operation(app, path, method)["responses"]["202"]["content"]["application/json"]["schema"]
    component = app.openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return component["allOf"][1]["properties"]["result"]["anyOf"][0]


def test_the_2xx_become_one_202_with_the_typed_job(app: FastAPI) -> None:
    """A 201 that was asked for, and the return annotation, give a 202 whose result has that type."""
    shown = operation(app, "/reports/{number}")
    assert sorted(status for status in shown["responses"] if status.startswith("2")) == ["202"]
    assert result_type(app, "/reports/{number}", "post") == {"$ref": "#/components/schemas/Report"}
    assert set(shown["responses"]["202"]["headers"]) >= {"Location", "Retry-After", "Idempotent-Replayed"}
    assert shown["tags"] == ["reports"]
    assert shown["description"] == "Make a report."
    schemas = app.openapi()["components"]["schemas"]
    assert "sum" in schemas["Report"]["properties"]
    assert schemas["Job-report"]["title"] == "Job of report"


def test_hidden_parameters_are_hidden_and_the_key_is_shown(app: FastAPI) -> None:
    """Context and worker's dependencies are nobody's business; the required key is marked as such."""
    parameters = {(one["in"], one["name"]): one for one in operation(app, "/reports/{number}")["parameters"]}
    assert set(parameters) == {
        ("path", "number"),
        ("query", "q"),
        ("header", "Idempotency-Key"),
        ("header", "Prefer"),
    }
    key = parameters["header", "Idempotency-Key"]
    assert key["required"] is True
    assert key["schema"] == {"type": "string", "pattern": "^[!#-~]{1,255}$"}
    assert "x-asyncendpoints" not in str(app.openapi())


def test_problems_stand_beside_what_is_documented(app: FastAPI) -> None:
    """The library's problems are added; FastAPI's 422 and the user's own answers stay."""
    responses = operation(app, "/reports/{number}")["responses"]
    assert set(responses) == {"202", "400", "409", "413", "415", "422", "503", "default"}
    assert set(responses["422"]["content"]) == {"application/json", "application/problem+json"}
    assert responses["409"]["description"] == "Mine"
    without_body = operation(app, "/things", "delete")["responses"]
    assert "415" not in without_body


def test_results_of_every_kind_have_a_type(app: FastAPI) -> None:
    """A list of Structs has one, a documented response model stands in for an annotation, `Result` has none."""
    assert result_type(app, "/things", "delete") == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Plain"},
    }
    assert result_type(app, "/documented", "patch") == {"$ref": "#/components/schemas/Report"}
    shown = operation(app, "/any", "put")["responses"]["202"]["content"]["application/json"]["schema"]
    assert shown == {"$ref": "#/components/schemas/Job"}
    assert "Job-odd_name" in app.openapi()["components"]["schemas"]


def test_the_key_is_shown_once(app: FastAPI) -> None:
    """A handler that reads the same header itself does not double it."""
    headers = [one for one in operation(app, "/any", "put")["parameters"] if one["in"] == "header"]
    assert [one["name"] for one in headers] == ["Idempotency-Key", "Prefer"]
    assert headers[0]["required"] is False


def test_the_users_own_models_keep_their_names(app: FastAPI) -> None:
    """A model that is called Problem stays what it is, and the library's gets a free name."""
    schemas = app.openapi()["components"]["schemas"]
    assert list(schemas["Problem"]["properties"]) == ["mine"]
    shown = operation(app, "/things", "delete")["responses"]["400"]["content"]["application/problem+json"]
    name = shown["schema"]["$ref"].rpartition("/")[2]
    assert name != "Problem"
    assert "instance" in schemas[name]["properties"]


def test_every_reference_has_its_component(app: FastAPI) -> None:
    """Nothing refers to a schema that is not there."""
    document = app.openapi()

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values())) if value else own
        return set().union(*map(references, value)) if isinstance(value, list) and value else set()

    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= names


def test_the_document_is_kept_until_the_routes_change(app: FastAPI, jobs: AsyncEndpoints) -> None:
    """Asked twice, it is the same object; a new route shows; another description changes nothing."""
    first = app.openapi()
    assert app.openapi() is first
    text = str(first)
    assert str(jobs.openapi(first)) == text

    @app.post("/late")
    @jobs.endpoint
    async def late() -> int: ...

    again = app.openapi()
    assert "202" in again["paths"]["/late"]["post"]["responses"]
    assert again["paths"]["/things"] == first["paths"]["/things"]


def test_a_generator_of_the_users_own_is_described_on_demand() -> None:
    """`jobs.openapi(schema)` does for any document what `install` does for the application's."""
    jobs = AsyncEndpoints("memory://", idempotency_headers=("X-Key", "Y-Key"), idempotency_query="key")
    router = APIRouter(prefix="/v1")

    @router.post("/things")
    @jobs.endpoint(require_idempotency_key=True)
    async def things(n: Annotated[int, Query()]) -> Report: ...

    app = FastAPI()
    app.include_router(router)
    document = get_openapi(title="Mine", version="1", routes=app.routes)
    assert jobs.openapi(document) is document
    shown = document["paths"]["/v1/things"]["post"]
    assert "202" in shown["responses"]
    keys = {one["name"]: one["required"] for one in shown["parameters"]}
    assert keys == {"n": True, "X-Key": False, "Y-Key": False, "key": False, "Prefer": False}


def test_the_job_routes_are_documented(app: FastAPI) -> None:
    """Each is tagged, and tells its answers; HEAD is not shown."""
    paths = app.openapi()["paths"]
    shown = {(path, method) for path, item in paths.items() for method in item if path.startswith("/jobs")}
    assert shown == {
        ("/jobs", "post"),
        ("/jobs/{job_id}", "get"),
        ("/jobs/{job_id}", "delete"),
        ("/jobs/{job_id}/result", "get"),
        ("/jobs/{job_id}/events", "get"),
        ("/jobs/{job_id}/cancel", "post"),
    }
    assert all(paths[path][method]["tags"] == ["jobs"] for path, method in shown)
    assert set(paths["/jobs/{job_id}"]["get"]["responses"]) == {"200", "304", "404", "503"}
    assert "*/*" in paths["/jobs/{job_id}/result"]["get"]["responses"]["2XX"]["content"]
    assert "text/event-stream" in paths["/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
    assert set(paths["/jobs/{job_id}/cancel"]["post"]["responses"]) == {"200", "202", "404", "409", "503"}
    assert [one["name"] for one in paths["/jobs/{job_id}"]["delete"]["parameters"]] == ["job_id"]
    assert set(paths["/readyz"]["get"]["responses"]) == {"200", "503"}


def test_the_parameters_of_guards_are_shown_with_their_422() -> None:
    """A guard that takes a parameter may be refused by validation."""
    app = FastAPI()

    def guard(x_token: Annotated[str, Header()]) -> None: ...

    AsyncEndpoints("memory://").install(app, dependencies=[Depends(guard)])
    shown = app.openapi()["paths"]["/jobs/{job_id}"]["get"]
    assert {one["name"] for one in shown["parameters"]} >= {"job_id", "x-token"}
    assert "422" in shown["responses"]


def test_two_sets_of_endpoints_describe_their_own(app: FastAPI) -> None:
    """Endpoints of another `AsyncEndpoints` on the same application are described by it, and keep their types."""
    others = AsyncEndpoints("memory://", jobs_path="/others")
    others.install(app)

    @app.post("/other")
    @others.endpoint(name="other")
    async def other() -> Line: ...

    assert result_type(app, "/other", "post") == {"$ref": "#/components/schemas/Line"}
    assert result_type(app, "/reports/{number}", "post") == {"$ref": "#/components/schemas/Report"}


def test_an_application_without_endpoints_has_nothing_added(jobs: AsyncEndpoints) -> None:
    """A document without markers stays as it is."""
    app = FastAPI()
    document = app.openapi()
    text = str(document)
    assert str(jobs.openapi(document)) == text
