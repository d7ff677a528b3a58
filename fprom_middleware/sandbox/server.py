"""The sandbox's application behind uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from .app import create_app

if TYPE_CHECKING:
    from .double import FirstPromoterDouble


def make_server(double: FirstPromoterDouble, base_url: str) -> uvicorn.Server:
    """Make the server.

    Args:
        double: What answers.
        base_url: The address under which browsers reach it.

    Returns:
        The server, which is given its sockets when it runs.
    """
    config = uvicorn.Config(
        create_app(double, base_url=base_url),
        access_log=False,
        lifespan="off",
        log_config=None,
        log_level="error",
        # The guard judges the socket's peer; a header must not stand in for it.
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    return uvicorn.Server(config)
