"""The outbox's database locked, full, read-only, deleted or restarted while visitors sign up."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.programs import find_port
from tests.support.services import missing
from tests.support.waiting import eventually
from tests.system.faults.double import GOOD, KINDS, SLUGGISH, Double
from tests.system.faults.load import Load, percentile
from tests.system.faults.oracle import drain_fully, find_lost
from tests.system.faults.scale import pick, report
from tests.system.faults.servers import Server, fprom_environment, gunicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Fault = Callable[[], AbstractContextManager[None]]

PROCESSES = 2
COMMAND = gunicorn("--worker-class=gthread", "--threads=80", workers=PROCESSES)
SIGN_UPS = pick(150, 500)
RATE = 50.0
JOURNEYS = RATE / len(KINDS)
# The promise is a second. The short form runs beside other tests, on a machine as it is.
SLOWEST = pick(5.0, 1.2)
RESTART_SLOWEST = pick(8.0, 3.0)


def endure(
    name: str, server: Server, fault: Fault, outbox_url: str, double: Double, *, slowest: float
) -> None:
    """Sign up before, during and after a fault; hold every promise that was made."""
    with ExitStack() as stack:
        with Load(server.port, rate=JOURNEYS, name="before", kinds=KINDS) as before:
            before.wait_for(SIGN_UPS // 5)
            stack.enter_context(fault())
            time.sleep(0.1)
        with Load(
            server.port, rate=RATE, visitors=100, most=SIGN_UPS // 5 * 3, name="during"
        ) as during:
            during.join()
        told = len(before.held | during.held)
        held = sum(server.ask_all("/held", PROCESSES).values())
        # The last events come in while the database comes back.
        with Load(server.port, rate=JOURNEYS, name="after", kinds=KINDS) as after:
            stack.close()
            assert eventually(lambda: not any(server.ask_all("/held", PROCESSES).values())), (
                f"still in memory:\n{server.log[-4000:]}"
            )
            after.wait_for(SIGN_UPS // 5)
    server.kill_all()
    drain_fully(outbox_url, double)
    loads = (before, during, after)
    inside = percentile([answer.inside for answer in during.answers], 0.99)
    count = sum(len(load.answers) for load in loads)
    report(f"{name}: {count} events, {told} not durable, {held} held, p99 inside {inside:.3f} s")
    assert [load.failed for load in loads] == [[], [], []]
    assert [load.unanswered for load in loads] == [0, 0, 0]
    assert len(during.held) == len(during.answers)
    assert held == told
    # No process ended before its memory was written, so what was not durable has arrived too.
    for load in loads:
        assert find_lost(load.acknowledged | load.held, double) == set()
    assert double.out_of_turn == 0
    assert inside <= slowest


def test_locked(tmp_path: Path, double: Double, sqlite_url: str) -> None:
    """While another process holds the lock, sign-ups wait a second at most and are kept."""

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(
            sqlite3.connect(tmp_path / "outbox.db", isolation_level=None, timeout=5)
        ) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")

    with Server(COMMAND, fprom_environment(double, sqlite_url), tmp_path / "log") as server:
        endure("locked", server, locked, sqlite_url, double, slowest=SLOWEST)


def test_disk_full(tmp_path: Path, double: Double) -> None:
    """A disk without a free byte is survived in memory, and left behind once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()

    @contextmanager
    def full() -> Iterator[None]:
        filler = disk / "filler"
        # What the -wal has of the disk would be written anew from its beginning.
        with closing(sqlite3.connect(disk / "outbox.db", isolation_level=None)) as connection:
            truncate = "PRAGMA wal_checkpoint(TRUNCATE)"
            assert eventually(lambda: connection.execute(truncate).fetchone()[0] == 0)
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        yield
        filler.unlink()

    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)],  # noqa: S607 - where it is, it is in PATH
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("a small disk needs the right to mount one; see the next test")
    try:
        url = f"sqlite:///{disk / 'outbox.db'}"
        with Server(COMMAND, fprom_environment(double, url), tmp_path / "log") as server:
            endure("disk full", server, full, url, double, slowest=SLOWEST)
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607 - as above


def test_file_size_limit(tmp_path: Path, double: Double, sqlite_url: str) -> None:
    """A file that may not grow is survived as a full disk is."""

    @contextmanager
    def limited() -> Iterator[None]:
        workers = server.workers()
        before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers]
        for pid, (_, hard) in zip(workers, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
        for pid, limits in zip(workers, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    with Server(COMMAND, fprom_environment(double, sqlite_url), tmp_path / "log") as server:
        endure("file size limit", server, limited, sqlite_url, double, slowest=SLOWEST)


def test_read_only(tmp_path: Path, double: Double) -> None:
    """An outbox that this process may not write costs no sign-up, and heals without a restart."""
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "outbox.db"
    url = f"sqlite:///{file}"
    drain_fully(url, double)
    files = sorted(folder.iterdir())
    for path in files:
        path.chmod(0o400)
    folder.chmod(0o500)
    with (
        Server(
            (*_without_override(), *COMMAND), fprom_environment(double, url), tmp_path / "log"
        ) as server,
        Load(server.port, most=SIGN_UPS, visitors=100, rate=RATE) as load,
    ):
        load.join()
        held = sum(server.ask_all("/held", PROCESSES).values())
        folder.chmod(0o700)
        for path in files:
            path.chmod(0o600)
        with Load(server.port, rate=RATE, name="after") as after:
            assert eventually(lambda: not any(server.ask_all("/held", PROCESSES).values())), (
                f"still in memory:\n{server.log[-4000:]}"
            )
        server.kill_all()
        drain_fully(url, double)
    assert load.failed == after.failed == []
    assert held == len(load.held) == SIGN_UPS
    assert find_lost(load.held | after.acknowledged | after.held, double) == set()


@pytest.mark.parametrize("suffixes", [("", "-wal", "-shm"), ("",)], ids=["all", "main"])
def test_deleted(tmp_path: Path, double: Double, sqlite_url: str, suffixes: Sequence[str]) -> None:
    """Only what waited in a deleted file is lost: a new one is begun, nothing is written beside."""
    file = tmp_path / "outbox.db"
    double.follow(SLUGGISH)
    with Server(COMMAND, fprom_environment(double, sqlite_url), tmp_path / "log") as server:
        with Load(server.port, rate=RATE * 2, visitors=16) as load:
            load.wait_for(SIGN_UPS // 3)
            with closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as holder:
                # Nobody can commit between the look and the deletion.
                holder.execute("BEGIN IMMEDIATE")
                uids = "SELECT json_extract(payload, '$.uid') FROM fprom_outbox"
                rows = holder.execute(f"{uids} WHERE delivered_at IS NULL")
                buried = {name for (name,) in rows}
                for suffix in suffixes:
                    Path(f"{file}{suffix}").unlink()
                holder.execute("ROLLBACK")
            double.follow(GOOD)
            durable = len(load.acknowledged) + SIGN_UPS // 3
            # The new file takes leads; those that were on their way into the old one may wait.
            assert eventually(lambda: len(load.acknowledged) >= durable), server.log[-4000:]
        server.kill_all()
        drain_fully(sqlite_url, double)
    lost = find_lost(load.acknowledged, double)
    held = len(load.held)
    report(
        f"deleted: {len(load.answers)} sign-ups, {len(buried)} buried, {len(lost)} lost, "
        f"{held} held"
    )
    assert load.failed == []
    assert lost - buried == set()


def test_postgresql_restarted(tmp_path: Path, double: Double) -> None:
    """A database server that crashes and comes back costs neither a sign-up nor a lead."""
    with Cluster() as cluster:

        @contextmanager
        def down() -> Iterator[None]:
            cluster.stop()
            yield
            cluster.start()

        environment = fprom_environment(double, cluster.url)
        with Server(COMMAND, environment, tmp_path / "log") as server:
            endure("restarted", server, down, cluster.url, double, slowest=RESTART_SLOWEST)


class Cluster:
    """A PostgreSQL server of this test's own, on a port of its own."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
            Path(path) for path in (shutil.which("initdb"),) if path
        ]
        if not found:
            missing("no PostgreSQL binaries: initdb and pg_ctl")
        self._bin = found[-1].parent
        self._port = find_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        self._folder = Path(tempfile.mkdtemp(prefix="fprom-"))
        # The server refuses to run as root.
        self._as = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        if self._as:
            shutil.chown(self._folder, "postgres")

    def __enter__(self) -> Self:
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        log = f"--log={self._folder / 'log'}"
        self._run("pg_ctl", "start", "--wait", "--timeout=30", log, f"--options={options}")

    def stop(self) -> None:
        """Stop it as a crash does: nobody is asked to finish."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def _run(self, command: str, *options: str, check: bool = True) -> None:
        done = subprocess.run(
            [*self._as, str(self._bin / command), f"--pgdata={self._folder / 'data'}", *options],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"{command} failed"


def _without_override() -> tuple[str, ...]:
    """Return what makes root mind a file's mode, as everybody else does."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everything, and there is no setpriv")
    return "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"
