"""FirstPromoter's calls on plain sockets, which misbehave by script, and the books of them."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KINDS = ("signup", "sale", "refund", "cancellation")
"""In the order in which a customer has them."""
RESET = struct.pack("ii", 1, 0)
SLOW = 0.3
PATIENCE = 60.0

# Three of ten calls go wrong, in every way there is.
_THREES = (
    ("500", "cut", "slow"),
    ("reset", "503", "429"),
    ("cut", "500", "slow"),
    ("reset", "429 bare", "503"),
)
_OF_TEN = ("{0}", "good", "good", "{1}", "good", "good", "{2}", "good", "good", "good")
MISBEHAVING = tuple(act.format(*three) for three in _THREES for act in _OF_TEN)
GOOD = ("good",)
SLUGGISH = ("sluggish",)
HANGING = ("hang",)
TAKEN = frozenset({"good", "cut", "slow", "sluggish"})
DELAYS = {"slow": SLOW, "sluggish": 0.03}


def name_event(kind: str, uid: str) -> str:
    """Name an event of a customer; a sign-up is named after the customer."""
    return uid if kind == KINDS[0] else f"{uid} {kind}"


class Double:
    """Answers as the script says, one entry a call, from the start again at its end.

    ``good``, ``500``, ``503``, ``429`` (with Retry-After: 0), ``429 bare`` (without), ``reset``
    (before the call is read), ``cut`` (taken, and the connection reset instead of an answer),
    ``slow`` and ``sluggish`` (taken and answered late), ``hang`` (never answered, not taken).

    Each customer has one event of a kind. Who has not signed up is nobody's referral: 404. A
    repeated sign-up is answered with 422, another repeat with 409.

    Args:
        log: Where each call is written down, a line of JSON each, before it is answered.
        script: The names.
    """

    def __init__(self, log: Path, script: Iterable[str] = GOOD) -> None:
        self.received: set[str] = set()
        self.done: Counter[str] = Counter()
        self.repeats = 0
        self.overlaps = 0
        self.out_of_turn = 0
        self._answered: set[str] = set()
        self._in_flight: Counter[str] = Counter()
        self._script = cycle(tuple(script))
        self._log = log.open("a", buffering=1)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v2/track"

    @property
    def calls(self) -> int:
        """Calls so far, the failed ones included."""
        return sum(self.done.values())

    @property
    def unexplained(self) -> int:
        """Repeats that no answer of ours that was cut accounts for."""
        return max(0, self.repeats - self.done["cut"])

    def follow(self, script: Iterable[str]) -> None:
        """Go on by another script."""
        with self._lock:
            self._script = cycle(tuple(script))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._log.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(connection)
        buffer = b""
        try:
            while True:
                head, found, rest = buffer.partition(b"\r\n\r\n")
                length = _length(head) if found else 0
                if found and len(rest) >= length:
                    if not self._answer(connection, _kind(head), rest[:length]):
                        return
                    buffer = rest[length:]
                    continue
                more = connection.recv(65536)
                if not more:
                    return
                buffer += more
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, kind: str, body: bytes) -> bool:
        uid = str(json.loads(body)["uid"])
        name = name_event(kind, uid)
        with self._lock:
            act = next(self._script)
            self.done[act] += 1
            before = {name_event(earlier, uid) for earlier in KINDS[: KINDS.index(kind)]}
            self.out_of_turn += not before <= self._answered
            known = kind == KINDS[0] or uid in self.received
            taken = known and act in TAKEN
            repeat = taken and name in self.received
            self.repeats += repeat
            # Two at once: two processes hold the same event, or two of one customer's.
            self.overlaps += self._in_flight[uid] > 0
            self._in_flight[uid] += 1
            if taken:
                self.received.add(name)
            self._log.write(f"{json.dumps([time.time(), name, act, taken, repeat])}\n")
        code = _code(kind, known=known, repeat=repeat)
        try:
            answer = self._act(connection, act, code)
        finally:
            # Before the answer is sent: what comes after it is no overlap, and may be next.
            with self._lock:
                self._in_flight[uid] -= 1
                if answer is not None and taken:
                    self._answered.add(name)
        if answer is not None:
            connection.sendall(answer)
        return answer is not None

    def _act(self, connection: socket.socket, act: str, code: int) -> bytes | None:
        if act in {"reset", "cut"}:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return None
        seconds = PATIENCE if act == "hang" else DELAYS.get(act, 0.0)
        # Whoever was killed hangs up: its call is over.
        if seconds and select.select([connection], [], [], seconds)[0]:
            return None
        if act in {"500", "503"}:
            return _compose(int(act))
        if act.startswith("429"):
            return _compose(429, "" if act.endswith("bare") else "Retry-After: 0\r\n")
        return _compose(code)


def _kind(head: bytes) -> str:
    path = head.split(b" ", 2)[1].decode()
    return path.rpartition("/")[2]


def _code(kind: str, *, known: bool, repeat: bool) -> int:
    if not known:
        return 404
    # A cancellation has no id that would tell it from another.
    again = {"signup": 422, "sale": 409, "refund": 409}
    return again.get(kind, 200) if repeat else 200


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _compose(code: int, headers: str = "") -> bytes:
    body = '{"id": 1, "etype": "signup", "event_id": null}'
    return (
        f"HTTP/1.1 {code} Whatever\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n{body}"
    ).encode()
