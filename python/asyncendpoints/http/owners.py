"""Whose request it is, where the application names owners."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.requests import Request

    from asyncendpoints.settings import Settings


async def owner_of(request: Request, settings: Settings) -> str | None:
    """Return the owner of a request, as the setting `owner` maps it; None without that setting.

    Raises:
        ConfigurationError: The application's function returned neither a string nor None.
    """
    if settings.owner is None:
        return None
    owner = settings.owner(request)
    if inspect.isawaitable(owner):
        owner = await owner
    if owner is not None and not isinstance(owner, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"the owner function must return a string or None, not {type(owner).__name__}")
    return owner
