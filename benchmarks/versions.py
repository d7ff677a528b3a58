"""What the outbox costs, beside another checkout of this project.

    git worktree add ../before COMMIT
    python benchmarks/versions.py ../before [--outbox-url postgresql://...] [--rounds 200]

Each version runs in a process of its own, with an outbox of its own, and both are told in turn to
do a little work, so that a machine that changes its pace changes it for both.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
EACH = 20
DRAINED = 200
WARM_UP = 3


def work(base_url: str, outbox_url: str) -> None:
    """Do what is asked for on stdin, a line each, and print the seconds that it took."""
    from fprom_middleware import Fprom, FpromSettings, TrackingContext  # noqa: PLC0415 - whichever

    logging.disable(logging.CRITICAL)
    context = TrackingContext(tid="3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64", ip="93.184.216.34")
    fprom = Fprom(
        FpromSettings(
            api_key="key",
            account_id="account",
            base_url=base_url,
            outbox_url=outbox_url,
            worker="none",
            rate_limit=1_000_000_000,
        )
    )
    numbers = itertools.count()

    def sign_up() -> None:
        number = next(numbers)
        fprom.track_signup(context, f"visitor-{number}@example.com", uid=number)

    for line in sys.stdin:
        what, count = line.split()
        began = time.perf_counter()
        if what == "signup":
            for _ in range(int(count)):
                sign_up()
        else:
            fprom.drain()
        print(time.perf_counter() - began, flush=True)


class Version:
    """A checkout at work.

    Args:
        folder: The checkout.
        base_url: The API.
        outbox_url: Where it keeps its events.
    """

    def __init__(self, folder: Path, base_url: str, outbox_url: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very file
            [sys.executable, __file__, ".", "--work", base_url, outbox_url],
            env={**os.environ, "PYTHONPATH": str(folder.resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def time(self, what: str, count: int) -> float:
        """Let it do something, and return the seconds that it took."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError
        stdin.write(f"{what} {count}\n")
        stdin.flush()
        return float(stdout.readline())

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def in_turn(
    versions: Sequence[Version], rounds: int, what: str, count: int, before: str | None = None
) -> Iterator[tuple[float, float]]:
    """Yield the seconds of both versions, round by round."""
    for number in range(rounds + WARM_UP):
        seconds = [0.0, 0.0]
        # Whoever comes second would always find the disk as the first left it.
        for side in (0, 1) if number % 2 else (1, 0):
            if before is not None:
                versions[side].time(before, count)
            seconds[side] = versions[side].time(what, count)
        if number >= WARM_UP:
            yield seconds[0], seconds[1]


def tell(what: str, pairs: Sequence[tuple[float, float]], count: int, most: float) -> None:
    """Print both versions' medians, and the median of the ratios with their quartiles."""
    ours, theirs = (median(pair[side] for pair in pairs) / count * 1e6 for side in (0, 1))
    low, ratio, high = quantiles([one / two for one, two in pairs], n=4)
    missed = "  MISSED" if ratio > most else ""
    print(
        f"{what:18}{ours:8.0f} us{theirs:8.0f} us  ratio {ratio:.3f} ({low:.3f} to {high:.3f})"
        f"  goal <= {most}{missed}"
    )


def main() -> None:
    """Compare this checkout with another one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--outbox-url", help="of a server; each version gets a database there")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        server = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - a file of ours
                [sys.executable, str(HERE / "outbox.py"), "--serve"],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(server.kill)
        port = server.stdout.readline() if server.stdout else ""
        versions = []
        for name, checkout in (("ours", HERE.parent), ("theirs", options.other)):
            url = f"sqlite:///{folder / name}.db"
            if options.outbox_url:
                # Made beforehand: a server's databases are its owner's to make.
                url = urlsplit(options.outbox_url)._replace(path=f"/bench_{name}").geturl()
            versions.append(Version(checkout, f"http://127.0.0.1:{int(port)}", url))
            stack.callback(versions[-1].end)
        tell("durable sign-up", list(in_turn(versions, options.rounds, "signup", EACH)), EACH, 1.05)
        for version in versions:
            version.time("drain", 0)
        rounds = max(5, options.rounds // 10)
        drained = list(in_turn(versions, rounds, "drain", DRAINED, before="signup"))
        tell("drain, an event", drained, DRAINED, 1.1)


if __name__ == "__main__":
    main()
