"""The sandbox: how soon it answers, and how many leads a second it takes with its page open.

Eight connections send distinct sign-ups as fast as they are answered while a page's stream is read.
Every lead must be there afterwards, and the page must have been told of the last one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 8
LEADS = int(os.environ.get("BENCH_LEADS", "8000"))
COMMAND = "from fprom_middleware.cli.main import main; main(prog_name='fprom')"
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@contextmanager
def sandbox() -> Iterator[tuple[int, float]]:
    """Start it.

    Yields:
        Its port, and the seconds from its start to its first answer.
    """
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - a fixed list of arguments
        [sys.executable, "-c", COMMAND, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            found = ADDRESS.search(process.stdout.readline() if process.stdout else "")
            if found is None:
                sys.exit("the sandbox did not say where it listens")
            port = int(found[1])
            # What it prints on is read and thrown away, as a terminal would.
            with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):  # noqa: S607 - a POSIX tool
                with urlopen(f"http://127.0.0.1:{port}/state.json"):
                    started = time.perf_counter() - began
                yield port, started
                process.terminate()
        finally:
            process.kill()


async def send(port: int, tid: str, numbers: range, late: list[float]) -> None:
    """Send leads over one connection, each after the answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        body = json.dumps({"email": f"{number}@example.com", "tid": tid, "ip": "93.184.216.34"})
        head = (
            "POST /api/v2/track/signup HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            "authorization: Bearer sandbox-key\r\naccount-id: sandbox-account\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write((head + body).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.exit(f"a lead was refused: {answer[:40]!r}")
        length = re.search(rb"content-length: (\d+)", answer)
        await reader.readexactly(int(length[1]) if length else 0)
        late.append(time.perf_counter() - began)
    writer.close()


async def look(port: int, last: str) -> tuple[int, float]:
    """Read the page's stream until a text comes; return the messages, and when it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    messages = 0
    async for line in reader:
        if line.startswith(b"data: "):
            messages += 1
            if last.encode() in line:
                break
    writer.close()
    return messages, time.perf_counter()


async def measure(port: int, tid: str) -> str:
    """Send all leads with a page open; return how it went."""
    last = f"{LEADS - 1}@example.com"
    page = asyncio.create_task(look(port, last))
    await asyncio.sleep(0.5)
    late: list[float] = []
    began = time.perf_counter()
    numbers = (range(first, LEADS, CONNECTIONS) for first in range(CONNECTIONS))
    await asyncio.gather(*(send(port, tid, some, late) for some in numbers))
    ended = time.perf_counter()
    messages, told = await page
    late.sort()
    middle, slow = late[len(late) // 2], late[len(late) * 99 // 100]
    return (
        f"{LEADS / (ended - began):,.0f} leads/s; answer in {middle * 1e3:.1f} ms, "
        f"{slow * 1e3:.0f} ms for 99 %; {messages} messages to the page, the last lead "
        f"{told - ended:.2f} s after its answer"
    )


def read_json(port: int, path: str, body: bytes | None = None) -> Any:
    """Ask the sandbox for something."""
    with urlopen(f"http://127.0.0.1:{port}{path}", body) as answer:
        return json.load(answer)


if __name__ == "__main__":
    with sandbox() as (port, started):
        print(f"start: {started:.2f} s")
        click = json.dumps({"cid": "sandbox-account", "ref": "anna"}).encode()
        print(asyncio.run(measure(port, read_json(port, "/click", click)["tid"])))
        kept = {lead["email"] for lead in read_json(port, "/state.json")["leads"]}
        print(f"lost: {LEADS - len(kept)} of {LEADS}")
