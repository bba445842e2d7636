"""Take orders: the order and the job that confirms it are committed together, or not at all.

$ uvicorn examples.orders.app:app
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from asyncendpoints import AsyncEndpoints, JobContext
from examples.orders.database import URL, Confirmation, Order, engine, get_session, set_up


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Set up the application's own tables; those of the jobs are set up by themselves."""
    set_up()
    yield


jobs = AsyncEndpoints(URL)
app = FastAPI(title="Orders", lifespan=lifespan)
jobs.install(app)

IN_STOCK = {"lamp": 5, "chair": 2}
Database = Annotated[Session, Depends(get_session)]


class NewOrder(BaseModel):
    """What is ordered."""

    article: str
    amount: int = Field(gt=0)


class Accepted(BaseModel):
    """The order, and the job that confirms it."""

    order_id: int
    job_id: str


class Counts(BaseModel):
    """How many orders and confirmations there are."""

    orders: int
    confirmations: int


@app.post("/orders", status_code=202)
async def place_order(new: NewOrder, session: Database, response: Response) -> Accepted:
    """Store the order and submit its confirmation in one transaction."""
    with session.begin():
        order = Order(article=new.article, amount=new.amount)
        session.add(order)
        session.flush()  # gives the order its number
        submitted = await jobs.submit("send-confirmation", order.order_id, session=session)
        if new.amount > IN_STOCK.get(new.article, 0):
            # Whatever is raised in this block takes back both, the order and the job.
            raise HTTPException(409, f"there are not so many of {new.article!r}")
        accepted = Accepted(order_id=order.order_id, job_id=submitted.job.job_id)
    # The transaction is committed before the client is told.
    response.headers["Location"] = f"/jobs/{accepted.job_id}"
    return accepted


@jobs.handler("send-confirmation")
async def send_confirmation(job: JobContext[int]) -> str:
    """Confirm an order: a handler has its own transaction, in which it may submit further jobs."""
    with Session(engine) as session, session.begin():
        order = session.get_one(Order, job.payload)
        text = f"{order.amount} of {order.article}"
        if session.get(Confirmation, job.job_id) is None:
            session.add(Confirmation(job_id=job.job_id, order_id=order.order_id))
            # The key makes sure that an attempt that is repeated after its commit submits nothing twice.
            await jobs.submit("count", idempotency_key=f"{job.job_id}/count", session=session)
    return text


@jobs.handler("count")
async def count() -> int:
    """Count the confirmations that are there when this job's transaction was committed."""
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Confirmation)) or 0


@app.get("/orders")
def counts(session: Database) -> Counts:
    """Count what is committed."""
    return Counts(
        orders=session.scalar(select(func.count()).select_from(Order)) or 0,
        confirmations=session.scalar(select(func.count()).select_from(Confirmation)) or 0,
    )
