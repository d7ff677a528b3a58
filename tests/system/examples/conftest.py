"""The example shops on real servers, before a real local FirstPromoter."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
import tempfile
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.journey import cast
from examples.journey.servers import Servers
from examples.journey.watch import Watch
from tests.support.waiting import PATIENCE
from tests.system.examples.provider import provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from examples.journey.servers import Server


PASSWORD = "correct horse"


@dataclass(frozen=True)
class Sandbox:
    """The local FirstPromoter, as a test looks at it."""

    url: str

    def click(self, ref: str = "anna") -> str:
        """Register a click, as the page's script does; the answer is the tid."""
        call = {"cid": cast.ACCOUNT_ID, "ref": ref}
        answer = httpx.post(f"{self.url}/click", json=call, trust_env=False, timeout=PATIENCE)
        tid: str = answer.raise_for_status().json()["tid"]
        return tid

    def leads(self, email: str) -> list[dict[str, Any]]:
        """Return the leads that arrived for an e-mail address."""
        return [lead for lead in self._state().json()["leads"] if lead["email"] == email]

    def calls(self, email: str) -> list[tuple[str, int, dict[str, Any]]]:
        """Return the calls that name an e-mail address: the kind, the answer, what was sent."""
        return [
            (attempt["kind"], attempt["status"], json.loads(attempt["sent"]))
            for attempt in self._state().json()["attempts"]
            if email in attempt["sent"]
        ]

    def heard_of(self, email: str) -> bool:
        """Say whether the API saw the address at all, in an accepted call or a refused one."""
        return email in self._state().text

    def _state(self) -> httpx.Response:
        answer = httpx.get(f"{self.url}/state.json", trust_env=False, timeout=PATIENCE)
        return answer.raise_for_status()


@dataclass(frozen=True)
class Shop:
    """A running example shop, as a browser and its owner see it."""

    server: Server
    folder: Path

    def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return httpx.get(self.server.url + path, trust_env=False, timeout=PATIENCE)

    def register(
        self,
        email: str,
        *,
        password: str = PASSWORD,
        cookie: str | None = None,
        forwarded: str | None = None,
    ) -> httpx.Response:
        """Send the registration form, from behind a proxy on this machine."""
        headers = ((b"Cookie", cookie), (b"X-Forwarded-For", forwarded))
        return httpx.post(
            f"{self.server.url}/register",
            data={"email": email, "password": password},
            headers=[(name, value.encode()) for name, value in headers if value],
            trust_env=False,
            timeout=PATIENCE,
        )

    def mail_to(self, email: str) -> str:
        """Return the link in the one mail to an address."""
        texts = [path.read_text() for path in (self.folder / "mail").iterdir()]
        (text,) = [text for text in texts if text.startswith(f"To: {email}\n")]
        return text.split()[-1]

    def users(self) -> dict[str, str]:
        """Return the password column by e-mail address."""
        with closing(sqlite3.connect(self.folder / "shop.db")) as db:
            return dict(db.execute("SELECT email, password FROM users"))

    def payments(self, email: str) -> list[str]:
        """Return what the provider told of a customer."""
        theirs = "SELECT type FROM payments WHERE email = ? ORDER BY rowid"
        with closing(sqlite3.connect(self.folder / "shop.db")) as db:
            return [kind for (kind,) in db.execute(theirs, (email,))]


@contextmanager
def running(
    name: str,
    sandbox_url: str,
    *,
    folder: Path | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[Shop]:
    """Run one example under its real server; a folder where it has run before has its data."""
    with tempfile.TemporaryDirectory(prefix="fprom-test-") as new, Servers() as servers:
        path = folder or Path(new)
        start = cast.SHOPS[name]
        server = start(servers, path, sandbox_url, trusted_proxies="loopback", more=more)
        server.wait_until_ready(Watch())
        yield Shop(server, path)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A local FirstPromoter."""
    with tempfile.TemporaryDirectory(prefix="fprom-test-") as folder, Servers() as servers:
        server = cast.start_sandbox(servers, Path(folder))
        server.wait_until_ready(Watch())
        yield Sandbox(server.url)


@pytest.fixture(scope="session", params=["flask", "starlette"])
def shop(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Shop]:
    """Each example in turn, under gunicorn and uvicorn."""
    with running(request.param, sandbox.url) as one:
        yield one


@pytest.fixture(params=["flask", "starlette"])
def cut_off_shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Each example in turn, with an API that refuses connections."""
    with socket.socket() as closed:
        # Bound but never listening: nobody else can open the port meanwhile.
        closed.bind(("127.0.0.1", 0))
        with running(request.param, f"http://127.0.0.1:{closed.getsockname()[1]}") as one:
            yield one


@pytest.fixture
def plain_uvicorn_shop(sandbox: Sandbox) -> Iterator[Shop]:
    """The Starlette example under a uvicorn that rewrites the peer, which is its default."""
    with tempfile.TemporaryDirectory(prefix="fprom-test-") as name, Servers() as servers:
        folder = Path(name)
        command = [sys.executable, "-m", "uvicorn", f"--app-dir={cast.EXAMPLES}", "--port=0"]
        command += ["--factory", "starlette_app.app:create_app"]
        environment = cast.shop_environment(folder, sandbox.url, "loopback")
        server = servers.start("starlette", command, environment, folder)
        server.wait_until_ready(Watch())
        yield Shop(server, folder)


@pytest.fixture(scope="session")
def oauth_provider() -> Iterator[str]:
    """The address of an OAuth provider."""
    with provider() as url:
        yield url


class Opened:
    """The examples with other settings, each started when a test first asks for it."""

    def __init__(self, sandbox_url: str, stack: ExitStack) -> None:
        self._sandbox_url, self._stack = sandbox_url, stack
        self._shops: dict[tuple[Any, ...], Shop] = {}

    def open(self, name: str, **settings: str) -> Shop:
        """Return the example with these settings, running."""
        key = (name, *sorted(settings.items()))
        if key not in self._shops:
            running_one = running(name, self._sandbox_url, more=settings)
            self._shops[key] = self._stack.enter_context(running_one)
        return self._shops[key]


@pytest.fixture(scope="session")
def payments() -> Iterator[str]:
    """The address of the payment provider."""
    with tempfile.TemporaryDirectory(prefix="fprom-test-") as folder, Servers() as servers:
        server = cast.start_payments(servers, Path(folder))
        server.wait_until_ready(Watch())
        yield server.url


@pytest.fixture(params=["flask", "starlette"])
def selling_shop(request: pytest.FixtureRequest, opened: Opened, payments: str) -> Shop:
    """Each example in turn, with the payment provider."""
    return opened.open(request.param, **cast.payment_settings(payments))


@pytest.fixture(scope="session")
def opened(sandbox: Sandbox) -> Iterator[Opened]:
    """The examples with other settings."""
    with ExitStack() as stack:
        yield Opened(sandbox.url, stack)


@pytest.fixture
def email() -> str:
    """An e-mail address that no other test registers with."""
    return f"{uuid.uuid4().hex}@example.com"
