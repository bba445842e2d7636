"""The application's own tables, beside those of the jobs, and how a session is had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = os.environ.get("ORDERS_DATABASE", "orders.db")
URL = f"sqlite:///{FILE}"
"""One file for orders and jobs: what is to be committed together is in one database."""
engine = create_engine(URL)


class Base(DeclarativeBase):
    """The base of the tables."""


class Order(Base):
    """What somebody has ordered."""

    __tablename__ = "orders"

    order_id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str]
    amount: Mapped[int]


class Confirmation(Base):
    """A confirmation that was sent. Its key is the job's id: no attempt is recorded twice."""

    __tablename__ = "confirmations"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int]


def set_up() -> None:
    """Create the tables where there are none."""
    Base.metadata.create_all(engine)


def get_session() -> Iterator[Session]:
    """Give a session; whoever uses it commits."""
    with Session(engine) as session:
        yield session
