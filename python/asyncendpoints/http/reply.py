"""A response whose headers are ready as bytes: what every answer of the library is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.background import BackgroundTask

JSON = (b"content-type", b"application/json")


class Reply(Response):
    """A complete response.

    Args:
        status_code: The status.
        body: The content; its length is added to the headers, except where a status has no content.
        headers: Lower-case names and values, ready to be sent.
    """

    def __init__(self, status_code: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        # Response.__init__ would encode every header again; its attributes are set here instead.
        self.status_code = status_code
        self.body = body
        self.background: BackgroundTask | None = None
        self.raw_headers = (
            [*headers] if status_code in {204, 304} else [*headers, (b"content-length", b"%d" % len(body))]
        )
