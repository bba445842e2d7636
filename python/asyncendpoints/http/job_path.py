"""The class of the job routes, which every request to a later route passes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Match, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send


# Asking an enum for its member takes longer than all the rest of a glance.
_SOMETHING_ELSE: Final[tuple[Match, Scope]] = (Match.NONE, {})


class JobPath(Route):
    """A route that passes over a request for something else at a glance.

    Args:
        path: Starlette's path template.
        endpoint: The route's function.
        options: What the framework's route takes besides.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._beginning = path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether the route is the request's."""
        if self._beginning not in scope["path"]:
            return _SOMETHING_ELSE
        match, child_scope = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL and self._asks_for_head(scope) else match), child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if self._asks_for_head(scope):
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def _asks_for_head(self, scope: Scope) -> bool:
        # A route of its own for HEAD, as FastAPI would have it, is one more that every request passes by.
        return scope["method"] == "HEAD" and self.methods is not None and "GET" in self.methods
