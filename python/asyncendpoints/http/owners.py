"""Whose request it is, where the application names owners.

An owner is often made of what a client sent, so any text must do: see `asyncendpoints.submission.stored_owner`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.submission import DIGESTED, owner_digest, stored_owner

if TYPE_CHECKING:
    from starlette.requests import Request

    from asyncendpoints.settings import Settings


async def owner_of(request: Request, settings: Settings) -> str | None:
    """Return the owner of a request, as the setting `owner` maps it and as jobs have it; None without that setting.

    The empty string is no owner. An owner that no store takes is replaced by its digest, for every use alike.

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
    if not owner:
        return None
    if owner.startswith(DIGESTED):
        # Nobody gets at another's jobs by calling himself by the digest of the other's name.
        return owner_digest(owner)
    return stored_owner(owner)
