"""What a type checker must refuse: read by pyright, never run. Each line that is wrong names the complaint."""

from __future__ import annotations

from asyncendpoints import AsyncEndpoints, Exponential, Job, JobContext, Retry

jobs = AsyncEndpoints("memory://", concurency=10)  # expect: reportCallIssue
typed = AsyncEndpoints("memory://", concurrency="10")  # expect: reportArgumentType
store = AsyncEndpoints(42)  # expect: reportArgumentType


@jobs.handler("numbers")
async def numbers(job: JobContext[int]) -> str:
    """Misuse a context."""
    text: str = job.payload  # expect: reportAssignmentType
    job.payload = 3  # expect: reportAttributeAccessIssue
    job.progres(3)  # expect: reportAttributeAccessIssue, reportUnknownMemberType
    await job.once("key", lambda: 3, on_uncertain="maybe")  # expect: reportArgumentType
    value: str = await job.once("key", lambda: 3)  # expect: reportAssignmentType
    await job.progress("half")  # expect: reportArgumentType
    return text + value


@jobs.handler("misspelt", retries=3)  # expect: reportCallIssue, reportUntypedFunctionDecorator
async def misspelt(job: JobContext[int]) -> None:
    """Misspell a policy."""


@jobs.handler("mistyped", retry=3)  # expect: reportArgumentType
async def mistyped(job: JobContext[int]) -> None:
    """Mistake a policy's type."""


Retry(3, 5)  # expect: reportArgumentType
Exponential(jitter="full")  # expect: reportArgumentType


async def use(job: Job) -> None:
    """Misuse the facade."""
    await jobs.submit("numbers", 1, "key")  # expect: reportCallIssue
    await jobs.submit("numbers", 1, delay="1 s")  # expect: reportArgumentType
    job.state = "completed"  # expect: reportAttributeAccessIssue
    if job.state == "done":  # expect: reportUnnecessaryComparison
        return
    async with jobs.testing() as testing:
        await testing.advance("1 s")  # expect: reportArgumentType
