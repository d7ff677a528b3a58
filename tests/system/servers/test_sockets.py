"""Unix sockets, where the peer has no address, and workers that were forked."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually
from tests.system.servers.running import require, running
from tests.system.servers.servers import APP, GENERAL, raw_shop
from tests.system.servers.wire import ask

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.misbehaving import Server

TID = b"Cookie: _fprom_tid=tid-of-the-visitor"
FORWARDED = b"X-Forwarded-For: 6.6.6.6, 203.0.113.77"
UNIX = {name: kind for name, kind in GENERAL.items() if kind.unix}


@pytest.mark.parametrize("name", UNIX)
def test_behind_a_unix_socket_the_proxy_is_trusted(
    name: str, folder: Path, settings: dict[str, str]
) -> None:
    """What opens the socket is the proxy, and what it appended is the visitor; never the forged."""
    kind = UNIX[name]
    require(*kind.distributions)
    with running(kind.unix, raw_shop(kind), folder, settings) as server:
        known = ask(server.address, TID, FORWARDED).body
        ip = None if kind.unix_peer else "203.0.113.77"
        assert (known["tid"], known["ip"]) == ("tid-of-the-visitor", ip)
        assert ask(server.address, TID).body["ip"] is None


@pytest.mark.parametrize("name", UNIX)
def test_behind_a_unix_socket_nobody_is_trusted_by_default(
    name: str, folder: Path, settings: dict[str, str]
) -> None:
    """Without FPROM_TRUSTED_PROXIES no header is believed, and there is no peer: no address."""
    kind = UNIX[name]
    require(*kind.distributions)
    alone = {**settings, "FPROM_TRUSTED_PROXIES": "0"}
    with running(kind.unix, raw_shop(kind), folder, alone) as server:
        seen = ask(server.address, TID, FORWARDED).body
        assert (seen["tid"], seen["ip"]) == ("tid-of-the-visitor", None)


def test_waitress_by_default_hands_on_no_forwarding_header(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """It takes X-Forwarded-For away, and without it there is no address."""
    require("waitress")
    command = ("waitress-serve", "--listen=127.0.0.1:0", APP)
    with running(command, raw_shop(GENERAL["waitress"]), tmp_path, settings) as server:
        seen = ask(server.address, TID, FORWARDED).body
        assert (seen["tid"], seen["ip"]) == ("tid-of-the-visitor", None)


def test_forked_workers_deliver_through_one_outbox(
    tmp_path: Path, settings: dict[str, str], api: Server
) -> None:
    """Preloaded and forked, each worker takes leads and all of them arrive."""
    environment = {
        **settings,
        "FPROM_DELIVERY": "outbox",
        "FPROM_OUTBOX_URL": f"sqlite:///{tmp_path / 'outbox.db'}",
    }
    emails = {f"{uuid.uuid4().hex}@example.com" for _ in range(40)}
    pids = set()
    kind = GENERAL["gunicorn (--preload)"]
    with running(kind.command, raw_shop(kind), tmp_path, environment) as server:
        for email in emails:
            answer = ask(server.address, TID, FORWARDED, path=f"/?email={email}").body
            assert answer["status"] == "queued"
            pids.add(answer["pid"])
        eventually(lambda: len(arrived(api, emails)) >= len(emails))
        leads = arrived(api, emails)
    assert sorted(lead["email"] for lead in leads) == sorted(emails)
    assert {lead["ip"] for lead in leads} == {"203.0.113.77"}
    assert server.pid not in pids


def arrived(api: Server, emails: set[str]) -> list[dict[str, str]]:
    """Return the leads of these visitors."""
    return [one.json for one in list(api.requests) if one.json["email"] in emails]
