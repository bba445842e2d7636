"""Directories with little room, that is taken and given back while processes use what is in them."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SMALL: Final = 1024 * 1024
LARGE: Final = 64 * 1024 * 1024


class Room(Protocol):
    """A directory, and how much may be written there."""

    path: Path

    def take(self) -> None:
        """Leave no room at all."""
        ...

    def give(self) -> None:
        """Make more room than anybody needs."""
        ...

    def leave(self) -> None:
        """Put everything back in order."""
        ...


class SmallDisk:
    """A file system of 1 MiB in memory, on which the system says `ENOSPC` when it is full.

    Args:
        path: An empty directory, to mount it on.

    Raises:
        PermissionError: Nobody may mount here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"
        mounted = _mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", path)
        if mounted.returncode:
            raise PermissionError(mounted.stderr)

    def take(self) -> None:
        """Fill the rest with a file, to the last byte."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            for size in (4096, 1):
                while _write(file, size):
                    pass
        finally:
            os.close(file)

    def give(self) -> None:
        """Delete that file, and enlarge the file system."""
        self._ballast.unlink(missing_ok=True)
        assert _mount("-o", f"remount,size={LARGE}", self.path).returncode == 0

    def leave(self) -> None:
        """Let it go with everything in it."""
        subprocess.run(["umount", "--lazy", self.path], check=True)


class SmallFiles:
    """A limit to the size of files (`RLIMIT_FSIZE`), above which writes fail with `EFBIG`; it takes no rights.

    Args:
        path: A directory.
        processes: Returns the ids of the processes that are limited, besides this one.
    """

    def __init__(self, path: Path, processes: Callable[[], Sequence[int]]) -> None:
        self.path = path
        self._processes = processes
        self._limit(SMALL)

    def take(self) -> None:
        """Let no file grow that is there."""
        self._limit(min(file.stat().st_size for file in self.path.iterdir() if file.stat().st_size))

    def give(self) -> None:
        """Let files grow again."""
        self._limit(LARGE)

    def leave(self) -> None:
        """Take the limit away."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for process in (0, *self._processes()):
            _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, most))


def _mount(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)


def _write(file: int, size: int) -> bool:
    try:
        return os.write(file, b"x" * size) == size
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
