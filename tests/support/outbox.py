"""What the tests of the outbox share: a clock, an API, leads, and programs in other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from fprom_middleware import Fprom, FpromSettings, Lead, TrackingContext
from fprom_middleware.outbox.database import Database
from fprom_middleware.outbox.retry import decide
from fprom_middleware.outbox.store import Answer, Outbox
from fprom_middleware.outbox.urls import outbox_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fprom_middleware.api.protocol import Outcome
    from fprom_middleware.outbox.store import Claimed

    Says = int | httpx.Response | Exception

ROOT = Path(__file__).resolve().parents[2]
START = 1_800_000_000.0
KEY = "key-of-the-account"
ACCOUNT = "account-7"


class Clock:
    """A clock that a test winds by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time pass, or take it back."""
        self.now += seconds


@dataclass(frozen=True)
class Seen:
    """One call that the API received."""

    at: float
    body: dict[str, Any]
    raw: bytes


class Api:
    """FirstPromoter at the edge of httpx: it answers as told and keeps the books."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seen: list[Seen] = []
        self.says: Says | Callable[[Seen], Says] = 200
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), trust_env=False)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        call = Seen(self._clock(), json.loads(request.content), request.content)
        self.seen.append(call)
        answer = self.says(call) if callable(self.says) else self.says
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, json={"id": 1})
        return answer

    @property
    def uids(self) -> list[str]:
        """Whose sign-ups were received, in order."""
        return [call.body["uid"] for call in self.seen]

    def busiest(self, seconds: float = 60.0) -> int:
        """Count the calls of the busiest stretch of so many seconds."""
        times = sorted(call.at for call in self.seen)
        most = first = 0
        for last, at in enumerate(times):
            while times[first] <= at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def make_settings(url: str, **more: Any) -> FpromSettings:
    """Settings of an account whose outbox is at a URL, drained by hand."""
    given: dict[str, Any] = {"worker": "none", "api_key": KEY, "account_id": ACCOUNT}
    return FpromSettings(**(given | {"outbox_url": url} | more))


def make_outbox(
    url: str,
    clock: Callable[[], float],
    *,
    account: str = ACCOUNT,
    rate_limit: int = 300,
    timeout: float = 10.0,
) -> Outbox:
    """Open an outbox with connections of its own, as another process would."""
    return Outbox(
        Database(outbox_url(url), account),
        account=account,
        clock=clock,
        rate_limit=rate_limit,
        timeout=timeout,
    )


def answers(claimed: Sequence[Claimed], outcome: Outcome, at: float) -> list[Answer]:
    """Say that the same came of all these leads, as a drain does."""
    return [
        Answer(
            item,
            outcome,
            at,
            decide(outcome, attempts=item.attempts, not_found_count=item.not_found_count, now=at),
        )
        for item in claimed
    ]


def make_lead(uid: object = 1) -> Lead:
    """Return one of many leads."""
    return Lead(uid=str(uid), tid="tid-of-a-visitor", created_at=datetime.fromtimestamp(START, UTC))


def make_leads(count: int) -> Iterator[Lead]:
    """Return many leads."""
    return (make_lead(number) for number in range(count))


VISITOR = TrackingContext(tid="tid-of-a-visitor", ip="203.0.113.9")


def sign_up(fprom: Fprom, count: int = 1) -> None:
    """Hand in so many sign-ups, each of which must be written."""
    for number in range(count):
        assert fprom.track_signup(VISITOR, uid=number).durable


def eventually(true: Callable[[], object], *, within: float = 20.0) -> bool:
    """Wait until something is true; the bound is generous, for a slow machine."""
    ends = time.monotonic() + within
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def becomes(look: Callable[[], object], value: object, *, within: float = 20.0) -> bool:
    """Wait until something has a value."""
    return eventually(lambda: look() == value, within=within)


def start_program(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start a Python program in a process of its own."""
    known = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=known | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(code: str, *arguments: object, within: float = 60.0, **environment: str) -> str:
    """Run a Python program to its end and return what it printed."""
    with start_program(code, *arguments, **environment) as process:
        try:
            out, err = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, err
    return out
