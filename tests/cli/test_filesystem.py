"""The file system of a path out of /proc/mounts, and which of them cannot keep a promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from fprom_middleware.cli.filesystem import disk_warning, filesystem_of

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /run tmpfs rw 0 0
/dev/sdb /srv xfs rw 0 0
files:/export /srv/shared nfs4 rw 0 0
me@host: /mnt/my\\040files fuse.sshfs rw 0 0
/dev/sdc /data ext4 rw 0 0
tmpfs /data tmpfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/shop/.fprom/outbox.db", "ext4"),
        ("/run/outbox.db", "tmpfs"),
        ("/running/outbox.db", "ext4"),
        ("/srv/outbox.db", "xfs"),
        ("/srv/shared/deep/er/outbox.db", "nfs4"),
        ("/mnt/my files/outbox.db", "fuse.sshfs"),
        ("/data/outbox.db", "tmpfs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(path: str, kind: str) -> None:
    """Names that only begin alike are other places."""
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_a_text_that_says_nothing_is_no_answer() -> None:
    """A machine without this file gets no warning."""
    assert filesystem_of(Path("/outbox.db"), "") is None
    assert disk_warning(None) is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "fuse.gcsfuse", "ceph"])
def test_a_network_is_no_disk(kind: str) -> None:
    """SQLite's locks do not hold there."""
    assert "network file system" in (disk_warning(kind) or "")


@pytest.mark.parametrize("kind", ["tmpfs", "overlay", "ramfs"])
def test_what_is_gone_with_the_container_keeps_no_lead(kind: str) -> None:
    """And a deploy is nothing rare."""
    assert "gone with the container" in (disk_warning(kind) or "")


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "fuse.lxcfs"])
def test_a_disk_is_a_disk(kind: str) -> None:
    """No word about it."""
    assert disk_warning(kind) is None
