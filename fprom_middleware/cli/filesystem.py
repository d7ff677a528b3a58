"""What kind of disk a path is on: on some of them the outbox cannot keep its promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/mounts")
_NETWORK: Final = re.compile(
    r"(?:9p|afs|beegfs|ceph|cifs|gpfs|lustre|ncpfs|nfs4?|smb3|smbfs)$"
    r"|fuse\.(?:ceph|gcsfuse|glusterfs|juicefs|rclone|s3fs|sshfs|blobfuse)"
)
_FLEETING: Final = frozenset({"aufs", "overlay", "ramfs", "rootfs", "tmpfs"})
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: Path, mounts: str) -> str | None:
    """Find the type of the file system that a path is on.

    Args:
        path: Absolute; what of it does not exist yet is on its parent's.
        mounts: The text of ``/proc/mounts``.

    Returns:
        Such as ``ext4``; None where the text does not say.
    """
    place, found = path.resolve(), None
    deepest = -1
    for line in mounts.splitlines():
        match line.split(" "):
            case [_, escaped, kind, *_]:
                point = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), escaped))
                # Of two mounts on one point the later one hides the earlier.
                if place.is_relative_to(point) and len(point.parts) >= deepest:
                    deepest, found = len(point.parts), kind
    return found


def disk_warning(kind: str | None) -> str | None:
    """Say what is wrong with keeping a SQLite outbox on such a file system.

    Args:
        kind: What `filesystem_of` returned.

    Returns:
        The warning, None where there is nothing to say.
    """
    if kind is None:
        return None
    elsewhere = "Use a local disk that stays, or PostgreSQL: FPROM_OUTBOX_URL=postgresql://…"
    if _NETWORK.match(kind):
        return (
            f"the outbox is on a network file system ({kind}): SQLite's locks and its WAL do not "
            f"hold there, and events may be lost. {elsewhere}"
        )
    if kind in _FLEETING:
        return (
            f"the outbox is on {kind}: it is gone with the container or the next boot, and with "
            f"it the events that wait. {elsewhere}"
        )
    return None
