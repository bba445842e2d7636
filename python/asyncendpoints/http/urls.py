"""Absolute URLs of a job's resources, as the client reaches this server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.settings import Settings

ROOT_KEY: Final = "asyncendpoints.root_path"
"""Where the middleware leaves the root path of the application that has the job routes."""

_HOST: Final = re.compile(rb"[A-Za-z0-9._~-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")

_PREFIXES_KEPT: Final = 256
_prefixes: dict[tuple[str, bytes, str], str] = {}


class JobUrls(NamedTuple):
    """The four URLs of one job."""

    status: str
    result: str
    events: str
    cancel: str


def url_prefix(scope: Mapping[str, Any]) -> str:
    """Return scheme, host and root path of the application, without a trailing slash.

    The host is the `Host` header where that is a host and nothing else, so that nobody's header can put more
    into a URL; otherwise the server's own address.
    """
    host = b""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
            break
    root: str = scope.get(ROOT_KEY) or ""
    key = (scope.get("scheme", "http"), host, root)
    known = _prefixes.get(key)
    if known is not None:
        return known
    if _HOST.fullmatch(host):
        # A client can invent hosts, but not fill the memory with them.
        if len(_prefixes) >= _PREFIXES_KEPT:
            _prefixes.clear()
        known = _prefixes[key] = _prefix(key[0], host.decode("ascii"), root)
        return known
    return _prefix(key[0], _server(scope), root)


def job_urls(prefix: str, settings: Settings, job_id: str) -> JobUrls:
    """Return the URLs of one job below a prefix."""
    base = prefix + settings.jobs_path.rstrip("/")
    job = f"{base}/{job_id}"
    status_path = settings.status_path
    return JobUrls(
        job if status_path == "/{job_id}" else base + status_path.replace("{job_id}", job_id),
        job + "/result",
        job + "/events",
        job + "/cancel",
    )


def _prefix(scheme: str, authority: str, root: str) -> str:
    return f"{scheme}://{authority}{quote(root.rstrip('/'))}"


def _server(scope: Mapping[str, Any]) -> str:
    """Return the server's own address."""
    name, port = scope.get("server") or ("localhost", None)
    if ":" in name:
        name = f"[{name}]"
    return name if port is None else f"{name}:{port}"
