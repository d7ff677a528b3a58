"""What a view and its event loop feel of an API that hangs."""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING

from tests.system.faults.double import HANGING, Double
from tests.system.faults.load import Load, percentile
from tests.system.faults.oracle import drain_fully, find_lost
from tests.system.faults.scale import pick, report
from tests.system.faults.servers import APP, Server, fprom_environment

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = 4
COMMAND = (
    *(sys.executable, "-m", "uvicorn", f"{APP}:asgi", "--port={port}"),
    *(f"--workers={PROCESSES}", "--log-level=warning"),
)
RATE = 100.0
SECONDS = pick(5, 30)
# The figures that the package promises are 10 and 50 ms, on a machine with nothing else to do;
# the short form runs beside other tests, and a call would hang for ten seconds.
SLOWEST = pick(5.0, 0.25)


def test_hanging_api_is_not_felt(tmp_path: Path, double: Double, sqlite_url: str) -> None:
    """Sign-ups are as quick while the API hangs as where nothing is tracked at all."""
    double.follow(HANGING)
    environment = fprom_environment(double, sqlite_url, timeout="10")
    measured = {}
    acknowledged: set[str] = set()
    for name, tid in (("organic", None), ("tracked", "visitor")):
        with Server(COMMAND, environment, tmp_path / f"{name}.log") as server:
            server.ask_all("/lag", PROCESSES)
            with Load(
                server.port, rate=RATE, visitors=16, most=int(RATE * SECONDS), tid=tid
            ) as load:
                load.join()
            assert (load.failed, len(load.answers)) == ([], int(RATE * SECONDS))
            lags = list(chain(*server.ask_all("/lag", PROCESSES).values()))
        acknowledged |= load.acknowledged
        measured[name] = (
            percentile([answer.inside for answer in load.answers], 0.99),
            percentile([answer.seconds for answer in load.answers], 0.99),
            percentile(lags, 0.99),
            max(lags),
        )
        inside, seconds, late, latest = (figure * 1000 for figure in measured[name])
        report(
            f"{name}: p99 inside track_signup {inside:.1f} ms, of the response {seconds:.1f} ms; "
            f"event loop late p99 {late:.1f} ms, at most {latest:.1f} ms"
        )
    drain_fully(sqlite_url, double)
    assert find_lost(acknowledged, double) == set()
    inside, _, late, _ = measured["tracked"]
    assert inside <= SLOWEST
    assert late <= SLOWEST
