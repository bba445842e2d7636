"""The dashboard as its visitors reach it, in this process: no server, no browser."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.dashboard.world import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from asyncendpoints import AsyncEndpoints


class Visitor:
    """A browser's part of HTTP: cookies, and where requests come from."""

    def __init__(self, http: httpx.AsyncClient, jobs: AsyncEndpoints) -> None:
        self.http = http
        self.jobs = jobs

    async def page(self, way: str, status: int = 200, **headers: str) -> str:
        """Open a page, and return its text."""
        answer = await self.http.get(way, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.status_code == status, answer.text
        return answer.text

    async def confirm(self, way: str, **fields: str) -> httpx.Response:
        """Open the page of an action, and send its form."""
        from tests.support.dashboard.forms import fields_of

        page = await self.page(way)
        return await self.http.post(
            way,
            data={**fields_of(page), **fields},
            headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        )


@pytest.fixture
async def visit() -> AsyncIterator[Callable[..., Awaitable[Visitor]]]:
    """Return a function that visits a world's dashboard."""
    async with AsyncExitStack() as stack:

        async def begin(
            kind: str = "starlette", *, client: tuple[str, int] = ("127.0.0.1", 4000), **options: Any
        ) -> Visitor:
            app, jobs = world(kind, **options)
            await stack.enter_async_context(jobs)
            transport = httpx.ASGITransport(app=app, client=client)
            http = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://localhost/ops/")
            )
            return Visitor(http, jobs)

        yield begin
