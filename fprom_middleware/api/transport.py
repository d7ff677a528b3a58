"""An httpx transport that keeps one deadline over a whole call.

httpx bounds each read by itself, so a server that sends one byte a second holds a caller for as
long as it likes, and nothing bounds a name server at all.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from ..addresses import is_loopback_host
from ..interrupts import causes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIMITS: Final = httpx.Limits(
    max_connections=100, max_keepalive_connections=20, keepalive_expiry=45.0
)

_PIECE: Final = 4096
_LIBRARIES: Final = frozenset({"httpx", "httpcore", "h11", "socksio"})
# As httpcore says it, of an HTTP proxy and of a SOCKS proxy.
_BAD_PASSWORD: Final = ("407 ", "Requested ", "Invalid username")


def environment_proxy(url: str) -> httpx.Proxy | None:
    """Find the proxy that the process environment puts before an address.

    Args:
        url: The API's address.

    Returns:
        The proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; None where there is none, where
        NO_PROXY names the host, and for this machine itself: a proxy would see the key in clear.
    """
    target, found = httpx.URL(url), getproxies()
    if is_loopback_host(target.host):
        return None
    address = found.get(target.scheme) or found.get("all")
    netloc = target.netloc.decode("ascii")
    if not address or proxy_bypass(target.host) or proxy_bypass(netloc):
        return None
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def is_transport_error(error: BaseException) -> bool:
    """Say whether an exception is the transport's, TLS's or a socket's."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LIBRARIES


def is_local_error(error: BaseException) -> bool:
    """Say whether a call failed because of this machine: its trusted certificates, its proxy."""
    refused = isinstance(error, httpcore.ProxyError) and str(error).startswith(_BAD_PASSWORD)
    return (
        refused
        or isinstance(error, httpcore.UnsupportedProtocol)
        or any(isinstance(one, ssl.SSLCertVerificationError) for one in causes(error))
    )


class _Call(threading.local):
    ends: float | None = None
    opened: httpcore.NetworkStream | None = None


_call = _Call()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound everything that `DeadlineTransport` does in this thread inside the block.

    Args:
        seconds: From now on.
    """
    _call.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        _call.ends = None


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    if _call.ends is None:
        return timeout
    left = _call.ends - time.monotonic()
    if left <= 0:
        msg = "the deadline of the whole call has passed"
        raise error(msg)
    return left if timeout is None else min(left, timeout)


class DeadlineTransport(httpx.BaseTransport):
    """A pool of connections to one API whose every wait ends at the thread's deadline.

    Args:
        proxy: What stands between, if anything.
    """

    def __init__(self, proxy: httpx.Proxy | None = None) -> None:
        self._pool = _make_pool(proxy)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; errors are httpcore's own."""
        call = httpcore.Request(
            method=request.method,
            url=_address(request.url),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            answer = self._pool.handle_request(call)
        except BaseException:
            # httpcore leaves a connection open that broke off before it was one.
            if _call.opened is not None:
                _call.opened.close()
            raise
        finally:
            _call.opened = None
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()


def _make_pool(proxy: httpx.Proxy | None) -> httpcore.ConnectionPool:
    options: dict[str, Any] = {
        "ssl_context": httpx.create_ssl_context(),
        "max_connections": LIMITS.max_connections,
        "max_keepalive_connections": LIMITS.max_keepalive_connections,
        "keepalive_expiry": LIMITS.keepalive_expiry,
        "network_backend": _Backend(),
    }
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    kind = httpcore.SOCKSProxy if proxy.url.scheme.startswith("socks") else httpcore.HTTPProxy
    return kind(proxy_url=_address(proxy.url), proxy_auth=proxy.raw_auth, **options)


def _address(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        addresses = _resolve(host, port, _left(timeout, httpcore.ConnectTimeout))
        for number, address in enumerate(addresses):
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(
                    address,
                    port,
                    # A share each: one address that swallows everything must not use up the time.
                    timeout=None if left is None else left / (len(addresses) - number),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream)
        raise failure


def _resolve(host: str, port: int, seconds: float | None) -> list[str]:
    # getaddrinfo has no time-out, so it runs in a thread; one that hangs is left behind.
    found: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
            found.put(error)

    threading.Thread(target=ask, name="fprom resolver", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        msg = "the name was not resolved in time"
        raise httpcore.ConnectTimeout(msg) from None
    if isinstance(answer, Exception):
        raise httpcore.ConnectError(type(answer).__name__) from answer
    return [str(address[0]) for *_, address in answer]


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        _call.opened = self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # A piece at a time: the time-out of a socket begins anew with all that it could send.
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._inner.write(piece, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
