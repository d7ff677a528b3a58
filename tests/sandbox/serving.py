"""A double behind the sandbox's real server, on a socket of its own."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fprom_middleware.sandbox.server import make_server
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware.sandbox import FirstPromoterDouble


@contextmanager
def serving(double: FirstPromoterDouble, port: int = 0) -> Iterator[str]:
    """Serve a double on a socket of its own; the end is not to take long."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = make_server(double, url)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()
