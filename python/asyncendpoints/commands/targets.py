"""What a command is about: an application's `AsyncEndpoints`, or a store's URL."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints import with_outbox
from asyncendpoints.app import AsyncEndpoints
from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import AsyncGenerator

    from asyncendpoints.engine import Engine

TARGET: Final = "module:jobs"
TARGET_HELP: Final = "where the application's AsyncEndpoints is"


def add_target(parser: ArgumentParser) -> None:
    """Give a command the target that is an application or a URL."""
    parser.add_argument("target", metavar=f"{TARGET} or URL", help=f"{TARGET_HELP}, or the store's URL")


def find_jobs(target: str) -> AsyncEndpoints:
    """Import the application's `AsyncEndpoints`.

    Args:
        target: `module:name`, looked for in the working directory first; the name may have dots.

    Raises:
        ConfigurationError: There is none there.
    """
    module_name, separator, path = target.partition(":")
    if not separator or not module_name or not path:
        raise ConfigurationError(f"the application must be given as module:name, such as myapp:jobs, not {target!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(f"there is no module {module_name!r} here or on the Python path") from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ConfigurationError(f"{module_name} has no {path!r}") from error
    if not isinstance(found, AsyncEndpoints):
        raise ConfigurationError(f"{target} is not an AsyncEndpoints but a {type(found).__name__}")
    return found


def find_engine(target: str) -> Engine:
    """Return the engine of an application, or one for the store that a URL names; it is not started.

    Raises:
        ConfigurationError: There is none there, or the URL names no store.
    """
    jobs = AsyncEndpoints(target, worker=False) if "://" in target else find_jobs(target)
    return jobs.engine


@asynccontextmanager
async def opened(target: str) -> AsyncGenerator[Engine]:
    """Open a target's store, for questions from another process than those that use it.

    Raises:
        ConfigurationError: There is none there, or no other process can see its jobs.
        StoreUnavailable: It does not answer.
    """
    engine = find_engine(target)
    traits = engine.store.traits
    if not traits.shared:
        raise ConfigurationError(
            f"the {traits.name} store cannot be seen by another process; use a store that processes share, or ask the "
            "application itself: by its job routes, or its dashboard"
        )
    await with_outbox.open_all(engine.store, engine.outbox)
    try:
        yield engine
    finally:
        await with_outbox.close_all(engine.store, engine.outbox)
