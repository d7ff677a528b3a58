"""kill -9 of workers and masters under load, while the API misbehaves three times in ten."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.delivery.drain import LARGEST_BATCH
from tests.system.faults.double import KINDS, MISBEHAVING, SLUGGISH, Double
from tests.system.faults.load import Load
from tests.system.faults.oracle import drain_fully, find_lost
from tests.system.faults.scale import pick, report
from tests.system.faults.servers import Server, fprom_environment, gunicorn

if TYPE_CHECKING:
    from pathlib import Path

PRELOADED = gunicorn("--preload", workers=4)
LIMIT = pick(60.0, 900.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What came out of one run."""

    acknowledged: int
    received: int
    lost: int
    calls: int
    under_fire: int
    cut: int
    repeats: int
    unexplained: int
    overlaps: int
    out_of_turn: int
    kills: int
    failed: list[str]


def kill_under_load(
    command: tuple[str, ...],
    environment: dict[str, str],
    double: Double,
    folder: Path,
    *,
    events: int,
    kills: int,
) -> Figures:
    """Kill workers and masters in turn while visitors sign up, buy and leave; drain and count."""
    with Server(command, environment, folder / "server.log") as server:
        with Load(server.port, kinds=KINDS) as load:
            victims = cycle((server.kill_worker, server.kill_worker, server.kill_master))
            for kill in range(1, kills + 1):
                # Spread over the load, however fast the machine is.
                load.wait_for(events * kill // kills, within=LIMIT)
                next(victims)()
            # The last one takes all processes at once, in the middle of things.
            server.kill_all()
        killed, under_fire = server.kills, double.calls
    drain_fully(environment["FPROM_OUTBOX_URL"], double)
    figures = Figures(
        acknowledged=len(load.acknowledged),
        received=len(double.received),
        lost=len(find_lost(load.acknowledged, double)),
        calls=double.calls,
        under_fire=under_fire,
        cut=double.done["cut"],
        repeats=double.repeats,
        unexplained=double.unexplained,
        overlaps=double.overlaps,
        out_of_turn=double.out_of_turn,
        kills=killed,
        failed=load.failed,
    )
    report(figures)
    return figures


@pytest.mark.parametrize(
    ("database", "command"),
    [
        pytest.param("sqlite_url", gunicorn(workers=2), id="sqlite"),
        pytest.param("postgresql_url", PRELOADED, id="postgresql-preload"),
        *pick(
            [],
            [
                pytest.param("sqlite_url", PRELOADED, id="sqlite-preload"),
                pytest.param("postgresql_url", gunicorn(workers=2), id="postgresql"),
            ],
        ),
    ],
)
def test_no_acknowledged_event_is_lost_to_kills(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    double: Double,
    database: str,
    command: tuple[str, ...],
) -> None:
    """Each acknowledged event arrives in its turn, and only a killed process's own arrive again."""
    double.follow(MISBEHAVING)
    on_sqlite = database == "sqlite_url"
    url = request.getfixturevalue(database)
    environment = {**fprom_environment(double, url), "FAULTS_PAUSE": "0.5"}
    figures = kill_under_load(
        command,
        environment,
        double,
        tmp_path,
        events=pick(600 if on_sqlite else 400, 10_000 if on_sqlite else 7_000),
        kills=pick(8, 50),
    )
    assert figures.failed == []
    assert figures.lost == 0
    assert figures.overlaps == 0
    assert figures.out_of_turn == 0
    assert figures.unexplained <= figures.kills * LARGEST_BATCH


@pytest.mark.parametrize("bug", ["memory", "delete-at-claim"])
def test_oracle_sees_bug(tmp_path: Path, double: Double, sqlite_url: str, bug: str) -> None:
    """Delivery from memory and deleting at the claim lose leads, and the oracle says so."""
    # Nothing but the kills goes wrong.
    double.follow(SLUGGISH)
    environment = {**fprom_environment(double, sqlite_url), "FAULTS_CONTROL": bug}
    figures = kill_under_load(
        gunicorn(workers=2), environment, double, tmp_path, events=100, kills=3
    )
    assert figures.failed == []
    assert figures.lost > 0


def test_oracle_sees_that_the_order_is_broken(
    tmp_path: Path, double: Double, sqlite_url: str
) -> None:
    """Where no event waits for another, sales come before their sign-ups, and are lost by that."""
    double.follow(MISBEHAVING)
    environment = {
        **fprom_environment(double, sqlite_url),
        "FAULTS_CONTROL": "no-turns",
        "FAULTS_PAUSE": "0.5",
    }
    figures = kill_under_load(
        gunicorn(workers=2), environment, double, tmp_path, events=200, kills=2
    )
    assert figures.failed == []
    assert figures.out_of_turn > 0
    assert figures.lost > 0
