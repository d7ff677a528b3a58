"""The sandbox's application behind uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from .app import create_app
from .page.live import Closing
from .web.wire import ConnectionInScope

if TYPE_CHECKING:
    import socket

    from .double import FirstPromoterDouble


class SandboxServer(uvicorn.Server):
    """A server that ends open pages' streams before it counts what is left to do.

    Args:
        config: uvicorn's.
        closing: What tells the streams.
    """

    def __init__(self, config: uvicorn.Config, closing: Closing) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop.

        Args:
            sockets: What it listens on.
        """
        self._closing.close()
        await super().shutdown(sockets)


def make_server(
    double: FirstPromoterDouble,
    base_url: str,
    *,
    app_url: str | None = None,
    remote: bool = False,
) -> SandboxServer:
    """Make the server.

    Args:
        double: What answers.
        base_url: The address under which browsers reach it.
        app_url: As in `create_app`.
        remote: Whether other machines may call.

    Returns:
        The server, which is given its sockets when it runs.
    """
    closing = Closing()
    app = create_app(double, base_url=base_url, app_url=app_url, remote=remote, closing=closing)
    config = uvicorn.Config(
        ConnectionInScope(app),
        access_log=False,
        lifespan="off",
        log_config=None,
        log_level="error",
        # The guard judges the socket's peer; a header must not stand in for it.
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    return SandboxServer(config, closing)
