"""Connections: kept, closed by the other side, forked, and let go of."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import httpcore
import httpx
import pytest
import trio

from fprom_middleware import Fprom, Lead, Status, TrackingContext
from fprom_middleware.api.client import TrackingApi
from fprom_middleware.api.protocol import NO_ANSWER
from fprom_middleware.api.transport import DeadlineTransport, deadline
from tests.api.conftest import make_settings
from tests.support.misbehaving import PATIENCE, SENT, answer, compose, hang, say, serving

if TYPE_CHECKING:
    from tests.api.conftest import Calling
    from tests.support.misbehaving import Talk


def test_calls_share_a_connection(calling: Calling, lead: Lead) -> None:
    """Ten calls, one handshake."""
    with serving(answer(200, SENT)) as server, calling(server.url) as call:
        assert {call(lead).status for _ in range(10)} == {Status.SENT}
        assert len(server.talks) == 1


def test_a_connection_that_the_server_closed_is_not_used_again(
    calling: Calling, lead: Lead
) -> None:
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


def test_a_connection_that_closes_under_a_call_is_network(calling: Calling, lead: Lead) -> None:
    """Nobody can tell whether such a lead arrived, so it is not sent a second time at once.

    With the outbox it is due again later, and 422 then says that it had arrived.
    """
    with serving(answer(200, SENT), say()) as server, calling(server.url) as call:
        assert call(lead).status is Status.SENT
        assert call(lead) == NO_ANSWER
        assert len(server.requests) == 2


def test_an_answer_that_says_close_is_believed(calling: Calling, lead: Lead) -> None:
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
        api = TrackingApi(make_settings(server.url))
        outcomes: list[Status] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(api.signup(lead).status))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        api.close()
    assert outcomes == [Status.SENT] * 50


def test_closing_ends_the_connections_and_not_the_object(calling: Calling, lead: Lead) -> None:
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
        api = TrackingApi(make_settings(server.url))
        api.close()
        assert api.signup(lead).status is Status.SENT
        api.close()
        api.close()
        assert api.signup(lead).status is Status.SENT
        api.close()
        assert len(server.talks) == 2


@pytest.mark.anyio
async def test_aclose_closes_both_sides(lead: Lead) -> None:
    """The event loop's connections and the threads', once and again."""
    with serving(answer(200, SENT)) as server:
        api = TrackingApi(make_settings(server.url))
        await api.aclose()
        for _ in range(2):
            assert (await api.signup_async(lead)).status is Status.SENT
            assert (await anyio.to_thread.run_sync(api.signup, lead)).status is Status.SENT
            await api.aclose()
            await api.aclose()
        assert len(server.talks) == 4


LOOPS: dict[str, Any] = {"asyncio": asyncio.run, "trio": trio.run}


@pytest.mark.parametrize("second", LOOPS)
@pytest.mark.parametrize("first", LOOPS)
def test_one_object_serves_one_loop_after_the_other(lead: Lead, first: str, second: str) -> None:
    """A connection belongs to its loop; the next loop opens its own."""
    with serving(answer(200, SENT)) as server:
        fprom = Fprom(make_settings(server.url))

        async def sign_up() -> Status:
            context = TrackingContext(tid=lead.tid)
            return (await fprom.track_signup_async(context, lead.email)).status

        async def sign_up_and_close() -> Status:
            status = await sign_up()
            await fprom.aclose()
            return status

        assert LOOPS[first](run(sign_up_and_close, first)) is Status.SENT
        assert LOOPS[second](run(sign_up_and_close, second)) is Status.SENT
        assert len(server.talks) == 2


def run(function: Any, kind: str) -> Any:
    """Return what the loop's `run` takes: a coroutine, or a function that makes one."""
    return function() if kind == "asyncio" else function


def test_a_loop_that_ended_unclosed_does_not_harm_the_next(lead: Lead) -> None:
    """Who forgets aclose() gets Python's own warning, and the next loop works."""
    with serving(answer(200, SENT)) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        api = TrackingApi(make_settings(server.url))
        for _ in range(3):
            assert asyncio.run(api.signup_async(lead)).status is Status.SENT
        assert len(server.talks) == 3
        # Whatever is left complains here, where complaints are ignored.
        gc.collect()


@pytest.mark.anyio
async def test_a_cancellation_passes_through(lead: Lead) -> None:
    """Who cancels the view cancels the call; it is no outcome."""
    with serving(hang) as server:
        api = TrackingApi(make_settings(server.url))
        outcome = None
        with anyio.move_on_after(0.3) as scope:
            outcome = await api.signup_async(lead)
        assert scope.cancelled_caught
        assert outcome is None
        await api.aclose()


@pytest.mark.anyio
async def test_a_cancellation_in_the_handshake_leaves_no_socket(lead: Lead) -> None:
    """A socket that is half-way through TLS is closed, not left to the collector."""
    gone = threading.Event()

    def never_shake_hands(talk: Talk) -> None:
        while talk.socket.recv(65_536):
            pass
        gone.set()

    with serving(never_shake_hands) as server:
        api = TrackingApi(make_settings(server.url.replace("http:", "https:")))
        with anyio.move_on_after(0.3) as scope:
            await api.signup_async(lead)
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(gone.wait, PATIENCE)
        await api.aclose()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes_through(lead: Lead, error: type[BaseException]) -> None:
    """Only an Exception is an outcome."""

    def explode(request: httpx.Request) -> httpx.Response:
        raise error

    transport = httpx.MockTransport(explode)
    settings = make_settings("https://api.invalid")
    with pytest.raises(error):
        TrackingApi(settings, client=httpx.Client(transport=transport)).signup(lead)
    api = TrackingApi(settings, async_client=httpx.AsyncClient(transport=transport))
    with pytest.raises(error):
        asyncio.run(api.signup_async(lead))


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
        api = TrackingApi(make_settings(server.url))
        clients = []
        with api._lock:
            threads = [
                threading.Thread(target=lambda: clients.append(api._client())) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
        assert api.signup(lead).status is Status.SENT
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
