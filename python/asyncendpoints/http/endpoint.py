"""What HTTP knows of an asynchronous endpoint: its handler, its engine, and the kind of body it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import Scope

    from asyncendpoints.engine import Engine
    from asyncendpoints.registry import Handler

BodyKind: TypeAlias = Literal["json", "form", "any", "none"]
"""What an endpoint's body must be: checked JSON, a form, anything, or nothing that is looked at."""

ATTRIBUTE: Final = "__asyncendpoint__"
"""The attribute of a route's function that holds its `BodyTarget`."""

ENVELOPE: Final = 4096
"""What the generic producer's members around a payload may add to its handler's limit, in bytes."""


class BodyTarget(Protocol):
    """What a body is for: an asynchronous endpoint, or the generic producer."""

    engine: Engine

    @property
    def max_body_bytes(self) -> int:
        """The limit."""
        ...

    def body_kind(self, scope: Mapping[str, Any]) -> BodyKind:
        """Return the kind of body that is taken."""
        ...

    def refusal_for(self, scope: Scope, error: BaseException) -> Response | None:
        """Return what an error of the framework's own, out of its validation, says to the client; None otherwise."""
        ...

    def count_refusal(self) -> None:
        """Count a submission that was refused before the store was asked."""
        ...


class HttpEndpoint:
    """A route's asynchronous side; it stands on the route's function as `__asyncendpoint__`.

    Args:
        handler: The registered handler, with its policy.
        engine: Where submissions go.
        body: The kind of body that the endpoint takes.
    """

    __slots__ = ("body", "engine", "handler", "max_body_bytes", "warned")

    def __init__(self, handler: Handler, engine: Engine, *, body: BodyKind = "json") -> None:
        self.handler = handler
        self.engine = engine
        self.body: BodyKind = body
        self.max_body_bytes: int = handler.policy.max_body_bytes
        self.warned = False

    def body_kind(self, scope: Mapping[str, Any]) -> BodyKind:
        """Return the kind of body that is taken; adapters that learn it from the route override this."""
        return self.body

    def refusal_for(self, scope: Scope, error: BaseException) -> Response | None:
        """Return None: an error is an error, where no framework validates before the endpoint runs."""
        return None

    def count_refusal(self) -> None:
        """Count a submission that was refused before the store was asked."""
        self.engine.meters.refused(self.handler.name, self.handler.policy.queue)


def endpoint_of(scope: Mapping[str, Any]) -> BodyTarget | None:
    """Return the asynchronous endpoint, or producer, that the router has chosen for this request, or None."""
    return getattr(scope.get("endpoint"), ATTRIBUTE, None)
