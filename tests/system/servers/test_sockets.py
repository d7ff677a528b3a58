"""Unix sockets, where the peer has no address, and workers that were forked."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually
from tests.system.servers.running import ASGI, COMMANDS, SOCKET_COMMANDS, WSGI, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.misbehaving import Server

TID = b"Cookie: _fprom_tid=tid-of-the-visitor"
FORWARDED = b"X-Forwarded-For: 6.6.6.6, 203.0.113.77"


@pytest.mark.parametrize("name", sorted(set(SOCKET_COMMANDS) - {"waitress"}))
def test_behind_a_unix_socket_the_proxy_is_trusted(
    name: str, folder: Path, settings: dict[str, str]
) -> None:
    """Whoever may open the socket is the proxy; what it appended is the visitor."""
    command = SOCKET_COMMANDS[name]
    pytest.importorskip(command[0], reason="this server is not installed here")
    place = folder / name
    place.mkdir()
    with running(command, place, settings) as server:
        known = server.ask(TID, FORWARDED).body
        assert (known["tid"], known["ip"]) == ("tid-of-the-visitor", "203.0.113.77")
        assert server.ask(TID).body["ip"] is None


@pytest.mark.parametrize("name", SOCKET_COMMANDS)
def test_behind_a_unix_socket_nobody_is_trusted_by_default(
    name: str, folder: Path, settings: dict[str, str]
) -> None:
    """Without FPROM_TRUSTED_PROXIES no header is believed, and there is no peer: no address."""
    command = SOCKET_COMMANDS[name]
    pytest.importorskip(command[0], reason="this server is not installed here")
    place = folder / f"{name} alone"
    place.mkdir()
    with running(command, place, {**settings, "FPROM_TRUSTED_PROXIES": "0"}) as server:
        seen = server.ask(TID, FORWARDED).body
        assert (seen["tid"], seen["ip"]) == ("tid-of-the-visitor", None)


def test_waitress_says_localhost_for_a_unix_socket(folder: Path, settings: dict[str, str]) -> None:
    """That is no address, so nothing is believed and nothing is sent; never what was forged."""
    pytest.importorskip("waitress", reason="this server is not installed here")
    place = folder / "localhost"
    place.mkdir()
    with running(SOCKET_COMMANDS["waitress"], place, settings) as server:
        assert server.ask(TID, FORWARDED).body["ip"] in (None, "203.0.113.77")


def test_waitress_by_default_hands_on_no_forwarding_header(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """It takes X-Forwarded-For away, and without it there is no address."""
    pytest.importorskip("waitress", reason="this server is not installed here")
    command = ("waitress", "--listen=127.0.0.1:0", WSGI)
    with running(command, tmp_path, settings) as server:
        seen = server.ask(TID, FORWARDED).body
        assert (seen["tid"], seen["ip"]) == ("tid-of-the-visitor", None)


def test_uvicorn_s_own_proxy_headers_do_no_harm(tmp_path: Path, settings: dict[str, str]) -> None:
    """By default uvicorn itself puts the visitor in the peer's place; the answer is the same."""
    with running(("uvicorn", "--port=0", ASGI), tmp_path, settings) as server:
        assert server.ask(TID, FORWARDED).body["ip"] == "203.0.113.77"


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
    with running(COMMANDS["gunicorn, preloaded"], tmp_path, environment) as server:
        for email in emails:
            answer = server.ask(TID, FORWARDED, path=f"/?email={email}").body
            assert answer["status"] == "queued"
            pids.add(answer["pid"])
        eventually(lambda: len(arrived(api, emails)) >= len(emails))
        leads = arrived(api, emails)
    assert sorted(lead["email"] for lead in leads) == sorted(emails)
    assert {lead["ip"] for lead in leads} == {"203.0.113.77"}
    assert server.process.pid not in pids


def arrived(api: Server, emails: set[str]) -> list[dict[str, str]]:
    """Return the leads of these visitors."""
    return [one.json for one in list(api.requests) if one.json["email"] in emails]
