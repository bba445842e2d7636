"""Absolute URLs of jobs' resources, as a client reaches this server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from asyncendpoints._core import JobUrls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncendpoints.settings import Settings

__all__ = ["ROOT_KEY", "JobUrls", "job_urls"]

ROOT_KEY: Final = "asyncendpoints.root_path"
"""Where the middleware leaves the root path of the application that has the job routes."""

_HOST: Final = re.compile(rb"[A-Za-z0-9._~-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")

_KEPT: Final = 256
_known: dict[tuple[str, bytes, str, str, str], JobUrls] = {}


def job_urls(scope: Mapping[str, Any], settings: Settings, *, host: bytes | None = None) -> JobUrls:
    """Return the URLs of the application's jobs, as the client of this request reaches them.

    Their host is the `Host` header where that is a host and nothing else, so that nobody's header can put more into a
    URL; otherwise the server's own address.

    Args:
        scope: The ASGI scope.
        settings: Where the job routes are.
        host: The `Host` header, where it has been looked up.
    """
    if host is None:
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        host = next((value for name, value in headers if name == b"host"), b"")
    key = (scope.get("scheme", "http"), host, scope.get(ROOT_KEY) or "", settings.jobs_path, settings.status_path)
    known = _known.get(key)
    if known is not None:
        return known
    scheme, _, root, _, _ = key
    if not _HOST.fullmatch(host):
        return _job_urls(_prefix(scheme, _server(scope), root), settings)
    # A client can invent hosts, but not fill the memory with them.
    if len(_known) >= _KEPT:
        _known.clear()
    known = _known[key] = _job_urls(_prefix(scheme, host.decode("ascii"), root), settings)
    return known


def _job_urls(prefix: str, settings: Settings) -> JobUrls:
    base = prefix + settings.jobs_path.rstrip("/")
    job = base + "/{job_id}"
    return JobUrls(
        status=base + settings.status_path,
        result=job + "/result",
        events=job + "/events",
        cancel=job + "/cancel",
    )


def _prefix(scheme: str, authority: str, root: str) -> str:
    return f"{scheme}://{authority}{quote(root.rstrip('/'))}"


def _server(scope: Mapping[str, Any]) -> str:
    """Return the server's own address."""
    name, port = scope.get("server") or ("localhost", None)
    if ":" in name:
        name = f"[{name}]"
    return name if port is None else f"{name}:{port}"
