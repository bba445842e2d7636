"""Who is asking: a bearer token names a user."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

if TYPE_CHECKING:
    from starlette.requests import Request

TOKENS = {"ada-token": "ada", "grace-token": "grace"}


class User(BaseModel):
    """An authenticated user."""

    name: str


def user_of_token(token: str) -> str | None:
    """Return the name of the token's user, or None."""
    return next(
        (name for known, name in TOKENS.items() if secrets.compare_digest(known.encode(), token.encode())),
        None,
    )


def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> User:
    """Return who is asking, or answer 401."""
    name = user_of_token(credentials.credentials)
    if name is None:
        raise HTTPException(401, "unknown token", headers={"WWW-Authenticate": "Bearer"})
    return User(name=name)


def owner_of(request: Request) -> str | None:
    """Return whose jobs a request may see: the setting `owner`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return user_of_token(token) if scheme.lower() == "bearer" else None
