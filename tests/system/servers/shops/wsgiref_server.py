"""The standard library's own server, which has no command that takes an app."""

from __future__ import annotations

import importlib
import sys
from wsgiref.simple_server import make_server


def main(target: str) -> None:
    """Serve ``module:app`` on a port of the system's choice."""
    module, _, name = target.partition(":")
    app = getattr(importlib.import_module(module), name)
    with make_server("127.0.0.1", 0, app) as server:
        sys.stderr.write(f"127.0.0.1:{server.server_port}\n")
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
