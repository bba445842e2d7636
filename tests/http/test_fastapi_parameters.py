"""The worker's handler gets the parameters that FastAPI would have given it in the request.

Every function here is served twice: as an ordinary route, and as an asynchronous endpoint. The same request
must give both the same values.
"""

# The functions here are data of the tests, written as users write them.
# ruff: noqa: B008

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, File, Form, Header, Path, Query, UploadFile
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from asyncendpoints import AsyncEndpoints
from tests.http.serving import Serving
from tests.support.fastapi_jobs import finished


class Color(Enum):
    RED = "red"


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = Field(alias="theName")
    secret: SecretStr = SecretStr("none")
    hidden: int = Field(default=7, exclude=True)
    tags: set[str] = set()


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(10, le=100)
    order_by: list[str] = Field(default_factory=list, validation_alias=AliasChoices("orderBy", "sort"))


class Trace(BaseModel):
    x_trace: str
    x_many: list[int] = []


class Login(BaseModel):
    user: str
    password: SecretStr


seen: list[Any] = []


def note(value: Any) -> Any:
    seen.append(value)
    return value


def told(value: Any) -> Any:
    """Return the value as JSON that tells its types apart."""
    if isinstance(value, UploadFile):
        return [
            "file",
            value.filename,
            value.content_type,
            value.size,
            dict(value.headers),
            value.file.read().hex(),
        ]
    if isinstance(value, SecretStr):
        return ["secret", value.get_secret_value()]
    if isinstance(value, BaseModel):
        fields = {name: told(one) for name, one in vars(value).items()}
        return [type(value).__name__, fields, sorted(value.model_fields_set), told(value.model_extra)]
    if isinstance(value, dict):
        return {str(key): told(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(told, value)]
    return [type(value).__name__, repr(value) if not isinstance(value, set) else sorted(map(repr, value))]


async def paths(a: int, b: UUID, rest: str, c: Annotated[Color, Path()], day: date) -> Any:
    return told(locals())


async def queries(
    q: list[int] = Query(),
    flag: bool = False,
    at: datetime | None = None,
    named: Annotated[Decimal, Query(alias="the-name", gt=0)] = Decimal(1),
    span: timedelta = timedelta(0),
) -> Any:
    return told(locals())


async def query_model(filters: Annotated[Filters, Query()]) -> Any:
    return told(locals())


async def headers(
    x_one: Annotated[str, Header()],
    x_list: Annotated[list[str], Header()],
    odd_name: Annotated[str | None, Header(convert_underscores=False)] = None,
    user_agent: str = Header(),
) -> Any:
    return told(locals())


async def header_model(trace: Annotated[Trace, Header()]) -> Any:
    return told(locals())


async def one_model(item: Item) -> Any:
    return told(locals())


async def embedded(item: Annotated[Item, Body(embed=True)]) -> Any:
    return told(locals())


async def two_models(item: Item, pet: Pet, number: int = Body(), extra: dict[str, int] | None = None) -> Any:
    return told(locals())


async def a_list(items: list[Item]) -> Any:
    return told(locals())


async def optional(item: Item | None = None) -> Any:
    return told(locals())


async def scalar(number: Annotated[float, Body()]) -> Any:
    return told(locals())


async def raw(content: Annotated[bytes, Body(media_type="application/octet-stream")]) -> Any:
    return told(locals())


async def validated_once(value: Annotated[int, Body(), BeforeValidator(note)]) -> Any:
    return told(locals())


async def form(a: Annotated[str, Form()], b: Annotated[list[int], Form()], c: str = Form("default")) -> Any:
    return told(locals())


async def form_model(login: Annotated[Login, Form()]) -> Any:
    return told(locals())


async def files(
    one: UploadFile,
    many: list[UploadFile],
    content: Annotated[bytes, File()],
    note: Annotated[str, Form()],
    none: UploadFile | None = None,
) -> Any:
    return told(locals())


def plain(item: Item, q: int = 1) -> Any:
    return told(locals())


async def nothing() -> Any:
    return told(locals())


class Shop:
    async def order(self, item: Item, shop: str) -> Any:
        return told({"item": item, "shop": shop})

    @staticmethod
    async def close(shop: str) -> Any:
        return told({"shop": shop})


class Callable:
    async def __call__(self, item: Item) -> Any:
        return told({"item": item})


async def two_parts(item: Item, factor: int, shop: str) -> Any:
    return told(locals())


async def body_reader(note: Annotated[str, Body()]) -> str:
    return note


async def form_reader(note: Annotated[str, Form()]) -> str:
    return note


async def with_reader(item: Item, note: Annotated[str, Depends(body_reader)]) -> Any:
    return told(locals())


def body(content: Any) -> dict[str, Any]:
    return {"content": json.dumps(content), "headers": {"content-type": "application/json"}}


ITEM = {"theName": "n", "secret": "hush", "hidden": 3, "tags": ["b", "a"], "more": {"x": 1}}
FILES = [
    ("one", ("a.txt", b"\x00\xff" * 4000, "text/csv")),
    ("many", ("b", b"1", "text/plain")),
    ("many", ("ü.txt", b"", "text/plain")),
    ("content", ("c", b"\r\n--\r\n", "text/plain")),
]

CASES: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "paths": (
        paths,
        "/{a}/{b}/{c}/{day}/{rest:path}",
        "/7/12345678-1234-5678-1234-567812345678/red/2026-11-22/x/%C3%BC%20y",
        {},
    ),
    "queries": (
        queries,
        "/q",
        "/q?q=1&q=2&flag=yes&at=2026-11-22T10:00:00%2B02:00&the-name=1.50&span=PT1M&unknown=%00",
        {},
    ),
    "query model": (query_model, "/q", "/q?sort=a&sort=b&limit=3", {}),
    "headers": (
        headers,
        "/h",
        "/h",
        {
            "headers": [
                (b"X-One", "\u00e9".encode("latin-1")),
                (b"x-list", b"a"),
                (b"x-list", b"b, c"),
                (b"odd_name", b"o"),
                (b"Authorization", b"not read"),
                (b"Cookie", b"not=read"),
            ]
        },
    ),
    "header model": (
        header_model,
        "/h",
        "/h",
        {"headers": [("x-trace", "t"), ("x-many", "1"), ("x-many", "2")]},
    ),
    "one model": (one_model, "/b", "/b", body(ITEM)),
    "embedded": (embedded, "/b", "/b", body({"item": ITEM})),
    "two models": (two_models, "/b", "/b", body({"item": ITEM, "pet": {"kind": "cat"}, "number": 3})),
    "a list": (a_list, "/b", "/b", body([ITEM, {"theName": "2"}])),
    "optional, given": (optional, "/b", "/b", body(ITEM)),
    "optional, null": (optional, "/b", "/b", body(None)),
    "optional, absent": (optional, "/b", "/b", {}),
    "scalar": (scalar, "/b", "/b", body(1.5)),
    "json suffix": (
        one_model,
        "/b",
        "/b",
        {"content": json.dumps(ITEM), "headers": {"content-type": "application/vnd.api+json"}},
    ),
    "raw": (
        raw,
        "/b",
        "/b",
        {"content": b"\xff\x00{", "headers": {"content-type": "application/octet-stream"}},
    ),
    "form": (
        form,
        "/f",
        "/f",
        {"content": "a=%C3%BC&b=1&b=2&c=", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "form model": (form_model, "/f", "/f", {"data": {"user": "u", "password": "p"}}),
    "files": (files, "/f", "/f", {"files": FILES, "data": {"note": "n"}}),
    "plain function": (plain, "/b", "/b?q=5", body(ITEM)),
    "nothing": (nothing, "/n", "/n", {}),
    "nothing, with a body": (nothing, "/n", "/n", {"content": b"{not json"}),
    "method": (Shop().order, "/shops/{shop}", "/shops/s", body(ITEM)),
    "static method": (Shop.close, "/shops/{shop}", "/shops/s", {}),
    "callable object": (Callable(), "/b", "/b", body(ITEM)),
    "partial": (partial(two_parts, factor=3), "/shops/{shop}", "/shops/s", body(ITEM)),
    "partial, overruled": (partial(two_parts, factor=3), "/shops/{shop}", "/shops/s?factor=4", body(ITEM)),
    "dependency that reads the body": (with_reader, "/b", "/b", body({"item": ITEM, "note": "n"})),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    """Serve every function as an ordinary route below /plain and an asynchronous one below /async."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)
    for number, (function, path, _, _) in enumerate(CASES.values()):
        sides = {"plain": function, "async": jobs.endpoint(name=f"case-{number}")(function)}
        for side, endpoint in sides.items():
            router = APIRouter(prefix=f"/{side}")
            router.add_api_route(f"/{number}{path}", endpoint, methods=["POST"], response_model=None)
            app.include_router(router)
    seen.clear()
    app.post("/once")(jobs.endpoint(validated_once))
    for name, reader in (("body", body_reader), ("form", form_reader)):
        # A router's dependency with a body parameter makes FastAPI embed the handler's.
        for side, endpoint in (
            ("plain", one_model),
            ("async", jobs.endpoint(name=f"routed-{name}")(one_model)),
        ):
            router = APIRouter(prefix=f"/{side}/routed-{name}", dependencies=[Depends(reader)])
            router.add_api_route("", endpoint, methods=["POST"], response_model=None)
            app.include_router(router)
    with Serving(app) as serving:
        yield serving


def both(served: Serving, url: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what the ordinary route answered, and the finished job of the asynchronous one."""
    plain = served.client.post(f"/plain{url}", **options)
    assert plain.status_code == 200, plain.text
    submitted = served.client.post(f"/async{url}", **options)
    assert submitted.status_code == 202, submitted.text
    return plain.json(), finished(served, submitted)


@pytest.mark.parametrize("case", CASES)
def test_the_worker_gets_what_the_request_would_have_given(served: Serving, case: str) -> None:
    """The same request gives an ordinary route and an asynchronous endpoint the same values."""
    number = list(CASES).index(case)
    _, _, url, options = CASES[case]
    plain, job = both(served, f"/{number}{url}", options)
    assert job["error"] is None
    assert job["result"] == plain
    assert job["status"] == "completed"


def test_a_routers_dependency_may_embed_the_handlers_body(served: Serving) -> None:
    """Whether the body is embedded is the real route's to say, not the handler's alone."""
    plain, job = both(served, "/routed-body", body({"item": ITEM, "note": "n"}))
    assert job["result"] == plain


def test_a_value_is_validated_once_in_the_request_and_once_in_the_worker(served: Serving) -> None:
    """No value is dumped and validated again on the way to the store."""
    job = finished(served, served.client.post("/once", json=5))
    assert job["result"] == {"value": ["int", "5"]}
    assert seen == [5, 5]


def test_invalid_input_is_fastapis_own_422(served: Serving) -> None:
    """Validation stays FastAPI's: the same errors as an ordinary route, and nothing is stored."""
    number = list(CASES).index("two models")
    answers = [served.client.post(f"/{side}/{number}/b", json={"item": {}}) for side in ("plain", "async")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert len(answers[0].json()["detail"]) == 3


def test_positional_and_keyword_only_parameters_are_passed_as_such() -> None:
    """FastAPI itself cannot call a function with positional-only parameters; the worker can."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)

    @app.post("/{a}")
    @jobs.endpoint
    async def mixed(a: int, /, item: Item, *, b: int = 2) -> Any:
        return [a, item.name, b]

    with Serving(app) as serving:
        job = finished(serving, serving.client.post("/4?b=3", json=ITEM))
    assert job["result"] == [4, "n", 3]
