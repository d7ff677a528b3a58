"""What the outbox costs, beside the same thing done by hand.

The two of a pair are timed in turn, in small rounds, so that a disk or a processor that changes
its pace changes it for both; a ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import sqlalchemy as sa

from fprom_middleware import (
    Cancellation,
    Fprom,
    FpromSettings,
    Lead,
    Refund,
    Sale,
    TrackingContext,
)
from fprom_middleware.database.database import Database
from fprom_middleware.database.schema import leads
from fprom_middleware.outbox.history import History
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.outbox.urls import outbox_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fprom_middleware.events.kinds import AnyEvent

CONTEXT = TrackingContext(tid="3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64", ip="93.184.216.34")
LEAD = Lead(email="visitor@example.com", uid="1", tid=CONTEXT.tid)
ANSWER = b'{"id": 45831611, "etype": "signup", "event_id": null}'
NO_LIMIT = 1_000_000_000
PER_ROUND = 20
MEGABYTE = 1024
PAGE = 1000
numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        ours: The figure.
        theirs: What it is compared with.
        ratio: The one to the other.
        most: What the ratio must not exceed.
        least: What it must reach.
    """

    what: str
    ours: str
    theirs: str
    ratio: float
    most: float | None = None
    least: float | None = None

    @property
    def goal(self) -> str:
        """The goal as text, and whether it was missed."""
        if self.most is not None:
            return f"<= {self.most}" + ("  MISSED" if self.ratio > self.most else "")
        least = self.least or 0.0
        return f">= {least}" + ("  MISSED" if self.ratio < least else "")


def open_fprom(folder: Path, name: str, url: str = "http://127.0.0.1:9") -> Fprom:
    """Return an account whose outbox is a file of its own, drained by hand."""
    settings = FpromSettings(
        api_key="key",
        account_id="account",
        base_url=url,
        outbox_url=f"sqlite:///{folder / name}",
        worker="none",
        rate_limit=NO_LIMIT,
    )
    return Fprom(settings)


def open_outbox_at(url: str, account: str) -> Outbox:
    """Return the outbox of an account of its own on a server."""
    return Outbox(
        Database(outbox_url(url), account),
        account=account,
        clock=time.time,
        rate_limit=NO_LIMIT,
        timeout=10.0,
        history=History(FpromSettings(api_key="key", account_id=account)),
    )


def open_outbox(folder: Path, name: str) -> Outbox:
    """Return an outbox of a file of its own."""
    return open_outbox_at(f"sqlite:///{folder / name}", "account")


def time_in_turn(
    rounds: int, ours: Callable[[], object], theirs: Callable[[], object], each: int = PER_ROUND
) -> tuple[float, float, float]:
    """Time two calls in turn.

    Args:
        rounds: How often.
        ours: The one.
        theirs: The other.
        each: Calls of each a round.

    Returns:
        Median microseconds a call of both, and the median ratio of the rounds.
    """
    figures: list[tuple[float, float]] = []
    for number in range(rounds + 2):
        pair = []
        # Whoever comes second would always find the disk as the first left it.
        for call in (ours, theirs) if number % 2 else (theirs, ours):
            began = time.perf_counter()
            for _ in range(each):
                call()
            pair.append((time.perf_counter() - began) / each * 1e6)
        figures.append((pair[0], pair[1]) if number % 2 else (pair[1], pair[0]))
    # The first rounds open files and load modules.
    figures = figures[2:]
    return (
        median(one for one, _ in figures),
        median(two for _, two in figures),
        median(one / two for one, two in figures),
    )


def put_one(outbox: Outbox) -> None:
    """Write a row, of a customer of its own."""
    outbox.put(outbox.row(replace(LEAD, email=None, uid=str(next(numbers)))))


def measure_enqueue(folder: Path, rounds: int) -> Row:
    """Compare a durable sign-up with a bare INSERT and commit into the same table."""
    fprom = open_fprom(folder, "ours.db")
    put_one(open_outbox(folder, "bare.db"))
    payload = json.dumps(LEAD.to_json())
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as bare:
        bare.execute("PRAGMA synchronous=FULL")

        def insert() -> None:
            now = time.time()
            bare.execute("BEGIN IMMEDIATE")
            bare.execute(
                "INSERT INTO fprom_outbox "
                "(account, due_at, queued_at, attempts, not_found_count, payload)"
                " VALUES (?, ?, ?, 0, 0, ?)",
                ("account", now, now, payload),
            )
            bare.execute("COMMIT")

        ours, theirs, ratio = time_in_turn(
            rounds, lambda: fprom.track_signup(CONTEXT, LEAD.email, uid=LEAD.uid), insert
        )
    fprom.close()
    return Row(
        "durable sign-up : sqlite3 INSERT + commit",
        f"{ours:.0f} us",
        f"{theirs:.0f} us",
        ratio,
        most=2.5,
    )


def measure_backlog(folder: Path, rounds: int, rows: int, url: str | None = None) -> list[Row]:
    """Compare enqueue and claim beside many rows with the same in an almost empty table.

    Every fifth customer has four events of four kinds, which wait for each other; the others have
    signed up.
    """
    if url is None:
        full, empty = open_outbox(folder, "full.db"), open_outbox(folder, "empty.db")
    else:
        full, empty = (open_outbox_at(url, account) for account in ("full", "empty"))
    fill(full, rows)
    found = []
    where = "SQLite" if url is None else full.database.backend
    for what, call, most in (
        ("enqueue", put_one, 1.3),
        ("claim", lambda outbox: outbox.claim(1), 1.2),
    ):

        def run(outbox: Outbox, call: Callable[[Outbox], Any] = call) -> None:
            call(outbox)

        ours, theirs, ratio = time_in_turn(rounds, lambda: run(full), lambda: run(empty))
        found.append(
            Row(
                f"{where}: {what} beside {rows:,} rows : beside none",
                f"{ours:.0f} us",
                f"{theirs:.0f} us",
                ratio,
                most=most,
            )
        )
    full.database.close()
    empty.database.close()
    return found


def fill(outbox: Outbox, rows: int) -> None:
    """Fill a table with events of all kinds."""
    put_one(outbox)
    began = time.time() - 3600

    def events() -> Iterator[AnyEvent]:
        for number in itertools.count():
            uid = f"waiting-{number}"
            email = f"{uid}@example.com"
            yield Lead(email=email, uid=uid, tid=CONTEXT.tid)
            if number % 5 == 0:
                yield Sale(uid=uid, event_id=uid, amount=1290)
                yield Refund(email=email, event_id=uid, amount=1290)
                yield Cancellation(email=email, uid=uid)

    made = itertools.islice(events(), rows)
    for page in range(0, rows, PAGE):
        values = [
            outbox.row(event) | dict.fromkeys(("due_at", "queued_at"), began + (page + n) / 1e3)
            for n, event in enumerate(itertools.islice(made, PAGE))
        ]
        outbox.database.run(lambda connection: connection.execute(sa.insert(leads), values))  # noqa: B023 - run at once
    if outbox.database.backend == "postgresql":
        # As autovacuum does within a minute.
        outbox.database.run(lambda connection: connection.execute(sa.text("ANALYZE")), bound=60.0)


def measure_drain(folder: Path, url: str, rounds: int, leads: int) -> Row:
    """Compare the drain with a loop over one pooled httpx client, against the same server."""
    fprom = open_fprom(folder, "drain.db", url)
    outbox = open_outbox(folder, "drain.db")
    headers = {"Authorization": "Bearer key", "Account-ID": "account"}
    rates: list[tuple[float, float]] = []
    with httpx.Client(trust_env=False) as client:
        for _ in range(rounds + 1):
            for _ in range(leads):
                put_one(outbox)
            began = time.perf_counter()
            counts = fprom.drain()
            ours = leads / (time.perf_counter() - began)
            check(counts["sent"] == leads)
            began = time.perf_counter()
            for _ in range(leads):
                answer = client.post(f"{url}/signup", headers=headers, json=LEAD.to_json())
                check(answer.is_success and "id" in answer.json())
            rates.append((ours, leads / (time.perf_counter() - began)))
    fprom.close()
    outbox.database.close()
    ours, theirs = (median(pair[side] for pair in rates[1:]) for side in (0, 1))
    ratio = median(one / two for one, two in rates[1:])
    return Row(
        "drain : bare pooled httpx loop",
        f"{ours:.0f} /s",
        f"{theirs:.0f} /s",
        ratio,
        least=0.8,
    )


def measure_memory(folder: Path, url: str, leads: int) -> Row:
    """Compare the memory after a tenth of the leads with that after all of them."""
    fprom = open_fprom(folder, "memory.db", url)
    part = leads // 10
    taken = []
    for _ in range(10):
        for _ in range(part):
            fprom.track_signup(CONTEXT, uid=next(numbers))
        fprom.drain()
        taken.append(resident())
    fprom.close()
    ratio = taken[-1] / taken[0]
    return Row(
        f"memory after {leads:,} leads : after {part:,}",
        f"{taken[-1] / MEGABYTE:.1f} MB",
        f"{taken[0] / MEGABYTE:.1f} MB",
        ratio,
        most=1.05,
    )


def resident() -> int:
    """Return this process's resident memory in kilobytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


async def serve() -> None:
    """Answer every call at once, and print the port."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}"
    reply = head.encode() + b"\r\n\r\n" + ANSWER

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await reader.readuntil(b"\r\n\r\n")
                length = header.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def check(right: bool) -> None:
    """Stop a measurement of the wrong thing."""
    if not right:
        msg = "the server did not take every lead"
        raise AssertionError(msg)


def print_table(rows: list[Row]) -> None:
    """Print what was measured beside its goal."""
    wide = max(len(row.what) for row in rows)
    print(f"{'':{wide}}{'ours':>11}{'theirs':>11}{'ratio':>8}  goal")
    for row in rows:
        print(f"{row.what:{wide}}{row.ours:>11}{row.theirs:>11}{row.ratio:8.2f}  {row.goal}")


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=100_000, help="for the memory")
    parser.add_argument(
        "--server", action="append", default=[], help="URL of an empty database; --rows / 10 there"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    # What httpx and the drain would say of each call is no part of the measurement.
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        server = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - this very file
                [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
            )
        )
        stack.callback(server.kill)
        port = server.stdout.readline() if server.stdout else ""
        url = f"http://127.0.0.1:{int(port)}"
        print_table(
            [
                measure_enqueue(folder, options.rounds),
                *measure_backlog(folder, options.rounds, options.rows),
                *itertools.chain.from_iterable(
                    measure_backlog(folder, options.rounds, options.rows // 10, url)
                    for url in options.server
                ),
                measure_drain(folder, url, max(3, options.rounds // 10), 2000),
                measure_memory(folder, url, options.leads),
            ]
        )


if __name__ == "__main__":
    main()
