"""Processes: a fork, a job's time limit, a client that has gone, a cancelled request."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from fprom_middleware import asgi
from fprom_middleware.script_proxy.calls import Route
from fprom_middleware.script_proxy.proxy import _start_afresh
from fprom_middleware.script_proxy.vendor import Vendor
from tests.script_proxy.doors import asgi_app, open_door
from tests.support.accounts import make_settings
from tests.support.misbehaving import hang, serving
from tests.support.programs import run_program
from tests.support.vendor import BROWSER, FORM, PREFIX, SCRIPT, play, script_settings
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.misbehaving import Server

FORKING = """
import os, sys
from fprom_middleware.wsgi import FpromMiddleware
from werkzeug.test import Client

settings = {"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a", "FPROM_DELIVERY": "inline",
            "FPROM_BASE_URL": sys.argv[1], "FPROM_SCRIPT_PROXY": "/partners"}
client = Client(FpromMiddleware(lambda environ, start: [], settings))

def ask():
    script = client.get("/partners/fpr.js")
    form = {"ref_id": "anna"}
    return [script.status_code, client.post("/partners/tr", data=form).status_code]

before = ask()
child = os.fork()
if child == 0:
    print("child", ask(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent", before, ask())
"""


def test_a_child_has_connections_of_its_own(vendor: Server) -> None:
    """It keeps the script, and neither waits for the parent's locks nor uses its sockets."""
    out = run_program(FORKING, vendor.url)

    assert out.count("[200, 200]") == 3
    posts = [request for request in vendor.requests if request.line.startswith("POST")]
    assert len(vendor.requests) - len(posts) == 1
    first, child, again = (request.connection for request in posts)
    assert first == again != child


@pytest.mark.parametrize("of_a_file", [False, True])
def test_what_a_child_begins_with(vendor: Server, tmp_path: Path, of_a_file: bool) -> None:
    """The same without a fork: the script is kept, connections and bounds are new."""
    path = tmp_path / "fpr-prox.js"
    path.write_bytes(SCRIPT)
    more = {"FPROM_SCRIPT_FILE": str(path)} if of_a_file else {}
    with open_door("wsgi", script_settings(vendor, **more)) as ask:
        for _ in range(2):
            assert ask("GET", f"{PREFIX}/fpr.js", BROWSER).body == SCRIPT
            assert ask("POST", f"{PREFIX}/tr", BROWSER, FORM).status == 200
            _start_afresh()

    posts = [request for request in vendor.requests if request.line.startswith("POST")]
    assert len(vendor.requests) - len(posts) == (0 if of_a_file else 1)
    first, second = (request.connection for request in posts)
    assert first != second


class JobTimeoutError(TimeoutError):
    """What a job's time limit raises."""


def test_a_time_limit_of_the_app_s_own_is_not_swallowed() -> None:
    """What a signal handler raises goes up, as it does everywhere."""

    def stop(*_: object) -> None:
        raise JobTimeoutError

    with serving(hang) as server:
        vendor = Vendor(make_settings(base_url=server.url), lambda: True)
        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(JobTimeoutError):
                vendor.post(Route.CLICK, (), FORM)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_what_is_wrong_with_a_call_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's address that cannot be read is no answer; no page fails because of it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://[::1")
    vendor = Vendor(make_settings(), lambda: True)
    reply = vendor.post(Route.CLICK, (), FORM)
    assert (reply.status, reply.error) == (0, "ValueError")


def scope(path: str = f"{PREFIX}/tr", **more: Any) -> dict[str, Any]:
    """What a server makes of the script's call."""
    headers = [(name.lower().encode(), value.encode()) for name, value in BROWSER.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": headers, **more}


class Wire:
    """A server's two callables.

    Args:
        messages: What it hands over, then nothing more.
    """

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._left = list(messages)
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        """Hand the next one over."""
        if not self._left:
            await anyio.sleep_forever()
        return self._left.pop(0)

    async def send(self, message: Any) -> None:
        """Keep what is sent."""
        self.sent.append(message)


@pytest.mark.anyio
async def test_a_client_that_has_gone_is_not_answered(vendor: Server) -> None:
    """And nothing is sent for it."""
    middleware = asgi.FpromMiddleware(asgi_app, script_settings(vendor))
    wire = Wire({"type": "http.disconnect"})
    await middleware(scope(), wire.receive, wire.send)
    assert (wire.sent, vendor.requests) == ([], [])


@pytest.mark.anyio
async def test_a_cancelled_request_gives_its_slot_back_when_its_thread_has_ended() -> None:
    """Otherwise clients that hang up would have as many threads as they like."""
    go, asked = threading.Event(), threading.Event()

    def wait(talk: Any) -> None:
        asked.set()
        go.wait(PATIENCE)
        play(talk)

    with serving(wait) as server:
        middleware = asgi.FpromMiddleware(asgi_app, script_settings(server))
        proxy = middleware._script._proxy  # type: ignore[union-attr]
        free = proxy.limits._slots
        wire = Wire({"type": "http.request", "body": FORM})
        async with anyio.create_task_group() as group:
            group.start_soon(middleware, scope(), wire.receive, wire.send)
            await anyio.to_thread.run_sync(asked.wait)
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                # Long enough for a request that is let go to have ended.
                await anyio.wait_all_tasks_blocked()
            assert proxy.limits._slots == free - 1
            go.set()
        assert proxy.limits._slots == free


@pytest.mark.anyio
@pytest.mark.parametrize("root", [{}, {"root_path": ""}, {"root_path": "/shop"}])
async def test_a_websocket_at_one_of_the_paths_is_the_app_s(
    vendor: Server, root: dict[str, str]
) -> None:
    """As is a scope without a root."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    middleware = asgi.FpromMiddleware(app, script_settings(vendor))
    wire = Wire()
    handshake = {"type": "websocket", "path": f"{PREFIX}/tr", "headers": [], **root}
    await middleware(handshake, wire.receive, wire.send)
    await middleware(scope("/else", **root), wire.receive, wire.send)
    assert seen == ["websocket", "http"]
