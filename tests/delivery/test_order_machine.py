"""Each customer's events in their order, against a model, and against bugs that it must see."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from fprom_middleware.database.schema import leads
from fprom_middleware.outbox import settled, turns
from tests.delivery.order_machine import DRAINERS, OrderMachine
from tests.support.accounts import make_outbox
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable


def run(*, examples: int) -> None:
    """Run the machine."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing_time:
        file, clock = Path(folder) / "outbox.db", Clock()
        drainers = [
            make_outbox(
                f"sqlite:///{file}", clock, rate_limit=10**6, history_days=30 * (number % 2)
            )
            for number in range(DRAINERS)
        ]
        for drainer in drainers:
            drainer.stats()
            # What a power cut does to the file is not in question here.
            sa.event.listen(drainer.database.engine, "checkout", _careless)
            closing_time.callback(drainer.database.close)
        table = closing_time.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
        run_state_machine_as_test(
            type("Given", (OrderMachine,), {"clock": clock, "drainers": drainers, "table": table}),
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )


def _careless(connection: Any, *_: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@pytest.mark.slow
def test_each_customer_has_its_order() -> None:
    """Nothing lost, nothing out of turn, nobody held up, each sale credited once."""
    run(examples=150)


# --- Bugs ---------------------------------------------------------------------------------

_keep, _set_aside, _has_earlier = settled._keep, turns._set_aside, turns._has_earlier


def _block_none(*_: Any, **__: Any) -> set[int]:
    return set()


def _free_none(*_: Any, **__: Any) -> None:
    return


def _clear_keys_early(connection: Any, answer: Any, now: float) -> None:
    _keep(connection, answer, now)
    row = sa.update(leads).where(leads.c.id == answer.claimed.id)
    connection.execute(row.values(email_key=None, uid_key=None))


def _lease_blocked(connection: Any, blocked: Iterable[Any], *, now: float) -> None:
    rows = list(blocked)
    _set_aside(connection, rows, now=now)
    row = sa.update(leads).where(leads.c.id.in_([row.id for row in rows]))
    connection.execute(row.values(due_at=now + 32, blocked=0))


def _look_at_emails(_key: str) -> Any:
    return _has_earlier("email_key")


def _look_at_due(key: str) -> Any:
    return sa.exists().where(
        turns._earlier.c[key] == leads.c[key],
        turns._earlier.c.id < leads.c.id,
        turns._earlier.c.due_at <= leads.c.due_at,
    )


def _behind_for_ever(*_: Any) -> bool:
    return True


BUGS: dict[str, tuple[Any, str, Any, str]] = {
    # what is planted: where, in place of what, and what the machine says
    "a claim looks for no earlier ones": (turns, "_find_blocked", _block_none, "out of turn"),
    "a claim looks at e-mails only": (turns, "_has_earlier", _look_at_emails, "out of turn"),
    "what is leased counts as ended": (turns, "_has_earlier", _look_at_due, "out of turn"),
    "keys are cleared at a failed call": (settled, "_keep", _clear_keys_early, "out of turn"),
    "an end frees nothing": (settled, "free_next", _free_none, "held up"),
    "who waits is leased": (turns, "_set_aside", _lease_blocked, "held up"),
    "who waits does so for ever": (turns, "_waits_for_so_long", _behind_for_ever, "no end"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_the_machine_finds_planted_bugs(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that cannot fail proves nothing."""
    place, name, instead, seen = BUGS[bug]
    monkeypatch.setattr(place, name, instead)
    with pytest.raises((AssertionError, pytest.fail.Exception), match=seen):
        # Which examples are tried depends on what is loaded; the first that fails ends it.
        run(examples=3000)
