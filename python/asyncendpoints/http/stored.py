"""The part of a request that is kept with its job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints._core import pack_request
from asyncendpoints.request import DROPPED_HEADERS, NOTHING, encode_params, encode_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.policy import Policy

_DROPPED = tuple(name.encode("ascii") for name in DROPPED_HEADERS)


def full_path(scope: Mapping[str, Any]) -> str:
    """Return the path as the client sent it, with the root path, wherever the server puts that."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root:
        return path
    root = root.rstrip("/")
    return path if path == root or path.startswith(root + "/") else root + path


def stored_request(
    scope: Mapping[str, Any],
    policy: Policy,
    *,
    template: str | None = None,
    values: dict[str, bytes] | None = None,
    embed: bool | None = None,
) -> bytes:
    """Return the stored form of the request in this scope, as `encode_request` makes it.

    Args:
        scope: The ASGI scope after routing.
        policy: Whose `keep_headers` names credentials that are to be kept.
        template: The route's path template, where the route itself does not know all of it.
        values: JSON of what request-time dependencies gave the handler, by parameter name.
        embed: Whether the framework embedded the body's fields.
    """
    dropped = _DROPPED
    if policy.keep_headers:
        kept = {name.lower().encode("latin-1") for name in policy.keep_headers}
        dropped = tuple(name for name in _DROPPED if name not in kept)
    path_params: Mapping[str, Any] | None = scope.get("path_params")
    root_path: str = scope.get("root_path", "")
    return pack_request(
        scope["method"],
        full_path(scope) if root_path else scope["path"],
        getattr(scope.get("route"), "path", "") if template is None else template,
        encode_params(_plain(path_params)) if path_params else NOTHING,
        scope["query_string"],
        scope["headers"],
        dropped,
        encode_values(values) if values else NOTHING,
        scope.get("scheme", "http"),
        root_path,
        embed,
    )


def _plain(path_params: Mapping[str, Any]) -> dict[str, Any]:
    """Return path parameters as what can be stored: their values, or the text of richer ones."""
    return {name: value if isinstance(value, (str, float, int)) else str(value) for name, value in path_params.items()}
