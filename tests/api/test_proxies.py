"""The proxy of the environment: taken where it is named, left where NO_PROXY says so."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Status
from fprom_middleware.api.protocol import NO_ANSWER, Outcome
from fprom_middleware.api.transport import environment_proxy
from fprom_middleware.events.receipt import Reason
from tests.api.conftest import calling
from tests.support.misbehaving import SENT, answer, serving, socks, tunnel

if TYPE_CHECKING:
    import ssl

    from fprom_middleware import Lead

LOCAL = "http://127.0.0.1:9/api/v2/track"


def credentials(text: str) -> str:
    """Write a Basic credential."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("key", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_plain_call_goes_through_the_proxy(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, key: str, scheme: str
) -> None:
    """The proxy gets the absolute form, with the credentials of the API."""
    with serving(answer(200, SENT)) as proxy:
        monkeypatch.setenv(key, f"{scheme}127.0.0.1:{proxy.port}")
        with calling(LOCAL) as call:
            assert [call(lead).status for _ in range(2)] == [Status.SENT] * 2
    assert len(proxy.talks) == 1
    request = proxy.requests[0]
    assert request.line == f"POST {LOCAL}/signup HTTP/1.1"
    assert request.get("authorization") == "Bearer key-of-the-account"
    assert request.get("proxy-authorization") is None
    assert request.json["email"] == lead.email


def test_a_proxy_s_own_password_reaches_the_proxy(
    lead: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User and password out of the proxy's URL, beside the API's credentials."""
    with serving(answer(200, SENT)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pass%40word@127.0.0.1:{proxy.port}")
        with calling(LOCAL) as call:
            assert call(lead).status is Status.SENT
    assert proxy.requests[0].get("proxy-authorization") == credentials("user:pass@word")
    assert proxy.requests[0].get("authorization") == "Bearer key-of-the-account"


def test_a_tls_call_goes_through_a_tunnel(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext
) -> None:
    """The proxy sees CONNECT and its own password, never the API's credentials."""
    with serving(answer(200, SENT), tls=server_tls) as server, serving(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
        with calling(server.url) as call:
            assert [call(lead).status for _ in range(2)] == [Status.SENT] * 2
        assert len(server.requests) == 2
        assert len(server.talks) == 1
    (request,) = proxy.requests
    assert request.line == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"
    assert request.get("proxy-authorization") == credentials("user:word")
    assert request.get("authorization") is None
    assert server.requests[0].get("proxy-authorization") is None


def test_a_call_goes_through_a_socks_proxy(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALL_PROXY may name one where httpx's extra `socks` is installed."""
    pytest.importorskip("socksio", reason="httpx needs it for SOCKS")
    with serving(answer(200, SENT)) as server, serving(socks) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        with calling(server.url) as call:
            assert call(lead).status is Status.SENT
        assert len(proxy.talks) == 1


def test_no_proxy_is_respected(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that NO_PROXY names is called directly."""
    with serving(answer(500)) as proxy, serving(answer(200, SENT)) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.1")
        with calling(server.url) as call:
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
        ("http://[::1]:80", {"HTTP_PROXY": "p:1", "NO_PROXY": "::1"}, None),
        ("http://[::1]:80", {"HTTP_PROXY": "p:1", "NO_PROXY": "127.0.0.1"}, "http://p:1"),
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


def test_a_proxy_that_refuses_is_an_outcome(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain 407 is an answer that nobody expects; a refused tunnel is no answer."""
    with serving(answer(407)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        with calling(LOCAL) as call:
            assert call(lead) == Outcome(Status.FAILED, Reason.UNEXPECTED, code=407)
        with calling("https://api.invalid") as call:
            assert call(lead) == NO_ANSWER


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:1", "http://[", "http://127.0.0.1:x"])
def test_a_proxy_that_is_none_is_an_outcome(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A broken environment breaks no registration."""
    monkeypatch.setenv("ALL_PROXY", address)
    with calling(LOCAL) as call:
        assert call(lead) == NO_ANSWER
