"""The log of hand-ins and deliveries: fields to follow an event by, and no person."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa

from fprom_middleware import TrackingContext, track_sale, track_signup
from fprom_middleware.visitor.attach import attach_environ, attach_scope
from tests.support.accounts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from fprom_middleware import Fprom
    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
IP = "93.184.216.34"
EMAIL = "ann1@shop.example"
UID = "customer-1"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FIELDS = ("kind", "status", "reason", "row_id", "request_id")


def environ_of(fprom: Fprom, **headers: str) -> dict[str, Any]:
    """Return a request over WSGI."""
    environ = {"HTTP_COOKIE": f"_fprom_tid={TID}", "REMOTE_ADDR": IP, **headers}
    attach_environ(environ, fprom)
    return environ


def scope_of(fprom: Fprom, **headers: str) -> dict[str, Any]:
    """Return a request over ASGI."""
    lines = [(b"cookie", f"_fprom_tid={TID}".encode())]
    for key, value in headers.items():
        name = key.removeprefix("HTTP_").replace("_", "-").lower()
        lines.append((name.encode(), value.encode()))
    scope: dict[str, Any] = {"type": "http", "headers": lines, "client": (IP, 1)}
    attach_scope(scope, fprom)
    return scope


def fields(caplog: pytest.LogCaptureFixture, text: str) -> tuple[Any, ...]:
    """Return the fields of the one line that has a text in it, after a look for secrets."""
    (record,) = [one for one in caplog.records if text in one.getMessage()]
    told = f"{record.getMessage()} {[getattr(record, name) for name in FIELDS]}"
    for secret in (TID, IP, EMAIL, UID, KEY):
        assert secret not in told
    return tuple(getattr(record, name) for name in FIELDS)


@pytest.mark.parametrize("request_of", [environ_of, scope_of])
@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"HTTP_TRACEPARENT": PARENT, "HTTP_X_REQUEST_ID": "req-1"}, PARENT),
        ({"HTTP_X_REQUEST_ID": "req-1"}, "req-1"),
        ({"HTTP_X_REQUEST_ID": EMAIL}, None),
        ({"HTTP_X_REQUEST_ID": IP}, None),
        ({"HTTP_X_REQUEST_ID": TID}, None),
        ({"HTTP_X_REQUEST_ID": UID}, None),
        ({"HTTP_X_REQUEST_ID": "req-1\r\nERROR forged"}, None),
        ({}, None),
    ],
)
def test_a_drain_names_the_request(
    *,
    request_of: Any,
    headers: dict[str, str],
    known: str | None,
    sqlite_url: str,
    make: MakeFprom,
    api: Api,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the field and at the end of the line; what names the visitor is no request's id."""
    api.says = 400
    fprom = make(sqlite_url)
    track_signup(request_of(fprom, **headers), EMAIL, uid=UID)
    fprom.drain()

    assert fields(caplog, "rejected a sign-up") == ("signup", "rejected", "bad_request", 1, known)
    assert caplog.messages[-1].endswith("]") == (known is not None)
    assert known is None or f"[request {known}]" in caplog.messages[-1]


def test_a_sale_names_its_request(
    sqlite_url: str, make: MakeFprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else of it is kept."""
    api.says = 409
    fprom = make(sqlite_url)
    request = environ_of(fprom, HTTP_X_REQUEST_ID="req-1")
    track_sale(request, EMAIL, event_id="in_1", amount=1290)
    fprom.track_sale(email=EMAIL, event_id="in_2", amount=1290)
    fprom.drain()

    first, second = (r for r in caplog.records if "before its first call" in r.getMessage())
    assert [getattr(first, name) for name in FIELDS] == ["sale", "duplicate", None, 1, "req-1"]
    assert [getattr(second, name) for name in FIELDS] == ["sale", "duplicate", None, 2, None]


@pytest.mark.parametrize(
    ("says", "reason"),
    [(503, "server_error"), (401, "unauthorized"), (httpx.ConnectError("no"), "network")],
)
def test_an_outage(
    *,
    says: Any,
    reason: str,
    sqlite_url: str,
    make: MakeFprom,
    api: Api,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The line that tells of it has the event by which it was seen."""
    api.says = says
    fprom = make(sqlite_url)
    track_signup(environ_of(fprom, HTTP_X_REQUEST_ID="req-1"), EMAIL)
    fprom.drain()

    assert fields(caplog, "A call to FirstPromoter failed") == (
        "signup", "failed", reason, 1, "req-1",
    )  # fmt: skip


def test_inline_delivery(make: MakeFprom, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """There is no row; the request is known."""
    api.says = 503
    fprom = make("sqlite://", delivery="inline")
    track_signup(environ_of(fprom, HTTP_X_REQUEST_ID="req-1"), EMAIL)

    assert fields(caplog, "was not delivered") == (
        "signup", "failed", "server_error", None, "req-1",
    )  # fmt: skip


def test_what_the_database_refuses(
    tmp_path: Path, sqlite_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """Kept in memory, or not written into the caller's own transaction."""
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 100)
    fprom = make(sqlite_url)
    track_signup(environ_of(fprom, HTTP_X_REQUEST_ID="req-1"), EMAIL)
    engine = sa.create_engine(sqlite_url)
    with engine.connect() as session:
        track_signup(environ_of(fprom, HTTP_X_REQUEST_ID="req-2"), EMAIL, session=session)
    engine.dispose()

    assert fields(caplog, "The outbox refused an event") == (
        "signup", "queued", "database", None, "req-1",
    )  # fmt: skip
    assert fields(caplog, "was not written into session=") == (
        "signup", "failed", "database", None, "req-2",
    )  # fmt: skip


def test_rows_that_cannot_be_read(
    tmp_path: Path, sqlite_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """The row is named, for a person to look at."""
    fprom = make(sqlite_url)
    track_signup(environ_of(fprom), EMAIL)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection:
        connection.execute("UPDATE fprom_outbox SET payload = '{'")
        connection.commit()
    fprom.drain()

    assert fields(caplog, "cannot be read") == (None, "rejected", "unreadable", 1, None)


def test_what_is_not_sent(
    sqlite_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """What is refused at the door has its fields, too."""
    fprom = make(sqlite_url)
    fprom.track_signup(TrackingContext(tid=TID), None)
    fprom.track_sale(email=EMAIL, event_id="", amount=1)

    assert fields(caplog, "None or blank") == ("signup", "skipped", "unidentified", None, None)
    assert fields(caplog, "nothing of it kept") == ("sale", "rejected", "bad_request", None, None)
