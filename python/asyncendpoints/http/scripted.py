"""The stored request of a submission that no client sent: what a script says of path, query and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

import msgspec

from asyncendpoints.request import StoredRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


def scripted_request(
    path_params: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> StoredRequest:
    """Return the request that stands for a script's submission.

    No client chose a URL, so the path holds nothing but the path parameters, in the order of their names.

    Args:
        path_params: The path's parameters.
        query: The query's parameters; a list repeats one, None leaves it out.
        headers: The headers.

    Raises:
        TypeError: A value has no text that would stand for it in a request.
    """
    path_params = path_params or {}
    names = sorted(path_params)
    plain = {name: _plain(path_params[name]) for name in names}
    return StoredRequest(
        path="/" + "/".join(quote(str(plain[name]), safe="") for name in names),
        route="/" + "/".join(f"{{{name}}}" for name in names),
        path_params=plain,
        query=urlencode(
            [(name, _text(one)) for name, value in (query or {}).items() for one in _several(value) if one is not None]
        ),
        headers=[(name.lower(), value) for name, value in (headers or {}).items()],
    )


def _plain(value: Any) -> Any:
    value = msgspec.to_builtins(value)
    return value if isinstance(value, (str, float, int)) else str(value)


def _several(value: Any) -> list[Any]:
    plain: Any = msgspec.to_builtins(value)
    return [*cast("list[Any]", plain)] if isinstance(plain, (list, tuple, set, frozenset)) else [plain]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
