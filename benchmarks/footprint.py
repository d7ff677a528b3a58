"""What the package costs a process: CPU time and memory over one that does without.

Each figure is the difference of medians over fresh processes, run in turn. Memory is read
from /proc, so this script needs Linux.
"""

from __future__ import annotations

import argparse
import os
import sys
from statistics import median
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Final

IMPORT: Final = "import fprom_middleware, fprom_middleware.asgi, fprom_middleware.wsgi"
MAKE: Final = (
    IMPORT + "; from fprom_middleware import Fprom, FpromSettings"
    "; fprom = Fprom(FpromSettings(api_key='k', account_id='a', delivery='%s'))"
    "; fprom_middleware.asgi.FpromMiddleware(None, fprom)"
    "; fprom_middleware.wsgi.FpromMiddleware(None, fprom)"
)
BARE: Final = "pass"
FLASK: Final = "import flask"
STARLETTE: Final = "import starlette.applications, starlette.requests"
ROWS: Final = {
    "package and middlewares, over Python": (BARE, IMPORT),
    "the same over Python with Flask": (FLASK, f"{FLASK}; {IMPORT}"),
    "the same over Python with Starlette": (STARLETTE, f"{STARLETTE}; {IMPORT}"),
    "both made, inline delivery, over Python": (BARE, MAKE % "inline"),
    "both made, outbox, over Python": (BARE, MAKE % "outbox"),
}
CPU_GOAL: Final = 40
RSS_GOAL: Final = 3
RESIDENT: Final = "; print(open('/proc/self/statm').read().split()[1])"


def run(step: str, folder: str) -> tuple[float, float]:
    """Run a step in a fresh process.

    Args:
        step: Python statements on one line.
        folder: The process's working directory.

    Returns:
        Milliseconds of CPU time, user and system, and resident megabytes at its end.
    """
    command = [sys.executable, "-c", step + RESIDENT]
    with Popen(command, stdout=PIPE, cwd=folder) as process:  # noqa: S603 - our own statements
        pages = int(process.stdout.read()) if process.stdout else 0
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1e3, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=25, help="fresh processes of each kind")
    args = parser.parse_args()
    took: dict[str, list[tuple[float, float]]] = {}
    with TemporaryDirectory() as folder:
        for number in range(args.runs + 1):
            for step in {step for pair in ROWS.values() for step in pair}:
                cost = run(step, folder)
                if number:  # the first run of all writes the bytecode
                    took.setdefault(step, []).append(cost)
    middle = {step: [median(column) for column in zip(*took[step], strict=True)] for step in took}
    print(f"{'':42}{'CPU ms':>8}{'RSS MB':>8}")
    print(f"{'bare Python':42}{middle[BARE][0]:8.1f}{middle[BARE][1]:8.1f}")
    for name, (base, step) in ROWS.items():
        cpu, rss = (a - b for a, b in zip(middle[step], middle[base], strict=True))
        print(f"{name:42}{cpu:+8.1f}{rss:+8.1f}")
    print(f"{'goal for the first row':42}{CPU_GOAL:8}{RSS_GOAL:8}")


if __name__ == "__main__":
    main()
