"""What an asynchronous endpoint cannot take is refused at decoration, by the parameter and with a remedy."""

# The functions here are data of the tests, written as users write them.
# ruff: noqa: B008, PLR0917

import functools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import (
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Query,
    Request,
    Response,
    Security,
    UploadFile,
    WebSocket,
)
from fastapi.responses import StreamingResponse
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
)
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import HTTPConnection
from typing_extensions import TypeAliasType

from asyncendpoints.context import JobContext, JobDepends
from asyncendpoints.errors import ConfigurationError
from tests.support.fastapi_handlers import arguments_of, endpoint, handler_of, make_engine

bearer = HTTPBearer()
oauth2 = OAuth2PasswordBearer(tokenUrl="token")


class Session:
    """What pydantic has no schema for."""


class User(BaseModel):
    name: str


class Account(BaseModel):
    user: User
    password: SecretStr


class Hidden(BaseModel):
    name: str
    cost: int = Field(default=1, exclude=True)


class Arbitrary(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    session: Session


@dataclass
class Wallet:
    keys: list[SecretStr]


class Credentials(BaseModel):
    inner: HTTPAuthorizationCredentials


class DroppedHeaders(BaseModel):
    x_api_key: str | None = None


class SomeCookies(BaseModel):
    session: str


def give() -> Any: ...
def needs_job(job: JobContext[Any]) -> str: ...
def needs_marked(session: Annotated[str, JobDepends(give)]) -> str: ...
def needs_below(value: str = Depends(needs_job)) -> str: ...
def reads_key(x_api_key: Annotated[str, Header()]) -> str: ...
def takes_tasks(tasks: BackgroundTasks) -> str: ...
def takes_socket(socket: WebSocket) -> str: ...
def takes_session(session: Session) -> str: ...
def secured(token: Annotated[str, Depends(oauth2)]) -> str: ...
def alias(value: Annotated[str, JobDepends(give)] = JobDepends(give)) -> str: ...  # type: ignore[assignment]


def unannotated(user=Depends(give)): ...
def anything(user: Any = Depends(give)): ...
def an_object(user: Annotated[object, Depends(give)]): ...
def session_value(session: Session = Depends(give)): ...
def session_inside(value: Arbitrary = Depends(give)): ...
def secret(password: SecretStr = Depends(give)): ...
def secret_inside(account: Annotated[Account | None, Depends(give)]): ...
def secret_in_dataclass(wallet: dict[str, Wallet] = Depends(give)): ...
def excluded(value: list[Hidden] = Depends(give)): ...
def file_value(file: UploadFile = Depends(give)): ...
def bearer_credentials(token: HTTPAuthorizationCredentials = Depends(bearer)): ...
def basic_credentials(login: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]): ...
def own_credentials(login: HTTPBasicCredentials = Depends(give)): ...
def credentials_inside(login: Credentials = Depends(give)): ...
def token(token: str = Depends(oauth2)): ...
def scoped(token: Annotated[str, Security(oauth2, scopes=["read"])]): ...
def bound_scheme(token: str = Depends(functools.partial(oauth2))): ...
def login_form(form: Annotated[OAuth2PasswordRequestForm, Depends()]): ...
def dropped_header(authorization: Annotated[str | None, Header()] = None): ...
def dropped_by_alias(key: str = Header(alias="X-API-Key")): ...
def dropped_in_model(headers: Annotated[DroppedHeaders, Header()]): ...
def cookie(session: Annotated[str, Cookie()]): ...
def cookie_model(cookies: Annotated[SomeCookies, Cookie()]): ...
def request(request: Request): ...
def connection(connection: HTTPConnection): ...
def response(response: Response): ...
def socket(socket: WebSocket): ...
def tasks(tasks: BackgroundTasks): ...
def any_arguments(*args: int): ...
def any_keywords(**kwargs: int): ...
def two_contexts(job: JobContext[Any], again: JobContext[int]): ...
def unchecked(job: JobContext[User]): ...
def checked_otherwise(user: dict[str, Any], job: JobContext[User]): ...
def embedded(job: JobContext[User], user: User = Body(embed=True)): ...
def of_a_form(user: Annotated[User, Form()], job: JobContext[User]): ...
def of_two(user: User, account: Account, job: JobContext[User]): ...
def of_none(user: User, job: JobContext[None]): ...
def no_schema(session: Session): ...
def forbidden_mix(q: Annotated[int, Query(), JobDepends(give)]): ...
def two_marks(q: Annotated[int, JobDepends(give)] = JobDepends(give)): ...  # type: ignore[assignment]
def empty_mark(q: Annotated[int | str, JobDepends()]): ...
def unbound(self, customer: int): ...
def early_job(value: str = Depends(needs_job)): ...
def early_mark(value: str = Depends(needs_marked)): ...
def early_below(value: str = Depends(needs_below)): ...
def twice_required(q: Annotated[int, Query(default=3)]): ...
def worker_header(value: str = JobDepends(reads_key)): ...  # type: ignore[assignment]
def worker_tasks(value: str = JobDepends(takes_tasks)): ...  # type: ignore[assignment]
def worker_socket(value: str = JobDepends(takes_socket)): ...  # type: ignore[assignment]
def worker_security(value: Annotated[str, JobDepends(secured)]): ...
def worker_scheme(value: Annotated[str, JobDepends(bearer)]): ...
def worker_session(value: Annotated[str, JobDepends(takes_session)]): ...
def worker_two_marks(value: Annotated[str, JobDepends(alias)]): ...


REFUSED = [
    (unannotated, "user", "annotate it"),
    (anything, "user", "JobDepends"),
    (an_object, "user", "JobDepends"),
    (session_value, "session", "JobDepends"),
    (session_inside, "value", "JobDepends"),
    (secret, "password", "SecretStr"),
    (secret_inside, "account", "in field 'password'"),
    (secret_in_dataclass, "wallet", "in field 'keys'"),
    (excluded, "value", "'cost' is excluded"),
    (file_value, "file", "as a parameter of the handler"),
    (bearer_credentials, "token", "your own user model"),
    (basic_credentials, "login", "your own user model"),
    (own_credentials, "login", "your own user model"),
    (credentials_inside, "login", "in field 'inner'"),
    (token, "token", "your own user model"),
    (scoped, "token", "your own user model"),
    (bound_scheme, "token", "your own user model"),
    (login_form, "form", "JobDepends"),
    (dropped_header, "authorization", "keep_headers=('authorization',)"),
    (dropped_by_alias, "key", "keep_headers=('x-api-key',)"),
    (dropped_in_model, "headers", "keep_headers=('x-api-key',)"),
    (cookie, "session", "keep_headers=('cookie',)"),
    (cookie_model, "cookies", "keep_headers=('cookie',)"),
    (request, "request", "job.request"),
    (connection, "connection", "job.request"),
    (response, "response", "asyncendpoints.Result"),
    (socket, "socket", "request-time dependency"),
    (tasks, "tasks", "already runs in the background"),
    (any_arguments, "args", "name the parameters"),
    (any_keywords, "kwargs", "name the parameters"),
    (two_contexts, "again", "beside 'job'"),
    (unchecked, "job", "`payload: User`"),
    (checked_otherwise, "job", "`payload: User`"),
    (embedded, "job", "`payload: User`"),
    (of_a_form, "job", "`payload: User`"),
    (of_two, "job", "`payload: User`"),
    (of_none, "job", "`JobContext` without a type"),
    (no_schema, "session", "JobDepends"),
    (forbidden_mix, "q", "keep one of the two"),
    (two_marks, "q", "more than one JobDepends"),
    (empty_mark, "q", "name one"),
    (unbound, "self", "decorate the bound method"),
    (early_job, "value", "resolve the dependency in the worker with JobDepends"),
    (early_mark, "value", "resolve the dependency in the worker with JobDepends"),
    (early_below, "value", "needs_job"),
    (twice_required, "q", "refused by FastAPI"),
    (worker_header, "value", "keep_headers=('x-api-key',)"),
    (worker_tasks, "value", "BackgroundTasks"),
    (worker_socket, "value", "WebSocket"),
    (worker_security, "value", "security scheme"),
    (worker_scheme, "value", "security scheme"),
    (worker_session, "worker", "pydantic knows"),
    (worker_two_marks, "value", "more than one JobDepends"),
]


@pytest.mark.parametrize(("function", "parameter", "remedy"), REFUSED, ids=lambda one: getattr(one, "__name__", None))
def test_a_parameter_that_cannot_work_is_refused_by_name(function: Any, parameter: str, remedy: str) -> None:
    """The message names the function, the parameter, and what to do instead."""
    engine = make_engine()
    with pytest.raises(ConfigurationError) as caught:
        endpoint(function, engine=engine)
    message = str(caught.value)
    assert function.__name__ in message
    assert parameter in message
    assert remedy in message
    assert engine.registry.names == ()


Marked = TypeAliasType("Marked", Annotated[Session, JobDepends(give)])
Secretive = TypeAliasType("Secretive", Annotated[Account, Depends(give)])


def test_type_aliases_are_looked_into() -> None:
    """An alias is what it stands for: a worker's dependency, or a refused one."""

    def fine(session: Marked) -> None: ...

    def wrong(account: Secretive) -> None: ...

    assert list(arguments_of(endpoint(fine)).signature.worker) == ["session"]
    with pytest.raises(ConfigurationError, match=r"'account' takes a secret \(SecretStr in field 'password'\)"):
        endpoint(wrong)


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


class Streams:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize(
    "function",
    [generator, async_generator, functools.partial(generator), Streams()],
    ids=lambda one: type(one).__name__,
)
def test_a_handler_that_yields_is_refused(function: Any) -> None:
    """A job has one result, so a generator is refused."""
    with pytest.raises(ConfigurationError, match=r"is a generator.*job\.progress"):
        endpoint(function, name="streams")


def responds() -> StreamingResponse: ...
def may_respond() -> dict[str, int] | Response: ...


@pytest.mark.parametrize("function", [responds, may_respond])
def test_a_handler_that_returns_a_response_is_refused(function: Any) -> None:
    """A response cannot be stored; the remedy is `Result`."""
    with pytest.raises(ConfigurationError, match=r"returns a Response.*asyncendpoints\.Result"):
        endpoint(function)


def hopeless(body: "Nowhere"): ...  # type: ignore[name-defined]  # noqa: F821


def test_an_annotation_that_cannot_be_evaluated_is_refused_by_name() -> None:
    """A name that is nowhere is named, with its parameter."""
    with pytest.raises(ConfigurationError, match=r"'Nowhere' of parameter 'body'.*TYPE_CHECKING"):
        endpoint(hopeless)


@pytest.mark.parametrize("what", [classmethod(lambda cls: None), 3], ids=["classmethod", "number"])
def test_what_is_not_a_function_is_refused(what: Any) -> None:
    """Only what can be called is a handler."""
    with pytest.raises(ConfigurationError, match="an endpoint is a function"):
        endpoint(what)


def test_a_handler_without_a_name_needs_one() -> None:
    """A callable object has no name of its own."""

    class Handler:
        async def __call__(self) -> None: ...

    with pytest.raises(ConfigurationError, match="name="):
        endpoint(Handler())
    assert handler_of(endpoint(Handler(), name="named")).name == "named"


def test_a_second_handler_of_the_same_name_is_refused() -> None:
    """Names are unique within one registry."""
    engine = make_engine()
    endpoint(give, engine=engine)
    with pytest.raises(ConfigurationError, match="already registered"):
        endpoint(give, engine=engine)


def keeps(
    authorization: Annotated[str, Header()],
    session: Annotated[str, Cookie()],
    value: Annotated[str, JobDepends(reads_key)],
) -> None: ...


def test_headers_that_the_policy_keeps_may_be_read() -> None:
    """`keep_headers` lifts the refusal."""
    endpoint(keeps, keep_headers=("Authorization", "cookie", "X-API-Key"))


async def everything(
    job: JobContext[Any],
    account: Account,
    upload: Annotated[UploadFile, File()],
    user: Annotated[User, Depends(give)],
    checked: Annotated[None, Depends(give)],
    session: Annotated[Session, JobDepends(give)],
    later: Annotated[Session, JobDepends()],
    tags: Annotated[list[str], Query()],
    x_trace: Annotated[str | None, Header()] = None,
    number: int = Body(3),
) -> dict[str, Any]: ...


def test_a_context_may_say_what_the_body_is() -> None:
    """The type of the one body parameter, `None` where there is none, and `Any` say nothing that is not checked."""

    def the_body(user: Annotated[User, Body(description="who")], job: JobContext[User], page: int = 1) -> None: ...
    def no_body(job: JobContext[None]) -> None: ...
    def whatever(user: User, number: Annotated[int, Body()], job: JobContext[Any]) -> None: ...

    for function in (the_body, no_body, whatever):
        assert endpoint(function).handler is function


def test_everything_else_is_taken() -> None:
    """Secrets and files from the request itself, storable values and worker's dependencies are fine."""
    wrapper = endpoint(everything)
    assert wrapper.handler is everything
    assert handler_of(wrapper).is_async
    assert wrapper.__name__ == "everything"
    assert not hasattr(wrapper, "__wrapped__")
