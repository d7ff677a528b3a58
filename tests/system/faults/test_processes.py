"""Forks, threads, event loops, green threads, and clocks that are wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import ROOT
from tests.support.waiting import PATIENCE, eventually
from tests.system.faults.double import MISBEHAVING, Double
from tests.system.faults.load import Load
from tests.system.faults.oracle import drain_fully, find_lost
from tests.system.faults.scale import pick
from tests.system.faults.servers import Server, fprom_environment, gunicorn

if TYPE_CHECKING:
    from pathlib import Path

SIGN_UPS = pick(200, 500)


@pytest.mark.parametrize("database", ["sqlite_url", "postgresql_url"])
@pytest.mark.parametrize("name", ["threads", "forks", "loops"])
def test_one_object_serves_all(
    request: pytest.FixtureRequest, double: Double, name: str, database: str
) -> None:
    """Threads, forked children and event loops may share one object; every lead arrives."""
    url = request.getfixturevalue(database)
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.faults.scripts", name, str(SIGN_UPS)],
        cwd=ROOT,
        env={"PATH": "", **fprom_environment(double, url)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = [line.split() for line in done.stdout.splitlines()]
    acknowledged = {lead for word, lead in told if word == "durable"}
    drain_fully(url, double)
    # On a busy machine a lock may last for longer than a view waits: then memory is the answer.
    assert len(told) >= SIGN_UPS
    assert acknowledged
    assert find_lost(acknowledged, double) == set()
    assert double.overlaps == 0


def test_gevent(tmp_path: Path, double: Double, sqlite_url: str) -> None:
    """Under monkey-patched gevent the drain is a green thread like any other, and delivers."""
    environment = fprom_environment(double, sqlite_url)
    with Server(gunicorn("--worker-class=gevent", workers=2), environment, tmp_path / "log") as (
        server
    ):
        with Load(server.port, most=SIGN_UPS) as load:
            load.join()
        eventually(lambda: not find_lost(load.acknowledged, double))
    assert load.failed == []
    assert len(load.acknowledged) == SIGN_UPS
    # Without a drain of ours: the server's own did it.
    assert find_lost(load.acknowledged, double) == set()
    assert double.repeats == 0


def test_clock_is_wrong(tmp_path: Path, double: Double, sqlite_url: str) -> None:
    """A clock that jumps an hour ahead and an hour back delays leads, and loses none."""
    wrong_by = tmp_path / "clock"
    wrong_by.write_text("0")
    double.follow(MISBEHAVING)
    environment = {**fprom_environment(double, sqlite_url), "FAULTS_CLOCK": str(wrong_by)}
    with (
        Server(gunicorn(workers=2), environment, tmp_path / "log") as server,
        Load(server.port, rate=SIGN_UPS / 4) as load,
    ):
        for part, hours in enumerate((0, 1, -1, 0), start=1):
            (tmp_path / "next").write_text(str(hours * 3600))
            (tmp_path / "next").replace(wrong_by)
            load.wait_for(SIGN_UPS * part // 4)
    drain_fully(sqlite_url, double)
    assert load.failed == []
    assert len(load.acknowledged) >= SIGN_UPS
    assert find_lost(load.acknowledged, double) == set()
