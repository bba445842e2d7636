"""Move money between accounts: each user sees only their own accounts and jobs.

$ uvicorn examples.accounts.app:app
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from asyncendpoints import AsyncEndpoints, JobContext, JobDepends, JobError
from examples.accounts.auth import User, current_user, owner_of
from examples.accounts.database import Account, Transfer, get_session, set_up


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Set up the database before the worker starts."""
    set_up()
    yield


jobs = AsyncEndpoints("memory://", owner=owner_of)
app = FastAPI(title="Accounts", lifespan=lifespan)
jobs.install(app)


class TransferRequest(BaseModel):
    """How much to move, and to whom."""

    target: str
    amount: int = Field(gt=0, description="cents")


class Balance(BaseModel):
    """What is left."""

    owner: str
    balance: int


@app.post("/transfers", tags=["transfers"])
@jobs.endpoint(require_idempotency_key=True, timeout=30)
def transfer(
    body: TransferRequest,
    user: Annotated[User, Depends(current_user)],
    session: Annotated[Session, JobDepends(get_session)],
    job: JobContext,
) -> Balance:
    """Move money: the user was authenticated before the 202, the session is opened in the worker."""
    source, target = session.get(Account, user.name), session.get(Account, body.target)
    if source is None or target is None:
        raise JobError("No such account", status=404, detail=f"{user.name} or {body.target} has no account")
    if session.get(Transfer, job.job_id) is None:  # a repeated attempt finds what the first one committed
        if source.balance < body.amount:
            raise JobError("Not enough money", status=409, detail=f"{source.balance} cents are left")
        source.balance -= body.amount
        target.balance += body.amount
        session.add(Transfer(job_id=job.job_id, source=source.owner, target=target.owner, amount=body.amount))
    return Balance(owner=source.owner, balance=source.balance)


@app.get("/balance", tags=["accounts"])
def balance(user: Annotated[User, Depends(current_user)], session: Annotated[Session, Depends(get_session)]) -> Balance:
    """Show the user's balance: an ordinary route beside the asynchronous one."""
    account = session.get(Account, user.name)
    return Balance(owner=user.name, balance=0 if account is None else account.balance)
