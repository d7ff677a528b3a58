"""docs/matrix.md, made of what the ten stories wrote down: ``make matrix``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.programs import ROOT
from tests.system.servers.cells import CELLS, FRAMEWORKS
from tests.system.servers.servers import APP, KINDS, SHOPS
from tests.system.servers.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.system.servers.servers import ServerKind

PAGE = ROOT / "docs" / "matrix.md"
_WHERE = re.compile(r"--(bind|port|listen|uds|http-socket|hostname)=\S+ ?")

HEAD = """# Frameworks and servers

One registration and ten visitors, in each of these frameworks on each of these servers. Each of
the {cells} pairs was started as a process of its own and asked over sockets, with a double of
FirstPromoter behind it, and all ten visitors ended as their sentences say. `make matrix` runs it
and writes this page."""

DIFFERENCES = """## The servers

What a server does to a request before the app sees it cannot be undone behind it. Where nothing is
said here, two `Cookie` lines are both read, `X_Forwarded_For` is not taken for `X-Forwarded-For`,
and on a unix socket, what opens it is the proxy ([platforms.md](platforms.md)). Tests of raw bytes
hold each server to this."""

NGINX = """## Behind nginx

Debian's nginx with `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;` was put before a
port, a unix socket, another nginx, and a server that folds underscores. Asked over IPv4 and over
`[::1]`, with each forwarding header forged, the visitor is the peer of the outermost nginx. So it
is with `Forwarded` (`FPROM_CLIENT_IP_HEADER=Forwarded`), and with `uwsgi_pass`, which hands uWSGI
the visitor as the peer (`FPROM_TRUSTED_PROXIES=0`)."""

_RUN_WITH = "Run with"


def render(cells: Mapping[str, Mapping[str, object]], versions: Mapping[str, str]) -> str:
    """Write the page.

    Args:
        cells: The servers of each framework.
        versions: What it was run with, by the names of PyPI.
    """
    rows = [f"| {name} | {_join(servers)} |" for name, servers in cells.items()]
    count = sum(map(len, cells.values()))
    stories = [f"{number}. {story.__doc__}" for number, story in enumerate(STORIES.values(), 1)]
    servers = [f"| {name} | {_command(kind)} | {_remarks(kind)} |" for name, kind in KINDS.items()]
    parts = [
        HEAD.format(cells=count),
        _table("framework | on", rows),
        f"{_RUN_WITH} {', '.join(f'{name} {number}' for name, number in versions.items())}.",
        "## The ten visitors",
        "\n".join(stories),
        DIFFERENCES,
        _table("server | started with | differs", servers),
        NGINX,
    ]
    return "\n\n".join(parts) + "\n"


def without_versions(page: str) -> str:
    """Leave out the one paragraph that changes with what is installed."""
    return "\n".join(line for line in page.splitlines() if not line.startswith(_RUN_WITH))


def _join(names: Iterable[str]) -> str:
    """Write the modes of one server together: ``a (one, two), b``."""
    modes: dict[str, list[str]] = {}
    for name in names:
        server, _, mode = name.removesuffix(")").partition(" (")
        modes.setdefault(server, []).extend([mode] if mode else [])
    return ", ".join(f"{name} ({', '.join(of)})" if of else name for name, of in modes.items())


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([f"| {head} |", "|---" * (head.count("|") + 1) + "|", *rows])


def _command(kind: ServerKind) -> str:
    command = _WHERE.sub("", " ".join(kind.command)).replace(APP, "shop:app")
    return "`make_server`" if SHOPS in command else f"`{command}`"


def _remarks(kind: ServerKind) -> str:
    return "; ".join(_differences(kind))


def _differences(kind: ServerKind) -> Iterator[str]:
    if kind.last_cookie_line:
        yield "keeps the last of two `Cookie` lines"
    if kind.folds_underscores:
        yield "folds `X_Forwarded_For`: the proxy before it must drop that, as nginx does"
    if kind.ascii_only:
        yield "drops a header with bytes beyond ASCII"
    if kind.unix_peer:
        yield f"on a unix socket it names `{kind.unix_peer}` as the peer: no address is known"
    if kind.remark:
        yield kind.remark


def main(results: Path) -> None:
    """Write the page, where every cell passed every story.

    Raises:
        SystemExit: One did not.
    """
    found = json.loads(results.read_text())
    cells: dict[str, dict[str, dict[str, str]]] = {name: {} for name in FRAMEWORKS}
    wrong = []
    for cell in CELLS:
        ended = found["cells"].get(cell.framework, {}).get(cell.server, {})
        cells[cell.framework][cell.server] = ended
        wrong += [f"{cell}: {name}" for name in STORIES if ended.get(name) != "passed"]
    if wrong:
        sys.exit("The page is left as it is; these did not pass:\n" + "\n".join(wrong))
    PAGE.write_text(render(cells, found["versions"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
