"""A shop that runs: a framework on a server, and a FirstPromoter of its own behind it."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.accounts import SIGNING_KEY, fprom_environment
from tests.support.misbehaving import SENT, Server, compose, serving
from tests.support.waiting import PATIENCE, eventually
from tests.system.servers.running import running
from tests.system.servers.servers import SHOPS
from tests.system.servers.wire import Address, Answer, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.misbehaving import Talk
    from tests.system.servers.running import Running
    from tests.system.servers.servers import ServerKind


@dataclass(frozen=True, slots=True)
class Trouble:
    """An API that keeps its callers waiting, and then answers 503."""

    begun: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Be in trouble for the length of the block."""
        self.answering.clear()
        self.begun.set()
        try:
            yield
        finally:
            self.begun.clear()
            self.answering.set()

    def behave(self, talk: Talk) -> None:
        """Answer one call."""
        talk.read()
        if in_trouble := self.begun.is_set():
            self.answering.wait(PATIENCE)
        talk.send(compose(503) if in_trouble else compose(200, SENT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What its visitors can do, and what FirstPromoter hears of them.

    Attributes:
        server: The server.
        kind: What it does to requests.
        outbox: The file of its outbox.
        api: The API's double.
        trouble: What that does in place of taking a lead.
        door: Where visitors knock, where it is not at the server itself.
    """

    server: Running
    kind: ServerKind
    outbox: Path
    api: Server
    trouble: Trouble
    door: Address | None = None

    @property
    def _door(self) -> Address:
        return self.door or self.server.address

    def visit(self, *lines: bytes, method: str = "GET", path: str = "/") -> Answer:
        """Open a page."""
        return ask(self._door, *lines, method=method, path=path)

    def sign_up(self, *lines: bytes, email: str | None = None, source: str | None = None) -> Answer:
        """Register."""
        path = f"/signup?email={email or new_email()}"
        return ask(self._door, *lines, method="POST", path=path, source=source)

    def calls(self, email: str) -> list[dict[str, Any]]:
        """Return what the API was told of an e-mail address so far."""
        return [one.json for one in list(self.api.requests) if one.json["email"] == email]

    def lead(self, *lines: bytes, source: str | None = None) -> dict[str, Any]:
        """Register, wait for the one call, and return what it said beside e-mail and moment."""
        email = new_email()
        answer = self.sign_up(*lines, email=email, source=source)
        assert answer.status == 200, answer
        assert answer.body["status"] == "queued", answer
        assert eventually(lambda: self.calls(email)), self.server.output()
        (lead,) = self.calls(email)
        assert lead.pop("email") == email
        assert lead.pop("created_at").endswith("Z")
        return lead

    def waits_for_retry(self) -> bool:
        """Whether a failed call has been noted down, so that no lease holds its lead."""
        query = "SELECT count(*) FROM fprom_outbox WHERE attempts > 0 AND due_at IS NOT NULL"
        with closing(sqlite3.connect(self.outbox)) as connection:
            (found,) = connection.execute(query).fetchone()
        return bool(found)


def new_email() -> str:
    """Make up an address that no other visitor has."""
    return f"{uuid.uuid4().hex}@example.com"


@contextmanager
def open_shop(app: str, kind: ServerKind, folder: Path, **settings: str) -> Iterator[Shop]:
    """Run a shop behind one trusted proxy on this machine, with all that visitors may need."""
    outbox, trouble = folder / "outbox.db", Trouble()
    with serving(trouble.behave) as api:
        environment = fprom_environment(
            api.url,
            FPROM_OUTBOX_URL=f"sqlite:///{outbox}",
            FPROM_TRUSTED_PROXIES="127.0.0.1",
            FPROM_SEND_IP="any",
            FPROM_SECRET_KEYS=SIGNING_KEY,
            FPROM_KEEP_DAYS="60",
            FPROM_LINK_PARAMS="fpr",
            FPROM_CONSENT=f"{SHOPS}.registration.agreed",
        )
        with running(kind.command, app, folder, environment | settings) as server:
            yield Shop(server=server, kind=kind, outbox=outbox, api=api, trouble=trouble)
