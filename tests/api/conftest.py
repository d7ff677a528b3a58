"""An API to call, and what stands between."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from fprom_middleware import Lead, Reason, Status
from fprom_middleware.api.client import TrackingApi
from fprom_middleware.api.protocol import Outcome
from tests.support.accounts import make_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from fprom_middleware.events.kinds import AnyEvent

    Call = Callable[[AnyEvent], Outcome]

NO_ANSWER = Outcome(Status.FAILED, Reason.NETWORK)
"""Of the network's failures."""
LOCAL = Outcome(Status.FAILED, Reason.LOCAL)
"""Of this machine's."""
PROXY_KEYS = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the one name resolve to these addresses."""
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host not in ("api.invalid", b"api.invalid"):
            return real(host, *arguments, **options)
        return [row for address in addresses for row in real(address, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@contextmanager
def calling(url: str, *, timeout: float = 20, client: httpx.Client | None = None) -> Iterator[Call]:
    """Yield the call; close the API and the client at the end."""
    settings = make_settings(base_url=url, timeout=timeout)
    api = TrackingApi(settings, client=client, clock=lambda: 1_700_000_000.0)
    try:
        yield api.send
    finally:
        api.close()
        if client is not None:
            client.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the environment of the machine, no test meets it."""
    for key in PROXY_KEYS:
        monkeypatch.delenv(key, raising=False)
        monkeypatch.delenv(key.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture
def lead() -> Lead:
    """A lead whose every value is recognizable in a log."""
    return Lead(
        email="visitor@example.com",
        tid="tid-of-the-visitor",
        ip="203.0.113.77",
        created_at=datetime(2025, 4, 25, 9, 29, 51, 973_000, tzinfo=UTC),
    )


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts."""
    return trustme.CA()


@pytest.fixture
def server_tls(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ssl.SSLContext:
    """A server's TLS with a certificate that SSL_CERT_FILE makes trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "api.invalid").configure_cert(context)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return context
