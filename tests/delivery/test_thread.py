"""The background thread: when it starts, wakes, waits and ends."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Fprom
from fprom_middleware.delivery.base import StartHint
from fprom_middleware.delivery.durable import GRACE_SECONDS, OutboxDelivery
from fprom_middleware.delivery.loop import (
    COMMIT_WAIT,
    LONG_SLEEP_SECONDS,
    SHORT_SLEEP_SECONDS,
    DrainLoop,
)
from fprom_middleware.delivery.thread import DrainThread
from fprom_middleware.delivery.waiting import WaitingQueue
from fprom_middleware.outbox.stats import no_counts
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.wsgi import FpromMiddleware
from tests.support.accounts import make_outbox, make_settings
from tests.support.leads import VISITOR, make_lead, put_leads, sign_up
from tests.support.programs import run_program
from tests.support.waiting import becomes, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.api import Api
    from tests.support.clock import Clock


class StandIn:
    """Stands in for a delivery and its outbox: it counts, and fails when told to."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.outbox = self
        self.stopping = threading.Event()
        self.waiting = WaitingQueue()
        self.due: float | None = None
        self.drained = 0
        self.broken: Exception | None = None

    def drain(self, **how: Any) -> dict[str, int]:
        """Count, or fail."""
        self.drained += 1
        if self.broken is not None:
            raise self.broken
        counts = {**no_counts(), "sent": 1}
        how["on_progress"](counts)
        return counts

    def next_due(self) -> float | None:
        """Answer as told."""
        return self.due


@pytest.fixture
def stand_in(clock: Clock) -> StandIn:
    """A delivery with nothing to do."""
    return StandIn(clock)


@pytest.fixture
def worker(stand_in: StandIn) -> Iterator[DrainThread]:
    """A thread that is not started yet."""
    delivery: Any = stand_in
    worker = DrainThread(delivery, StartHint(wanted=True))
    yield worker
    if worker._thread.ident is not None:
        worker.stop(10)


@pytest.fixture
def live(sqlite_url: str, api: Api) -> Iterator[Fprom]:
    """An account with a thread, on the machine's own clock."""
    fprom = Fprom(make_settings(sqlite_url, worker="thread"), client=api.client)
    yield fprom
    fprom.close()


def threads() -> list[threading.Thread]:
    """List the drain threads of this process."""
    return [thread for thread in threading.enumerate() if thread.name == "fprom-drain"]


def request(fprom: Fprom) -> None:
    """Send one request through the middleware."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    FpromMiddleware(app, fprom)({"REMOTE_ADDR": "203.0.113.9"}, lambda *_: lambda _: None)


# The loop


def test_a_round_drains_and_sleeps(worker: DrainThread, stand_in: StandIn) -> None:
    """Once at the start; then nothing happens while nothing is due."""
    worker.start()

    assert eventually(lambda: stand_in.drained)
    time.sleep(0.2)
    assert stand_in.drained == 1


def test_a_wake_up_is_heeded_at_once(worker: DrainThread, stand_in: StandIn) -> None:
    """Far sooner than the half minute it would sleep."""
    worker.start()
    for expected in (1, 2, 3):
        assert becomes(lambda: stand_in.drained, expected)
        worker.loop.wake()
    assert eventually(lambda: stand_in.drained == 4, within=LONG_SLEEP_SECONDS / 2)


def test_a_wake_up_during_the_round_is_not_lost(
    worker: DrainThread, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came too late for this round gets one of its own."""

    def drain(**_: object) -> dict[str, int]:
        stand_in.drained += 1
        if stand_in.drained == 1:
            worker.loop.wake()
        return no_counts()

    monkeypatch.setattr(stand_in, "drain", drain)
    worker.start()
    assert eventually(lambda: stand_in.drained == 2, within=LONG_SLEEP_SECONDS / 2)


def test_it_sleeps_until_something_is_due(worker: DrainThread, clock: Clock) -> None:
    """By the given clock, half a minute at the most: others may write to the same outbox."""
    sleep = worker.loop._sleep

    assert sleep(None) == LONG_SLEEP_SECONDS
    assert sleep(clock.now + 5) == 5.0
    assert sleep(clock.now - 5) == 0.0
    assert sleep(clock.now + 6 * 3600) == LONG_SLEEP_SECONDS


def test_it_looks_often_while_a_caller_may_commit(
    worker: DrainThread, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times a second for ten seconds after a sign-up with session=."""
    now, loop = [1000.0], worker.loop
    monkeypatch.setattr("fprom_middleware.delivery.loop.time.monotonic", lambda: now[0])
    loop.wake(expect_commit=True)
    assert loop._sleep(None) == SHORT_SLEEP_SECONDS
    assert loop._sleep(clock.now + 0.1) == pytest.approx(0.1)
    loop.wake()
    now[0] += COMMIT_WAIT
    assert loop._sleep(None) == LONG_SLEEP_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError("canary"), RuntimeError("canary")])
def test_an_error_is_logged_waited_for_and_survived(
    worker: DrainThread, stand_in: StandIn, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The database is away: half a second later, or at once when woken, it tries again."""
    stand_in.broken = error
    worker.start()
    assert eventually(lambda: stand_in.drained == 2)
    stand_in.broken = None
    worker.loop.wake()
    assert eventually(lambda: stand_in.drained == 3)

    assert f"The outbox cannot be drained ({type(error).__name__})." in caplog.messages
    assert "canary" not in caplog.text


def test_a_loop_can_be_watched_and_ended_from_outside(stand_in: StandIn) -> None:
    """As a command does: all calls so far, round after round, until its own event is set."""
    stop, seen = threading.Event(), list[int]()

    def note(counts: dict[str, int]) -> None:
        seen.append(counts["sent"])
        if len(seen) == 3:
            stop.set()

    delivery: Any = stand_in
    loop = DrainLoop(delivery, stop=stop, on_progress=note, longest_sleep=0.01)

    assert loop.run() == {**no_counts(), "sent": 3}
    assert seen == [1, 2, 3]
    assert not stand_in.stopping.is_set()


def test_stopping_from_its_own_thread_does_not_wait_for_itself(
    worker: DrainThread, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook may close the account."""

    def drain(**_: object) -> dict[str, int]:
        worker.stop(60)
        return no_counts()

    monkeypatch.setattr(stand_in, "drain", drain)
    worker.start()
    worker._thread.join(10)
    assert not worker._thread.is_alive()


# In an app


def test_it_starts_with_the_first_request(live: Fprom, sqlite_url: str, api: Api) -> None:
    """A crashed process may have left rows; nobody has signed up since."""
    left = make_outbox(sqlite_url, time.time)
    put_leads(left, make_lead("left"))
    left.database.close()
    before = len(threads())
    request(live)
    request(live)

    assert eventually(lambda: api.uids == ["left"])
    assert len(threads()) == before + 1


def test_no_thread_where_the_settings_want_none(sqlite_url: str, api: Api) -> None:
    """FPROM_WORKER=none: something else drains."""
    before = len(threads())
    fprom = Fprom(make_settings(sqlite_url, worker="none"), client=api.client)
    request(fprom)
    sign_up(fprom)

    assert len(threads()) == before
    assert fprom.stats().pending == 1
    fprom.close()


def test_a_sign_up_starts_and_wakes_it(live: Fprom, api: Api) -> None:
    """Each lead is sent at once, not at the next look half a minute later."""
    for number in range(3):
        assert live.track_signup(VISITOR, uid=number).durable
        assert becomes(lambda: len(api.seen), number + 1, within=15)
        assert eventually(lambda: live.stats().pending == 0)


@pytest.mark.slow
def test_it_ends_in_time_while_a_call_hangs(live: Fprom, api: Api, sqlite_url: str) -> None:
    """`close` waits two seconds for the call in flight; the lead is safe in its row."""
    hanging, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> int:
        hanging.set()
        go_on.wait(60)
        return 200

    api.says = hang
    sign_up(live, 3)
    assert hanging.wait(20)
    (thread,) = threads()
    delivery = live.delivery
    began = time.monotonic()
    live.close()
    waited = time.monotonic() - began
    outbox = make_outbox(sqlite_url, time.time)
    pending = outbox.stats().pending
    go_on.set()
    thread.join(20)

    # A busy machine adds to it; the call itself would hang for a minute.
    assert waited < GRACE_SECONDS + 20
    assert pending == 3
    assert not thread.is_alive()
    # The call that did end is settled, and nothing more was begun.
    assert (outbox.stats().pending, len(api.seen)) == (2, 1)
    outbox.database.close()
    delivery.close()


def test_it_ends_at_once_while_it_sleeps(live: Fprom) -> None:
    """No deploy waits for an idle thread."""
    request(live)
    assert eventually(threads)
    (thread,) = threads()
    live.close()

    assert not thread.is_alive()


def test_a_closed_account_can_be_used_again(live: Fprom, api: Api) -> None:
    """With a new thread; closing twice does no harm."""
    sign_up(live)
    assert eventually(lambda: len(api.seen) == 1)
    live.close()
    live.close()
    assert not threads()
    sign_up(live)
    assert eventually(lambda: len(api.seen) == 2)


def test_two_threads_start_one_worker(live: Fprom) -> None:
    """The first requests of a process come together."""
    delivery = live.delivery
    assert isinstance(delivery, OutboxDelivery)
    with delivery._lock:
        starters = [threading.Thread(target=delivery.start) for _ in range(4)]
        for starter in starters:
            starter.start()
        time.sleep(0.05)
    for starter in starters:
        starter.join()

    assert len(threads()) == 1


def test_a_thread_that_cannot_be_started_fails_neither_request_nor_sign_up(
    live: Fprom, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process is out of threads: the log says so, and the next sign-up starts one."""

    def refuse(_self: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", refuse)
        request(live)
        sign_up(live)
    assert caplog.messages == ["The outbox's thread could not be started: RuntimeError."] * 2
    sign_up(live)
    assert eventually(lambda: len(api.seen) == 2)


@pytest.mark.parametrize(
    "error", [SystemExit, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, RuntimeError]
)
def test_no_hook_ends_it(
    sqlite_url: str, api: Api, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises: the lead is settled, the next one is sent by the same thread."""

    def hook(*_: object) -> None:
        raise error("canary")

    fprom = Fprom(make_settings(sqlite_url, worker="thread", on_outcome=hook), client=api.client)
    for number in range(3):
        sign_up(fprom)
        assert becomes(lambda: fprom.stats().pending, 0)
        assert len(api.seen) == number + 1
    assert len(threads()) == 1
    fprom.close()

    assert fprom.stats().hook_errors >= 3
    assert caplog.text.count(f"FPROM_ON_OUTCOME raised {error.__name__}") == 3
    assert "has died" not in caplog.text
    assert "canary" not in caplog.text
    fprom.close()


def die(live: Fprom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the drain thread of an account end by what no one expects."""

    def end(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(OutboxDelivery, "drain", end)
        request(live)
        (thread,) = threads() or [threading.Thread()]
        if thread.ident is not None:
            thread.join(60)
    assert not threads()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("by", ["request", "sign-up"])
def test_a_dead_thread_is_replaced(
    *,
    live: Fprom,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: str,
) -> None:
    """At the next request or sign-up, whatever it died of, and that is said."""
    die(live, monkeypatch)
    sign_up_elsewhere(live)
    monkeypatch.setattr("fprom_middleware.delivery.durable.time.monotonic", lambda: 1e9)
    if by == "request":
        request(live)
    else:
        sign_up(live)

    assert eventually(lambda: "elsewhere" in api.uids)
    assert "The outbox's thread has died: a new one takes its place." in caplog.messages


def sign_up_elsewhere(live: Fprom) -> None:
    """Another process writes a row."""
    outbox = make_outbox(live.settings.outbox_url, time.time)
    put_leads(outbox, make_lead("elsewhere"))
    outbox.database.close()


def test_two_event_loops_one_after_the_other(live: Fprom, api: Api) -> None:
    """The thread belongs to no loop."""

    async def two(first: int) -> None:
        for number in (first, first + 1):
            assert (await live.track_signup_async(VISITOR, uid=number)).durable

    asyncio.run(two(0))
    asyncio.run(two(2))
    assert eventually(lambda: sorted(api.uids) == ["0", "1", "2", "3"])


@pytest.mark.slow
def test_a_database_that_is_away_for_a_while_is_drained_when_it_is_back(
    live: Fprom, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buffered leads are written and sent without another sign-up."""

    def refuse(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", refuse)
        assert not live.track_signup(VISITOR, uid=1).durable
        assert live.stats().not_durable == 1
    assert eventually(lambda: api.uids == ["1"])
    assert eventually(lambda: live.stats().pending == 0)


# In other processes

PROGRAM = """
import atexit, os, sys, time
import httpx
from fprom_middleware import Fprom
from tests.support.accounts import make_settings
from tests.support.leads import VISITOR
from tests.support.waiting import eventually
url, sent = sys.argv[1], []
def answer(request):
    sent.append(request)
    return httpx.Response(200, json={})
fprom = Fprom(make_settings(url, worker="thread"),
              client=httpx.Client(transport=httpx.MockTransport(answer)))
"""

FORKED = (
    PROGRAM
    + """
assert fprom.track_signup(VISITOR, uid="parent").durable
assert eventually(lambda: len(sent) == 1)
inherited = fprom._current._delivery
locks = [inherited.stopping._cond, inherited._lock, fprom._current._lock]
for lock in locks:
    lock.acquire()
child = os.fork()
if not child:
    assert fprom.needs_start
    assert fprom.track_signup(VISITOR, uid="child").durable
    assert fprom._current._delivery is not inherited
    assert fprom._current._delivery._thread._thread.is_alive()
    # By the parent's thread, where that one was faster.
    assert eventually(lambda: fprom.stats().pending == 0)
    sys.exit(0)
for lock in locks:
    lock.release()
assert eventually(lambda: os.waitpid(child, os.WNOHANG) == (child, 0))
assert fprom.track_signup(VISITOR, uid="parent again").durable
assert eventually(lambda: fprom.stats().pending == 0)
print("done")
"""
)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_gets_its_own(database_url: str) -> None:
    """Its thread, connections and locks; at its exit it does not wait for its parent's."""
    assert run_program(FORKED, database_url) == "done\n"


GREEN = (
    """
from gevent import monkey
monkey.patch_all()
import threading, gevent
from fprom_middleware import FpromOutboxError
"""
    + PROGRAM
    + """
def sign_up(number):
    # On a busy machine not all of them are written within the bound, and some wait in memory.
    assert fprom.track_signup(VISITOR, uid=number).status == "queued"
gevent.joinall([gevent.spawn(sign_up, number) for number in range(20)], raise_error=True)
def settled():
    try:
        return fprom.stats().pending == 0
    except FpromOutboxError:
        return False
assert eventually(lambda: len(sent) == 20), len(sent)
assert eventually(settled)
fprom.close()
print("done")
"""
)


@pytest.mark.slow
def test_under_gevent_it_is_a_greenlet(database_url: str) -> None:
    """Monkey-patched before everything else, as gunicorn's worker does."""
    pytest.importorskip("gevent")
    assert run_program(GREEN, database_url) == "done\n"


EXIT = (
    PROGRAM
    + """
def hang(request):
    print("hanging", flush=True)
    time.sleep(60)
fprom = Fprom(make_settings(url, worker="thread", account_id="hanging"),
              client=httpx.Client(transport=httpx.MockTransport(hang)))
assert fprom.track_signup(VISITOR, uid="1").durable
time.sleep(1)
print(time.monotonic(), flush=True)
"""
)


@pytest.mark.slow
def test_the_end_of_the_process_waits_two_seconds_at_the_most(sqlite_url: str) -> None:
    """With a call in flight that hangs; the row is still there."""
    out = run_program(EXIT, sqlite_url).split()
    ended = time.monotonic()
    outbox = make_outbox(sqlite_url, time.time, account="hanging")

    assert out[0] == "hanging"
    # A busy machine adds to it; the call itself would hang for a minute.
    assert ended - float(out[1]) < GRACE_SECONDS + 20
    assert outbox.stats().pending == 1
    outbox.database.close()
