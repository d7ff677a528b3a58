"""``stats``: the same figures for a person, a program and Prometheus."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fprom_middleware.cli.stats import prometheus
from fprom_middleware.outbox.stats import Stats
from tests.cli.conftest import run_fprom

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

NOTHING = {
    "pending": 0,
    "oldest_age": None,
    "rejected": 0,
    "paused": None,
    "paused_since": None,
    "next_try_at": None,
}


def samples(text: str) -> dict[str, tuple[str, dict[str, str], float]]:
    """Read the text form as Prometheus does: of each gauge its help, labels and value."""
    found = {}
    for family in text_string_to_metric_families(text):
        (sample,) = family.samples
        assert (family.type, family.name) == ("gauge", sample.name)
        found[family.name] = (family.documentation, sample.labels, sample.value)
    return found


def test_a_person_reads_a_table(desk: Desk) -> None:
    """Ages in their largest unit, moments in UTC."""
    desk.reject("rob@shop.example")
    desk.put("ann@shop.example")
    desk.clock.later(200)

    lines = dict(line.split(maxsplit=1) for line in desk("stats").splitlines())

    assert lines == {
        "figure": "value",
        "pending": "1",
        "oldest_age": "3 min",
        "rejected": "1",
        "paused": "-",
        "paused_since": "-",
        "next_try_at": "-",
    }


def test_a_pause_is_shown(desk: Desk) -> None:
    """Why, since when, and when the next try is."""
    desk.put("ann@shop.example")
    desk.api.says = 401
    desk.fprom.drain()

    shown = desk("stats")

    assert "paused        unauthorized" in shown
    assert "paused_since  2027-01-15T08:00:00Z" in shown
    assert samples(desk("stats", "--prometheus"))["fprom_outbox_paused"][1:] == (
        {"reason": "unauthorized"},
        1.0,
    )


def test_a_program_reads_json(desk: Desk) -> None:
    """What `Fprom.stats()` says, less what only a web process knows."""
    desk.put("ann@shop.example", "bob@shop.example")
    desk.clock.later(1.5)

    assert json.loads(desk("stats", "--json")) == NOTHING | {"pending": 2, "oldest_age": 1.5}


def test_prometheus_reads_gauges(desk: Desk) -> None:
    """Each with its help, times in seconds; Prometheus' own parser takes the text."""
    desk.reject("rob@shop.example")
    desk.put("ann@shop.example")
    desk.clock.later(2.5)

    found = samples(desk("stats", "--prometheus"))

    assert {name: value for name, (_, _, value) in found.items()} == {
        "fprom_outbox_pending": 1.0,
        "fprom_outbox_oldest_age_seconds": 2.5,
        "fprom_outbox_rejected": 1.0,
        "fprom_outbox_paused": 0.0,
    }
    assert all(text for text, _, _ in found.values())
    assert not any(labels for _, labels, _ in found.values())


@pytest.mark.parametrize("reason", ['a "quoted" one', "two\nlines", "a back\\slash"])
def test_a_damaged_reason_breaks_no_line(reason: str) -> None:
    """What a damaged row holds is escaped as the format asks."""
    found = samples(prometheus(Stats(paused=reason)))

    assert found["fprom_outbox_paused"][1] == {"reason": reason}


def test_a_program_gets_zeros_of_no_outbox(desk: Desk, tmp_path: Path) -> None:
    """The first event has yet to make it; a person is told where it will be."""
    assert json.loads(desk("stats", "--json")) == NOTHING
    assert samples(desk("stats", "--prometheus"))["fprom_outbox_pending"][2] == 0.0
    assert desk("stats").startswith("there is no outbox yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_no_outbox_yet(tmp_path: Path, environ: dict[str, str]) -> None:
    """A person is told where it will be, a program gets zeros; none is made."""
    del environ["FPROM_API_KEY"]
    told = run_fprom("stats", environ, tmp_path)
    figures = run_fprom("stats --json", environ, tmp_path)
    gauges = run_fprom("stats --prometheus", environ, tmp_path)

    assert [done.returncode for done in (told, figures, gauges)] == [0, 0, 0]
    assert "there is no outbox yet" in told.stdout
    assert json.loads(figures.stdout) == NOTHING
    assert samples(gauges.stdout)["fprom_outbox_pending"][2] == 0.0
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_another_kind(desk: Desk, tmp_path: Path) -> None:
    """A time that a damaged row holds is no age, and the figures are shown all the same."""
    desk.put("ann@shop.example")
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection:
        connection.execute("UPDATE fprom_outbox SET queued_at = 'never'")
        connection.commit()

    assert json.loads(desk("stats", "--json")) == NOTHING | {"pending": 1}
