"""The generic producer: `POST /jobs` submits to any handler that says `exposed=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request  # noqa: TC002 (FastAPI resolves it)
from starlette.responses import Response  # noqa: TC002 (FastAPI resolves it)

from asyncendpoints._core import is_key
from asyncendpoints.errors import (
    AsyncEndpointsError,
    IdempotencyKeyInvalid,
    PayloadTooLarge,
    ValidationFailed,
)
from asyncendpoints.http.accept import accept
from asyncendpoints.http.body_checks import incomplete
from asyncendpoints.http.capture import ClientGone, Refused, captured_body
from asyncendpoints.http.endpoint import ATTRIBUTE, ENVELOPE, HttpEndpoint
from asyncendpoints.http.idempotency import head_of, read_key
from asyncendpoints.http.problems import problem_for
from asyncendpoints.http.routes import JobRoute
from asyncendpoints.http.stored import stored_request
from asyncendpoints.payload import PayloadType
from asyncendpoints.policy import LONGEST
from asyncendpoints.request import encode_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.endpoint import BodyKind


class Production(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a producer sends."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"")
    idempotency_key: str | None = None
    delay: float | None = None


class Producer:
    """The function behind the generic producer; to the body's capture it is an endpoint of its own.

    Args:
        engine: Where submissions go.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._production: PayloadType[Production] = PayloadType(Production)
        self._endpoints: dict[str, HttpEndpoint] = {}

    @property
    def max_body_bytes(self) -> int:
        """The largest limit of an exposed handler, and room for the envelope."""
        registry = self.engine.registry
        policies = [registry.get(name).policy for name in registry.names]
        return ENVELOPE + max((policy.max_body_bytes for policy in policies if policy.exposed), default=0)

    def body_kind(self, scope: Mapping[str, Any]) -> BodyKind:
        """Return that a production is JSON."""
        return "json"

    def refusal_for(self, scope: Scope, error: BaseException) -> Response | None:
        """Return None: nobody else validates a production."""
        return None

    def count_refusal(self) -> None:
        """Count nothing: it may not be known whose job it would have been."""

    async def produce(self, request: Request) -> Response:
        """Submit a job to a handler by its name."""
        try:
            body = await captured_body(request, self)
            production = self._production.decode(body or None)
            endpoint = self._endpoint(production.type)
            payload = bytes(production.payload) or None
            if payload is not None and len(payload) > endpoint.max_body_bytes:
                raise PayloadTooLarge(endpoint.max_body_bytes)
            stored = await _checked(request, endpoint, payload)
            delay = production.delay or 0.0
            if not 0 <= delay <= LONGEST:
                raise _invalid("delay", f"a delay is 0 to {LONGEST:.0f} seconds")
            key = self._key(request, production)
        except Refused as refused:
            return refused.response
        except ClientGone:
            return incomplete(request.scope)
        except AsyncEndpointsError as error:
            return problem_for(request.scope, error)
        return await accept(
            request,
            endpoint,
            body=payload,
            stored=stored,
            key=key,
            delay=delay,
            sent=body,
        )

    def _endpoint(self, name: str) -> HttpEndpoint:
        handler = self.engine.registry.find(name)
        if handler is None or not handler.policy.exposed:
            # A handler that is not exposed must look like one that does not exist.
            raise _invalid("type", "there is no such type of job")
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            endpoint = self._endpoints[name] = HttpEndpoint(handler, self.engine)
        return endpoint

    def _key(self, request: Request, production: Production) -> str | None:
        sent = read_key(request.scope, head_of(request.scope, self.engine.settings), self.engine.settings)
        named = production.idempotency_key
        if named is None:
            return sent
        if sent is not None:
            raise IdempotencyKeyInvalid("the request carries several idempotency keys; send one")
        if not is_key(named):
            raise IdempotencyKeyInvalid("an idempotency key is 1 to 255 visible ASCII characters")
        return named


def producer_routes(engine: Engine) -> list[JobRoute]:
    """Return the route of the generic producer."""
    path = engine.settings.jobs_path.rstrip("/") or "/"
    producer = Producer(engine)

    async def produce(request: Request) -> Response:
        """Submit a job to a handler by its name."""
        return await producer.produce(request)

    setattr(produce, ATTRIBUTE, producer)
    return [JobRoute(path, ("POST",), produce, "submit_job", "Submit a job by its handler's name")]


async def _checked(request: Request, endpoint: HttpEndpoint, payload: bytes | None) -> bytes:
    """Return what is stored of the request, having found that the handler takes the payload.

    Raises:
        ValidationFailed: It does not; the errors say where in the production.
    """
    handler = endpoint.handler
    try:
        if handler.arguments is not None:
            # The handler reads a request of its own route, which a production is not.
            stored, _ = await handler.arguments.prepare(payload)
            return encode_request(stored)
        handler.payload.decode(payload)
    except ValidationFailed as error:
        moved = [{**each, "loc": ["body", "payload", *list(each["loc"])[1:]]} for each in error.errors]
        raise ValidationFailed(moved) from error
    return stored_request(request.scope, handler.policy)


def _invalid(member: str, message: str) -> ValidationFailed:
    return ValidationFailed([{"loc": ["body", member], "msg": message, "type": "value_error"}])
