"""The application's own tables, and how a session is had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Iterator

engine = create_engine(os.environ.get("ACCOUNTS_DATABASE_URL", "sqlite:///accounts.db"))


class Base(DeclarativeBase):
    """The base of the tables."""


class Account(Base):
    """Whose money it is, and how much in cents."""

    __tablename__ = "accounts"

    owner: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Transfer(Base):
    """A transfer that was made. Its key is the job's id: the same job cannot move the money twice."""

    __tablename__ = "transfers"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("accounts.owner"))
    target: Mapped[str] = mapped_column(ForeignKey("accounts.owner"))
    amount: Mapped[int]


def get_session() -> Iterator[Session]:
    """Give a session whose work is committed if nothing was raised, and rolled back otherwise."""
    with Session(engine) as session, session.begin():
        yield session


def set_up() -> None:
    """Create the tables and two accounts where there are none."""
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        for owner, balance in {"ada": 10_000, "grace": 500}.items():
            if session.get(Account, owner) is None:
                session.add(Account(owner=owner, balance=balance))
