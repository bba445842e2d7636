"""Bodies of FastAPI's endpoints beyond plain JSON: no bytes of a client's make an error of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Body, FastAPI, File

from asyncendpoints import AsyncEndpoints, JobContext
from tests.http.conftest import problem_of
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
BYTES = {"Content-Type": "application/octet-stream"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\xff\xfe\xff\xfe\r\n--b--\r\n'


def add_endpoints(app: FastAPI, jobs: AsyncEndpoints, prefix: str) -> None:
    """Add the endpoints, under names of their own."""

    @app.post("/raw")
    @jobs.endpoint(name=f"{prefix}raw")
    async def raw(body: Annotated[bytes, Body(media_type="application/octet-stream", max_length=9)]) -> int:
        return len(body)

    @app.post("/text")
    @jobs.endpoint(name=f"{prefix}text")
    async def text(body: Annotated[str, Body(media_type="text/plain")]) -> str:
        return body

    @app.post("/file")
    @jobs.endpoint(name=f"{prefix}file")
    async def file(file: Annotated[bytes, File(max_length=3)]) -> int:
        return len(file)

    @app.post("/none")
    @jobs.endpoint(name=f"{prefix}none")
    async def none(job: JobContext) -> Any:
        return [job.payload]


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """Serve the endpoints, at the top and in a mounted application."""
    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)
    add_endpoints(app, jobs, "")
    inner = FastAPI()
    add_endpoints(inner, jobs, "inner-")
    app.mount("/inner", inner)
    with Serving(app) as serving:
        yield serving


@pytest.mark.parametrize("where", ["", "/inner"])
@pytest.mark.parametrize("body", [b'{"a":NaN}', b'{"a":"\\ud800"}', b"\xff", b"["])
def test_what_says_that_it_is_json_is_checked(serving: Serving, where: str, body: bytes) -> None:
    """FastAPI reads JSON wherever the Content-Type says so, so it is checked even where the endpoint takes anything."""
    for path in ("raw", "text"):
        for kind in (JSON, {"Content-Type": "application/vnd.api+json; v=1"}):
            problem_of(serving.client.post(f"{where}/{path}", content=body, headers=kind), 400, "malformed-request")


@pytest.mark.parametrize("where", ["", "/inner"])
@pytest.mark.parametrize(
    ("sent", "loc"),
    [
        (("text", b"\xff", TEXT), ["body"]),
        (("raw", b"\xff" * 10, BYTES), ["body"]),
        (("file", FILE, FORM), ["body", "file"]),
    ],
)
def test_a_refusal_that_fastapi_cannot_write_is_a_problem(
    serving: Serving, where: str, sent: tuple[str, bytes, dict[str, str]], loc: list[str]
) -> None:
    """FastAPI's own answer would repeat the input, which is no text; the problem says what is wrong without it."""
    path, body, headers = sent
    answer = serving.client.post(f"{where}/{path}", content=body, headers=headers)
    problem = problem_of(answer, 422, "validation-failed")
    assert [each["loc"] for each in problem["errors"]] == [loc]
    assert set(problem["errors"][0]) == {"loc", "msg", "type"}


def test_what_the_endpoint_takes_is_taken(serving: Serving) -> None:
    """Bytes that are no text are fine where bytes are taken; nothing is refused that FastAPI takes."""
    wait = {"Prefer": "wait=30"}
    assert serving.client.post("/raw", content=b"\xff{NaN", headers=BYTES | wait).json() == 5
    assert serving.client.post("/text", content="é".encode(), headers=TEXT | wait).json() == "é"
    assert serving.client.post("/file", content=FILE.replace(b"\xff\xfe", b"\xff"), headers=FORM | wait).json() == 2


def test_no_body_is_no_payload(serving: Serving) -> None:
    """The context of a job whose request had no body has None for its payload."""
    answer = serving.client.post("/none", headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()) == (200, [None])
