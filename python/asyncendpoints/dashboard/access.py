"""Who is let in: nobody but this machine, unless the application says otherwise."""

from __future__ import annotations

import inspect
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from starlette.responses import Response

from asyncendpoints.dashboard.grants import Grant
from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    Answer: TypeAlias = "Grant | Response | bool | None"
    Authorize: TypeAlias = "Callable[[Request], Answer | Awaitable[Answer]]"

_FORWARDED: Final = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-forwarded-for",
        b"x-envoy-external-address",
        b"cf-connecting-ip",
        b"true-client-ip",
        b"fastly-client-ip",
    }
)
"""Headers that proxies add: what comes from this machine's own proxy may come from anywhere."""


class Access:
    """Says what a request may.

    Args:
        authorize: The application's own answer for a request; None lets in this machine alone.
        local: What requests from this machine may, where there is no `authorize`.

    Raises:
        ConfigurationError: A value cannot work; the message says which does.
    """

    def __init__(self, authorize: Authorize | None, local: Grant) -> None:
        if authorize is not None and not callable(authorize):  # pyright: ignore[reportUnnecessaryComparison] (user code)
            raise ConfigurationError(
                f"authorize must be a function of the request, not {type(authorize).__name__}; it returns what the "
                "visitor may: Grant.READ, Grant.READ | Grant.ACT, or None"
            )
        if not isinstance(local, Grant):  # pyright: ignore[reportUnnecessaryIsInstance] (user code)
            raise ConfigurationError(f"local must be a Grant, such as Grant.READ | Grant.ACT, not {local!r}")
        if authorize is not None and local is not Grant.READ:
            raise ConfigurationError("authorize= decides for every request; give no local= beside it")
        self._authorize = authorize
        self._local = local

    @property
    def is_open_to_others(self) -> bool:
        """Whether the application decides, and not where a request comes from."""
        return self._authorize is not None

    async def of(self, request: Request) -> Grant | Response:
        """Return what a request may, `Grant(0)` for nothing, or the answer that the application gives instead.

        Raises:
            ConfigurationError: `authorize` returned what says nothing.
        """
        if self._authorize is None:
            return self._local if is_local(request.scope) else Grant(0)
        answer: Any = self._authorize(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, (Grant, Response)):
            return answer
        if answer is True:
            return Grant.READ
        if answer is None or answer is False:
            return Grant(0)
        # Guessing what a string, a user or a number grants would open the door to whoever mistypes.
        raise ConfigurationError(
            f"authorize returned {type(answer).__name__}; it returns a Grant, True (which reads), None, False or a "
            "response"
        )


def is_local(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request comes from this machine, from a program that means this machine.

    A proxy on this machine shows by its headers. A page in a browser here whose host name was turned to this machine
    (DNS rebinding) shows by its Host.
    """
    # No browser speaks it, but nginx does where nobody tells it otherwise; it then adds none of those headers, and
    # passes on as the host what its own configuration calls the application.
    if scope.get("http_version") == "1.0":
        return False
    host = b""
    for name, value in scope["headers"]:
        if name in _FORWARDED or name.startswith(b"x-forwarded-"):
            return False
        if name == b"host":
            host = value
    client = scope.get("client")
    return client is not None and _is_loopback(client[0]) and _names_this_machine(host)


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _names_this_machine(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    name = name[1:].rpartition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)
