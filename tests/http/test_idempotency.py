"""Idempotency, of section 1 of the HTTP contract."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from asyncendpoints import AsyncEndpoints, IdempotencyKeyInvalid, JobContext
from asyncendpoints.http.idempotency import parse_key, without_parameter
from tests.http.conftest import PATH, Client, problem_of
from tests.http.raw import PATIENCE, RawAnswer, head
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = "k" * 255


def submit_raw(client: Client, *keys: str) -> RawAnswer:
    """Submit by hand, with these values of the header, padded as they are."""
    body = b'{"do":"return"}'
    headers = [("Content-Length", str(len(body))), *(("Idempotency-Key", key) for key in keys)]
    with client.serving.raw() as connection:
        connection.send(head("POST", PATH, headers) + body)
        return connection.answer()


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ("!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        (r'"a\"b\\c"', 'a"b\\c'),
        (LONGEST, LONGEST),
        (f'"{LONGEST}"', LONGEST),
        ("  padded\t", "padded"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ],
)
def test_a_key_is_taken_bare_or_as_a_quoted_string(shared: Client, sent: str, key: str) -> None:
    """`requestId` echoes the key, unquoted."""
    answer = submit_raw(shared, sent)
    assert answer.status == 202, answer.body
    assert answer.json()["requestId"] == key


@pytest.mark.parametrize(
    "sent",
    ["", " ", "a b", 'a"b', '"a', 'a"', '""', '"a"b', '"a";x=1', '"a", "b"', r'"a\b"', '"a b"', "k" * 256,
     '"' + "k" * 256 + '"', "schlüssel", "a\tb"],
)  # fmt: skip
def test_a_malformed_key_is_refused(shared: Client, sent: str) -> None:
    """Anything but 1 to 255 visible ASCII characters is 400, and nothing is stored."""
    before = shared.stored()
    answer = submit_raw(shared, sent)
    assert answer.status == 400
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["type"].endswith("/idempotency-key-invalid")
    assert shared.stored() == before


@pytest.mark.parametrize("control", [*range(0x20), 0x7F, 0x80, 0xFF])
def test_no_control_character_is_part_of_a_key(control: int) -> None:
    """Whatever a server lets through in a header, a key has none of it, quoted or bare."""
    for sent in (bytes([control]), b"a%cb" % control, b'"a%cb"' % control):
        with pytest.raises(IdempotencyKeyInvalid):
            parse_key(sent)


def test_the_same_submission_again_is_the_same_job(shared: Client) -> None:
    """Same key, same fingerprint: 202 with the job in its present state, and Idempotent-Replayed."""
    first = shared.submit(value="same", Idempotency_Key="replay")
    done = shared.until(first.headers["Location"])
    again = shared.submit(value="same", Idempotency_Key='"replay"')
    assert again.status_code == 202
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Retry-After"] == "0"
    assert again.json() == done
    held = shared.submit(value="same", Idempotency_Key="replay", Prefer="wait=5")
    assert (held.status_code, held.json()) == (200, "same")
    assert held.headers["Idempotent-Replayed"] == "true"


def test_another_submission_under_the_key_is_refused(shared: Client) -> None:
    """Another body, path, query or method with a used key is 422, and nothing is stored."""
    key = {"Idempotency-Key": "reused"}
    body = {"do": "return", "value": "one"}
    assert shared.http.post(PATH, json=body, headers=key).status_code == 202
    before = shared.stored()
    others: list[httpx.Response] = [
        shared.http.post(PATH, json={**body, "value": "two"}, headers=key),
        shared.http.post(PATH, content=b'{"do": "return",  "value":"one"}', headers=key),
        shared.http.post(PATH.replace("main", "other"), json=body, headers=key),
        shared.http.post(PATH.replace("main", "ma%69n"), json=body, headers=key),
        shared.http.post(PATH + "?a=1", json=body, headers=key),
        shared.http.put(PATH, json=body, headers=key),
    ]
    for answer in others:
        problem = problem_of(answer, 422, "idempotency-key-reused")
        assert problem["requestId"] == "reused"
    assert shared.stored() == before
    assert shared.http.post(PATH, json=body, headers=key).headers["Idempotent-Replayed"] == "true"


def test_keys_of_different_endpoints_are_different(shared: Client) -> None:
    """The scope of a key is the endpoint's name."""
    first = shared.submit(Idempotency_Key="scoped")
    other = shared.http.post(
        "/below/orders", json={"do": "return", "value": None}, headers={"Idempotency-Key": "scoped"}
    )
    assert other.status_code == 202
    assert other.json()["jobId"] != first.json()["jobId"]


def test_keys_of_different_owners_are_different(serve: Callable[..., Client], framework: str) -> None:
    """Where the application names an owner, it is part of the scope."""
    client = serve(framework, owner=lambda request: request.headers.get("X-User"))
    jobs = {user: client.accepted(Idempotency_Key="mine", X_User=user)["jobId"] for user in ("ann", "bob")}
    assert jobs["ann"] != jobs["bob"]
    assert client.accepted(Idempotency_Key="mine", X_User="ann")["jobId"] == jobs["ann"]


def test_several_keys_are_refused(shared: Client) -> None:
    """Two headers of the name are 400, also with the same key."""
    answer = submit_raw(shared, "a", "a")
    assert answer.status == 400
    assert answer.json()["type"].endswith("/idempotency-key-invalid")


def test_an_endpoint_may_require_a_key(serve: Callable[..., Client], framework: str) -> None:
    """Without one it answers 400, naming the header."""
    client = serve(framework, policy={"require_idempotency_key": True})
    problem = problem_of(client.submit(), 400, "idempotency-key-missing")
    assert "Idempotency-Key" in problem["detail"]
    assert client.stored() == 0
    assert client.submit(Idempotency_Key="k").status_code == 202


def test_header_names_and_a_query_parameter_are_settings(serve: Callable[..., Client], framework: str) -> None:
    """Other headers carry the key, and a query parameter where one is named; both at once are several keys."""
    client = serve(framework, idempotency_headers=("X-Request-Id", "X-Key"), idempotency_query="key")
    assert client.accepted(X_Key="one")["requestId"] == "one"
    assert client.accepted(X_Request_Id="two")["requestId"] == "two"
    assert client.accepted(Idempotency_Key="ignored")["requestId"] is None
    body = {"do": "return"}
    first = client.http.post(PATH + "?a=1&key=three&b=2", json=body)
    assert first.json()["requestId"] == "three"
    # The key's parameter is no part of what makes it the same submission.
    again = client.http.post(PATH + "?key=%74hree&a=1&b=2", json=body)
    assert again.headers["Idempotent-Replayed"] == "true"
    problem_of(client.http.post(PATH + "?a=2&key=three", json=body), 422, "idempotency-key-reused")
    for query, headers in (("key=a&key=b", {}), ("key=a", {"X-Key": "a"}), ("", {"X-Key": "a", "X-Request-Id": "b"})):
        answer = client.http.post(f"{PATH}?{query}", json=body, headers=headers)
        problem_of(answer, 400, "idempotency-key-invalid")
    for value in ("", "a%20b", "%00", "%F0%9F%98%80", "k" * 256):
        problem_of(client.http.post(f"{PATH}?key={value}", json=body), 400, "idempotency-key-invalid")


def test_the_query_parameter_is_off_by_default(shared: Client) -> None:
    """A parameter of that name is then the application's own."""
    answer = shared.http.post(PATH + "?key=k&idempotency_key=k", json={"do": "return"})
    assert answer.json()["requestId"] is None


@pytest.mark.parametrize(
    ("query", "rest"),
    [(b"key=1", b""), (b"a=1&key=2&b", b"a=1&b"), (b"%6bey=1&a", b"a"), (b"keys=1", b"keys=1"), (b"a=key", b"a=key"),
     (b"", b"")],
)  # fmt: skip
def test_a_query_loses_the_keys_parameter_and_nothing_else(query: bytes, rest: bytes) -> None:
    """What remains is byte for byte what was sent."""
    assert without_parameter(query, "key") == rest


def test_a_refused_submission_does_not_consume_its_key(shared: Client) -> None:
    """After each kind of refusal the key is still free for another body."""
    key = {"Idempotency-Key": "still free", "Content-Type": "application/json"}
    key["Idempotency-Key"] = "still-free"
    for content, kind in ((b"{", None), (b'{"do":1}', None), (b"{}", "text/plain"), (b" " * 1_100_000, None)):
        headers = {**key, **({"Content-Type": kind} if kind else {})}
        assert shared.http.post(PATH, content=content, headers=headers).status_code in (400, 413, 415, 422)
    answer = shared.submit(value="at last", Idempotency_Key="still-free")
    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers


def test_a_thousand_simultaneous_submissions_of_one_key_make_one_job(
    serve: Callable[..., Client], framework: str
) -> None:
    """All answers name the same job, and exactly one of them is not a replay."""
    client = serve(framework)

    body = b'{"do":"return"}'
    request = head("POST", PATH, [("Content-Length", str(len(body))), ("Idempotency-Key", "one")]) + body
    together = threading.Barrier(50)

    def submit() -> list[RawAnswer]:
        with client.serving.raw() as connection:
            together.wait(PATIENCE)
            connection.send(request * 20)
            return [connection.answer() for _ in range(20)]

    with ThreadPoolExecutor(50) as threads:
        lists = [each.result(PATIENCE) for each in [threads.submit(submit) for _ in range(50)]]
    answers = [answer for each in lists for answer in each]
    assert len(answers) == 1000
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert sum(answer.header("idempotent-replayed") is None for answer in answers) == 1
    assert client.stored() == 1


# Forms ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forms() -> Any:
    """Serve a FastAPI endpoint that takes a form with a file."""
    from fastapi import FastAPI, Form, UploadFile

    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)

    @app.post("/upload")
    @jobs.endpoint(name="upload", max_body_bytes=3_000_000)
    async def upload(file: UploadFile, job: JobContext, title: str = Form("")) -> dict[str, Any]:
        content = await file.read()
        return {"title": title, "name": file.filename, "size": len(content)}

    @app.post("/plain")
    @jobs.endpoint(name="plain")
    async def plain(job: JobContext, title: str = Form(...), count: int = Form(1)) -> dict[str, Any]:
        return {"title": title, "count": count}

    with Serving(app) as serving:
        yield serving


def multipart(boundary: str, *parts: tuple[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return a multipart body and its Content-Type."""
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n"
        for disposition, content in parts
    ]
    body = "".join(lines) + f"--{boundary}--\r\n"
    return body.encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def test_an_honest_retry_of_a_form_has_another_boundary(forms: Serving) -> None:
    """For multipart forms the fingerprint is the parts in their order, not the bytes."""
    parts = [('name="title"', "A"), ('name="file"; filename="a.csv"', "x,y\n" * 300_000)]
    body, kind = multipart("first", *parts)
    key = {"Idempotency-Key": "form", "Prefer": "wait=30"}
    first = forms.client.post("/upload", content=body, headers=kind | key)
    assert (first.status_code, first.json()) == (200, {"title": "A", "name": "a.csv", "size": 1_200_000})
    body, kind = multipart("second-boundary", *parts)
    again = forms.client.post("/upload", content=body, headers=kind | key)
    assert again.headers["Idempotent-Replayed"] == "true"
    different = [
        [('name="title"', "B"), parts[1]],
        [parts[0], ('name="file"; filename="a.csv"', "x,z\n" * 300_000)],
        [parts[0], ('name="file"; filename="b.csv"', parts[1][1])],
        [parts[1], parts[0]],
        [('name="title"', "A"), ('name="title"', "A"), parts[1]],
    ]
    for changed in different:
        body, kind = multipart("third", *changed)
        problem_of(forms.client.post("/upload", content=body, headers=kind | key), 422, "idempotency-key-reused")


def test_url_encoded_forms_are_compared_byte_by_byte(forms: Serving) -> None:
    """An honest retry has the same bytes; another order, or another spelling, is another submission."""
    key = {"Idempotency-Key": "encoded", "Content-Type": "application/x-www-form-urlencoded"}
    assert forms.client.post("/plain", content="title=a+b&count=2", headers=key).status_code == 202
    again = forms.client.post("/plain", content="title=a+b&count=2", headers=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    for other in ("count=2&title=a+b", "title=a%20b&count=2"):
        answer = forms.client.post("/plain", content=other, headers=key)
        problem_of(answer, 422, "idempotency-key-reused")


def test_a_form_endpoint_takes_forms_only(forms: Serving) -> None:
    """JSON, or anything else, is 415; a broken form is the framework's 4xx, and nothing is stored."""
    problem_of(forms.client.post("/plain", json={"title": "a"}), 415, "unsupported-media-type")
    answer = forms.client.post("/plain", content=b"title=a", headers={"Content-Type": "text/plain"})
    problem_of(answer, 415, "unsupported-media-type")
    answer = forms.client.post("/plain", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert 400 <= answer.status_code < 500
    answer = forms.client.post("/plain", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert 400 <= answer.status_code < 500
    big, kind = multipart("b", ('name="file"; filename="a"', "x" * 3_000_001))
    problem_of(forms.client.post("/upload", content=big, headers=kind), 413, "payload-too-large")
