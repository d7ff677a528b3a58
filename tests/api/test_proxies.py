"""The proxy of the environment: taken where it is named, left where NO_PROXY says so."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import httpcore
import pytest

from fprom_middleware import Status
from fprom_middleware.api.transport import environment_proxy
from tests.api.conftest import LOCAL, NO_ANSWER, calling, resolve_to
from tests.support.misbehaving import SENT, answer, serving, socks, tunnel

if TYPE_CHECKING:
    import ssl

    from fprom_middleware import Lead
    from fprom_middleware.api.protocol import Outcome
    from tests.support.misbehaving import Talk


def credentials(text: str) -> str:
    """Write a Basic credential."""
    return "Basic " + base64.b64encode(text.encode()).decode()


NAMED = "https://api.invalid"


@pytest.mark.parametrize("key", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_call_goes_through_a_tunnel(
    lead: Lead,
    monkeypatch: pytest.MonkeyPatch,
    server_tls: ssl.SSLContext,
    key: str,
    scheme: str,
) -> None:
    """The proxy sees CONNECT and its own password, never the API's credentials."""
    resolve_to(monkeypatch, "127.0.0.1")
    with serving(answer(200, SENT), tls=server_tls) as server, serving(tunnel) as proxy:
        monkeypatch.setenv(key, f"{scheme}user:pass%40word@127.0.0.1:{proxy.port}")
        with calling(f"{NAMED}:{server.port}") as call:
            assert [call(lead).status for _ in range(2)] == [Status.SENT] * 2
        assert len(server.requests) == 2
        assert len(server.talks) == 1
    (request,) = proxy.requests
    assert request.line == f"CONNECT api.invalid:{server.port} HTTP/1.1"
    assert request.get("proxy-authorization") == credentials("user:pass@word")
    assert request.get("authorization") is None
    assert server.requests[0].get("proxy-authorization") is None
    assert server.requests[0].get("authorization") == "Bearer key-of-the-account"


def test_a_call_goes_through_a_socks_proxy(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext
) -> None:
    """ALL_PROXY may name one where httpx's extra `socks` is installed."""
    resolve_to(monkeypatch, "127.0.0.1")
    with serving(answer(200, SENT), tls=server_tls) as server, serving(socks) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        with calling(f"{NAMED}:{server.port}") as call:
            assert call(lead).status is Status.SENT
        assert len(proxy.talks) == 1


@pytest.mark.parametrize("key", ["HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_stands_before_this_machine(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, key: str, host: str
) -> None:
    """The key would pass it in clear, and it could not reach the sandbox."""
    with serving(answer(500)) as proxy, serving(answer(200, SENT)) as server:
        monkeypatch.setenv(key, f"http://127.0.0.1:{proxy.port}")
        with calling(f"http://{host}:{server.port}") as call:
            assert call(lead).status is Status.SENT
        assert proxy.talks == []


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("https://api.example.com", {}, None),
        ("https://api.example.com", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://api.example.com", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://api.example.com", {"HTTPS_PROXY": ""}, None),
        ("https://api.example.com", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://api.example.com", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.b", {"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://q:2"),
        ("https://api.example.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, None),
        ("https://api.example.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "example.com"}, None),
        ("https://api.example.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": ".example.com"}, None),
        ("https://api.example.com:8", {"HTTPS_PROXY": "p:1", "NO_PROXY": "x,example.com:8"}, None),
        ("https://xexample.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "example.com"}, "http://p:1"),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "p:1", "NO_PROXY": "2001:db8::1"}, None),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "p:1", "NO_PROXY": "192.0.2.1"}, "http://p:1"),
        ("http://[::1]:80", {"HTTP_PROXY": "p:1"}, None),
        ("http://127.8.8.8", {"ALL_PROXY": "http://p:1"}, None),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    environment: dict[str, str],
    expected: str | None,
) -> None:
    """The scheme's own variable before ALL_PROXY, neither for what NO_PROXY lists."""
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    proxy = environment_proxy(url)
    assert (None if proxy is None else str(proxy.url)) == expected


@pytest.mark.parametrize(
    ("code", "expected"), [(407, LOCAL), (403, NO_ANSWER), (502, NO_ANSWER), (504, NO_ANSWER)]
)
def test_a_proxy_that_refuses_is_an_outcome(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, code: int, expected: Outcome
) -> None:
    """A wrong password for it is this machine's; a proxy that does not get through is network."""
    with serving(answer(code)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        with calling(NAMED) as call:
            assert call(lead) == expected


SOCKS: dict[str, tuple[bytes, Outcome]] = {
    "it wants a password": (b"\x05\x02", LOCAL),
    "it takes no method": (b"\x05\xff", LOCAL),
    "an answer of another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n", NO_ANSWER),
    "an answer cut off": (b"\x05", NO_ANSWER),
    "nothing": (b"", NO_ANSWER),
    "two answers at once": (b"\x05\x00\x05\x00", NO_ANSWER),
}


@pytest.mark.parametrize(("said", "expected"), SOCKS.values(), ids=SOCKS)
def test_a_socks_proxy_that_makes_no_sense_is_an_outcome(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, said: bytes, expected: Outcome
) -> None:
    """Whatever it says, nothing is raised."""

    def speak(talk: Talk) -> None:
        talk.socket.recv(64)
        talk.send(said)
        talk.close()

    with serving(speak) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        with calling(NAMED) as call:
            assert call(lead) == expected


WRONG = ["ftp://127.0.0.1:1", "http://127.0.0.1:x", "socks4://127.0.0.1:1"]


@pytest.mark.parametrize("address", WRONG)
def test_a_proxy_s_address_that_is_wrong_is_this_machine_s(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A broken environment breaks no registration."""
    monkeypatch.setenv("ALL_PROXY", address)
    with calling(NAMED) as call:
        assert call(lead) == LOCAL


def test_a_missing_package_for_socks_is_this_machine_s(
    lead: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As httpcore stands where socksio is not installed; the type's name says what is missing."""

    class Missing:
        def __init__(self, **_: object) -> None:
            raise RuntimeError

    monkeypatch.setattr(httpcore, "SOCKSProxy", Missing)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with calling(NAMED) as call:
        outcome = call(lead)
    assert outcome == LOCAL
    assert "RuntimeError: check this machine" in str(outcome)
