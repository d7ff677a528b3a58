"""Visitors that sign up, buy and leave, and what they were told."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.support.waiting import PATIENCE, eventually
from tests.system.faults.double import name_event

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Answer:
    """What one visitor saw.

    Attributes:
        name: The event.
        began: When the request began, monotonic.
        seconds: How long it took.
        inside: Seconds that the call took of it.
        durable: What the receipt said.
    """

    name: str
    began: float
    seconds: float
    inside: float
    durable: bool


class Load:
    """A number of visitors at a time, each of whom signs up again and again as somebody new.

    Args:
        port: Of the app, on the loopback address; may be changed on the way.
        visitors: How many at a time.
        most: Sign-ups at the most; they end by themselves then.
        rate: Sign-ups a second at the most.
        name: What the leads' names begin with.
        tid: The visitor id; without one every sign-up is organic and nothing is tracked.
        kinds: What each of them does, one after the other, for as long as the answer is that the
            last was durable: what waits in memory has its place once it is written.
    """

    def __init__(
        self,
        port: int,
        *,
        visitors: int = 8,
        most: int = 100_000,
        rate: float | None = None,
        name: str = "lead",
        tid: str | None = "visitor",
        kinds: Sequence[str] = ("signup",),
    ) -> None:
        self.port = port
        self.answers: list[Answer] = []
        self.failed: list[str] = []
        self.unanswered = 0
        self._name = name
        self._most = most
        self._kinds = kinds
        self._rate = rate
        self._headers = {"Cookie": f"_fprom_tid={tid}"} if tid else {}
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._began = 0.0
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(visitors)]

    @property
    def acknowledged(self) -> set[str]:
        """The events that a visitor was told are durable."""
        return {answer.name for answer in self.answers if answer.durable}

    @property
    def held(self) -> set[str]:
        """The events that a visitor was told are in memory only."""
        return {answer.name for answer in self.answers if not answer.durable}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Begin no further sign-up, and wait for those on their way."""
        self._ended.set()
        self.join()

    def join(self, seconds: float = 60.0) -> None:
        """Wait until all have signed up."""
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "a visitor still waits"

    def wait_for(self, answers: int, *, within: float = PATIENCE) -> None:
        """Wait until so many were answered."""
        assert eventually(lambda: len(self.answers) >= answers, within=within), (
            f"{len(self.answers)} of {answers}: {self.failed[:3]}"
        )

    def _visit(self) -> None:
        while not self._ended.is_set():
            number = next(self._numbers)
            if number >= self._most:
                return
            if self._rate is not None:
                due = self._began + number / self._rate
                if self._ended.wait(max(0.0, due - time.monotonic())):
                    return
            uid = f"{self._name}-{number}"
            for kind in self._kinds:
                if not self._track(kind, uid) or self._ended.is_set():
                    break

    def _track(self, kind: str, uid: str) -> bool:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", f"/{kind}?id={uid}", headers=self._headers)
            reply = connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException):
            # The server was killed: nobody was told anything.
            self.unanswered += 1
            time.sleep(0.02)
            return False
        finally:
            connection.close()
        seconds = time.monotonic() - began
        if reply.status != http.client.OK:
            self.failed.append(f"{reply.status} {body[:80]!r}")
            return False
        status, durable, inside = json.loads(body)
        if status not in {"queued", "skipped"}:
            self.failed.append(status)
        self.answers.append(Answer(name_event(kind, uid), began, seconds, inside, durable))
        return bool(durable)


def percentile(figures: list[float], part: float) -> float:
    """Return the figure below which so great a part of all lies."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
