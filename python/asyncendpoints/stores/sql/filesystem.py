"""Which file system a file is on, as far as this system tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")

NETWORK: Final = frozenset(
    {
        "9p", "afs", "ceph", "cifs", "drvfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs",
        "lustre", "nfs", "nfs4", "smb2", "smb3", "smbfs", "vboxsf",
    }
)  # fmt: skip
"""Those whose files lie on another machine, where locks and shared memory are not to be relied on."""
VOLATILE: Final = frozenset({"ramfs", "tmpfs"})
"""Those that lie in memory."""
LAYERED: Final = frozenset({"aufs", "fuse.fuse-overlayfs", "overlay"})
"""Those of a container, which go with it."""


def file_system_of(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that a path is on, or None where the system does not say.

    Args:
        path: The file, which need not exist.
        mounts: Where the system lists what is mounted, as proc(5) has it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.absolute().resolve()
    found: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mounted = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        depth = len(mounted.parts)
        # Of two at the same place the later one hides the other.
        if place.is_relative_to(mounted) and (found is None or depth >= found[0]):
            found = depth, after.split(" ")[0]
    return None if found is None else found[1]
