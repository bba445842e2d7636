"""The class of the job routes, which every request to a later route passes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Match, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope


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
        return super().matches(scope) if self._beginning in scope["path"] else _SOMETHING_ELSE
