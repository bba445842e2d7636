"""What a FastAPI handler finds of its request in the worker: its files, and the request itself."""

from typing import Any

from fastapi import FastAPI, UploadFile

from asyncendpoints import AsyncEndpoints, JobContext
from tests.http.serving import Serving
from tests.support.fastapi_jobs import finished


def test_a_large_file_is_spooled_in_the_worker_and_closed_after_the_run() -> None:
    """A file beyond memory comes whole to the handler, and is closed when the job ends."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)
    kept: list[UploadFile] = []
    content = bytes(range(256)) * 8192

    @app.post("/files")
    @jobs.endpoint(max_body_bytes=len(content) + 1000)
    async def measure(file: UploadFile) -> Any:
        kept.append(file)
        assert not file.file.closed
        return [file.filename, await file.read() == content, file.size]

    with Serving(app) as serving:
        job = finished(serving, serving.client.post("/files", files={"file": ("f", content)}))
        refused = serving.client.post("/files", files={"file": ("f", content + content[:500_000])})
    assert job["result"] == ["f", True, len(content)]
    assert kept[0].file.closed
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"


def test_the_handlers_context_has_the_request() -> None:
    """The function below takes only the job, and sees the request that submitted it."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)

    @app.post("/{shop}/look")
    @jobs.endpoint
    async def look(job: JobContext[Any]) -> Any:
        request = job.request
        return [
            request.method,
            request.path,
            request.route,
            request.path_params,
            request.query,
            dict(request.headers),
        ]

    with Serving(app) as serving:
        sent = {"authorization": "secret", "x-kept": "yes", "cookie": "a=b"}
        job = finished(serving, serving.client.post("/main/look?a=1", headers=sent))
    *rest, headers = job["result"]
    assert rest == ["POST", "/main/look", "/{shop}/look", {"shop": "main"}, "a=1"]
    assert headers["x-kept"] == "yes"
    assert not {"authorization", "cookie"} & set(headers)
