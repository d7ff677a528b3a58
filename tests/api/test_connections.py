"""Connections: kept, closed by the other side, forked, and let go of."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest

from fprom_middleware import Lead, Status
from fprom_middleware.api.client import TrackingApi
from fprom_middleware.api.transport import DeadlineTransport, deadline
from tests.api.conftest import NO_ANSWER, calling
from tests.support.accounts import make_settings
from tests.support.misbehaving import PATIENCE, SENT, answer, compose, say, serving

if TYPE_CHECKING:
    from tests.support.misbehaving import Talk


def test_calls_share_a_connection(lead: Lead) -> None:
    """Ten calls, one handshake."""
    with serving(answer(200, SENT)) as server, calling(server.url) as call:
        assert {call(lead).status for _ in range(10)} == {Status.SENT}
        assert len(server.talks) == 1


def test_a_connection_that_the_server_closed_is_not_used_again(lead: Lead) -> None:
    """What is known to be closed when a call begins costs that call nothing."""
    closed = threading.Event()

    def answer_and_close(talk: Talk) -> None:
        talk.read()
        talk.send(compose(200, SENT))
        talk.close()
        closed.set()

    with serving(answer_and_close) as server, calling(server.url) as call:
        for _ in range(3):
            assert call(lead).status is Status.SENT
            assert closed.wait(PATIENCE)
            closed.clear()
        assert len(server.talks) == 3


def test_a_connection_that_closes_under_a_call_is_network(lead: Lead) -> None:
    """Nobody can tell whether such a lead arrived, so it is not sent a second time at once.

    With the outbox it is due again later, and 422 then says that it had arrived.
    """
    with serving(answer(200, SENT), say()) as server, calling(server.url) as call:
        assert call(lead).status is Status.SENT
        assert call(lead) == NO_ANSWER
        assert len(server.requests) == 2


def test_an_answer_that_says_close_is_believed(lead: Lead) -> None:
    """`Connection: close` ends the connection, not the account."""
    behave = answer(200, SENT, {"Connection": "close"})
    with serving(behave) as server, calling(server.url) as call:
        assert [call(lead).status for _ in range(2)] == [Status.SENT] * 2
        assert len(server.talks) == 2


def test_many_threads_share_the_pool(lead: Lead) -> None:
    """Fifty calls at once neither wait for each other nor mix up."""
    together = threading.Barrier(50)

    def wait_for_all(talk: Talk) -> None:
        talk.read()
        together.wait(PATIENCE)
        talk.send(compose(200, SENT))

    with serving(wait_for_all) as server:
        api = TrackingApi(make_settings(base_url=server.url))
        outcomes: list[Status] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(api.send(lead).status))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        api.close()
    assert outcomes == [Status.SENT] * 50


def test_closing_ends_the_connections_and_not_the_object(lead: Lead) -> None:
    """Closed twice and used again, over a new connection."""
    gone = threading.Event()

    def answer_and_wait(talk: Talk) -> None:
        talk.read()
        talk.send(compose(200, SENT))
        # What is left of the connection is its end.
        assert talk.socket.recv(1) == b""
        gone.set()

    with serving(answer_and_wait) as server:
        for _ in range(2):
            with calling(server.url) as call:
                assert call(lead).status is Status.SENT
            assert gone.wait(PATIENCE)
            gone.clear()


def test_close_before_any_call_and_again(lead: Lead) -> None:
    """Nothing was opened, nothing is closed; afterwards everything works."""
    with serving(answer(200, SENT)) as server:
        api = TrackingApi(make_settings(base_url=server.url))
        api.close()
        assert api.send(lead).status is Status.SENT
        api.close()
        api.close()
        assert api.send(lead).status is Status.SENT
        api.close()
        assert len(server.talks) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes_through(lead: Lead, error: type[BaseException]) -> None:
    """Only an Exception is an outcome."""

    def explode(request: httpx.Request) -> httpx.Response:
        raise error

    transport = httpx.MockTransport(explode)
    settings = make_settings(base_url="https://api.invalid")
    with pytest.raises(error):
        TrackingApi(settings, client=httpx.Client(transport=transport)).send(lead)


class JobLimitError(Exception):
    """What a job runner of its own would raise."""


@pytest.mark.parametrize("limit", [JobLimitError, TimeoutError, ConnectionError, OSError])
def test_a_job_s_time_limit_goes_up(lead: Lead, limit: type[Exception]) -> None:
    """Raised by a signal handler while the API hangs, of whatever type; the next call works."""
    raised: list[bool] = []

    def end_the_job(*_: object) -> None:
        if not raised:
            raised.append(True)
            raise limit

    def hang_past_the_limit(talk: Talk) -> None:
        talk.read()
        # One that comes just before the reading begins would be heard only at its end.
        while not raised:
            time.sleep(0.05)
            signal.pthread_kill(caller, signal.SIGALRM)
        no_more.set()
        talk.server.stopped.wait(PATIENCE)

    caller, no_more = threading.get_ident(), threading.Event()

    with serving(hang_past_the_limit, answer(200, SENT)) as server, calling(server.url) as call:
        before = signal.signal(signal.SIGALRM, end_the_job)
        try:
            with pytest.raises(limit):
                call(lead)
        finally:
            assert no_more.wait(PATIENCE)
            signal.signal(signal.SIGALRM, before)
        assert call(lead).status is Status.SENT


def test_a_client_that_is_closed_meanwhile_is_network(lead: Lead) -> None:
    """Another thread closes the account, at the end of the process."""
    with serving(answer(200, SENT)) as server:
        client = httpx.Client()
        client.close()
        api = TrackingApi(make_settings(server.url), client=client)
        assert api.send(lead) == NO_ANSWER


FORK = """
import os, sys
from fprom_middleware import Fprom, FpromSettings, TrackingContext

fprom = Fprom(FpromSettings(
    api_key="k" * 20, account_id="a", base_url=sys.argv[1], delivery="inline"
))
def call(who):
    assert fprom.track_signup(TrackingContext(tid="t"), uid=who).status == "sent", who
call("parent before")
child = os.fork()
if not child:
    call("child")
    call("child again")
    fprom.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
call("parent after")
fprom.close()
"""


def test_a_forked_child_opens_its_own_connection() -> None:
    """Parent and child never write into one socket, and the child's end closes no one else's."""
    with serving(answer(200, SENT)) as server:
        command = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", FORK]
        done = subprocess.run(
            [*command, server.url], check=False, timeout=60, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        used = {request.json["uid"]: request.connection for request in server.requests}
    assert used == {"parent before": 1, "child": 2, "child again": 2, "parent after": 1}


def test_threads_share_one_pool(lead: Lead) -> None:
    """The first to arrive opens it, the others wait for it."""
    with serving(answer(200, SENT)) as server:
        api = TrackingApi(make_settings(base_url=server.url))
        clients = []
        with api._lock:
            threads = [
                threading.Thread(target=lambda: clients.append(api._client())) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
        assert api.send(lead).status is Status.SENT
        assert len({id(client) for client in clients}) == 1
        api.close()


def test_a_deadline_that_has_passed_opens_nothing() -> None:
    """Whoever waited too long for the pool does not begin to connect."""
    with (
        serving(answer(200, SENT)) as server,
        httpx.Client(transport=DeadlineTransport()) as client,
    ):
        with deadline(-1), pytest.raises(httpcore.ConnectTimeout, match="deadline"):
            client.get(server.url)
        assert client.get(server.url).status_code == 200
        assert len(server.talks) == 1


def test_the_transport_works_without_a_deadline() -> None:
    """Outside a `deadline` block httpx's own time-outs hold."""
    with (
        serving(answer(200, SENT)) as server,
        httpx.Client(transport=DeadlineTransport()) as client,
    ):
        assert client.get(server.url, timeout=None).status_code == 200
        assert client.get(server.url, timeout=20).json()["etype"] == "signup"
        assert len(server.talks) == 1
