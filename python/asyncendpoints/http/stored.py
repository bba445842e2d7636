"""The part of a request that is kept with its job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.request import DROPPED_HEADERS, StoredRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.policy import Policy

_DROPPED = frozenset(name.encode("ascii") for name in DROPPED_HEADERS)
_NO_VALUES: dict[str, bytes] = {}


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
    values: dict[str, bytes] | None = None,
    embed: bool | None = None,
) -> StoredRequest:
    """Make the stored form of the request in this scope.

    Args:
        scope: The ASGI scope after routing.
        policy: Whose `keep_headers` names credentials that are to be kept.
        values: JSON of what request-time dependencies gave the handler, by parameter name.
        embed: Whether the framework embedded the body's fields.
    """
    if policy.keep_headers:
        kept = {name.lower().encode("latin-1") for name in policy.keep_headers}
        dropped = _DROPPED - kept
    else:
        dropped = _DROPPED
    return StoredRequest(
        scope["method"],
        full_path(scope),
        getattr(scope.get("route"), "path", ""),
        _plain(scope.get("path_params")),
        scope["query_string"].decode("latin-1"),
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"] if name not in dropped],
        _NO_VALUES if values is None else values,
        scope.get("scheme", "http"),
        scope.get("root_path", ""),
        embed,
    )


def _plain(path_params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return path parameters as what can be stored: their values, or the text of richer ones."""
    if not path_params:
        return {}
    return {name: value if isinstance(value, (str, float, int)) else str(value) for name, value in path_params.items()}
