"""An httpx transport that leaves nothing open when a call is cancelled half-way.

The time-out of an async call is a cancellation, and two things of httpx and httpcore do not
survive one: a socket in the middle of its TLS handshake stays open, and so does the generator
that reads a request's body, which trio complains about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import httpcore
import httpx

from .transport import as_core, pool_options, proxy_kind

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable


_POOLS: Final[dict[str, Any]] = {
    "direct": httpcore.AsyncConnectionPool,
    "http": httpcore.AsyncHTTPProxy,
    "socks": httpcore.AsyncSOCKSProxy,
}


class CleanTransport(httpx.AsyncBaseTransport):
    """A pool of connections to one API, of one event loop.

    Args:
        proxy: What stands between, if anything.
    """

    def __init__(self, proxy: httpx.Proxy | None = None) -> None:
        self._pool: httpcore.AsyncConnectionPool = _POOLS[proxy_kind(proxy)](
            **pool_options(proxy, _Backend())
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; errors are httpcore's own."""
        content = _Content(await request.aread())
        answer = await self._pool.handle_async_request(as_core(request, content))
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._pool.aclose()


class _Content:
    """A request's body in one piece; no generator, so that none is ever left half-way."""

    def __init__(self, body: bytes) -> None:
        self._rest: list[bytes] = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        found: AsyncIterator[bytes] = aiter(self._stream)
        return found

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        # It serves asyncio and trio alike.
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
