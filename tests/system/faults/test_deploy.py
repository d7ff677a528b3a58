"""SIGTERM, as every deploy sends it, while the API hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually
from tests.system.faults.double import HANGING, KINDS, Double
from tests.system.faults.load import Load
from tests.system.faults.oracle import drain_fully, find_lost
from tests.system.faults.scale import pick, report
from tests.system.faults.servers import SERVERS, Server, fprom_environment

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYS = pick(2, 20)
EVENTS = pick(30, 200)
# Two seconds are promised, and a server ends by itself in less than one; the short form runs
# beside other tests, and a call would hang for thirty.
EXIT_SECONDS = pick(25.0, 3.0)


@pytest.mark.parametrize("name", SERVERS)
def test_deploy_loses_nothing_and_waits_for_nobody(
    tmp_path: Path, double: Double, sqlite_url: str, name: str
) -> None:
    """A server that is told to end does so soon, with a call in flight, and nothing is lost."""
    double.follow(HANGING)
    # Longer than anybody would wait: only the end of the process can end such a call.
    environment = fprom_environment(double, sqlite_url, timeout="30")
    acknowledged: set[str] = set()
    exits = []
    each = -(-EVENTS // DEPLOYS)
    for deploy in range(DEPLOYS):
        with (
            Server(SERVERS[name], environment, tmp_path / "server.log") as server,
            Load(server.port, visitors=4, rate=150, name=f"lead-{deploy}", kinds=KINDS) as load,
        ):
            load.wait_for(each)
            # The end shall find a call that hangs, however late a busy machine makes it.
            assert eventually(lambda: double.done["hang"])
            # Visitors go on signing up meanwhile; whoever is turned away was told nothing.
            exits.append(server.terminate())
        assert load.failed == []
        acknowledged |= load.acknowledged
    report(
        f"{name}: {DEPLOYS} deploys, {len(acknowledged)} events, {double.calls} calls, "
        f"exit at most {max(exits):.2f} s"
    )
    assert double.done["hang"] > 0
    drain_fully(sqlite_url, double)
    assert len(acknowledged) >= EVENTS
    assert find_lost(acknowledged, double) == set()
    assert double.out_of_turn == 0
    assert max(exits) <= EXIT_SECONDS
