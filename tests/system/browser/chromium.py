"""A real browser: opened on a page, or driven from page to page as a person does."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from itertools import count
from typing import IO, TYPE_CHECKING, Any

from tests.support.services import missing
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

LOOPBACK_NAMES = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules={LOOPBACK_NAMES}",
)
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "ArrowDown": (40, ""),
    "ArrowUp": (38, ""),
}
"""Keys by name: their code, and the text that they write."""
# DevTools over a pipe reads from 3 and writes to 4.
WITH_PIPES = ("/bin/sh", "-c", 'exec 3<"$1" 4>"$2"; shift 2; exec "$@"', "sh")


@contextmanager
def browse(url: str, profile: Path) -> Iterator[None]:
    """Open a page in a browser of its own; close it with all its processes."""
    with _running([_program(), *_switches(profile, "port=0"), url]):
        yield


class Page:
    """A page of a browser, and what a person does on it.

    Args:
        commands: Where DevTools reads.
        answers: Where it writes.
    """

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands, self._answers, self._ids = commands, answers, count(1)
        self._session: dict[str, str] = {}
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=url)

    def press(self, text: str, kind: str = "button") -> None:
        """Wait for a button, or a link (``a``), with this text, and press it."""
        find = "[...document.querySelectorAll(%s)].find(e => e.textContent.includes(%s))"
        element = find % (json.dumps(kind), json.dumps(text))
        self.wait_for(element)
        self.run(f"{element}.click()")

    def type(self, field: str, text: str) -> None:
        """Wait for a field, and fill it in."""
        element = f"document.getElementById({json.dumps(field)})"
        self.wait_for(element)
        self.run(f"{element}.value = {json.dumps(text)}")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression of JavaScript's is true, on whatever page comes."""
        assert eventually(lambda: self.run(f"Boolean({condition})")), condition

    def run(self, expression: str) -> Any:
        """Evaluate an expression of JavaScript's; None while one page gives way to the next."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer.get("result", {}).get("value")

    def look(self, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Look at the page through a window of this size, on a system of this scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def key(self, name: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        code, text = KEYS[name]
        key = {"key": name, "code": name, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        self._call(
            "Input.dispatchKeyEvent", type="keyDown", **key, **({"text": text} if text else {})
        )
        self._call("Input.dispatchKeyEvent", type="keyUp", **key)

    def write(self, text: str) -> None:
        """Write into what has the focus, as a keyboard does."""
        self._call("Input.insertText", text=text)

    def settle(self, expression: str) -> Any:
        """Evaluate a promise, and wait for what it comes to."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return answer.get("result", {}).get("value")

    def tab(self) -> Page:
        """Open another page of the same browser."""
        return Page(self._commands, self._answers)

    def come_from(self, address: str) -> None:
        """Be a visitor with this address, as a proxy in front of a shop would say."""
        self._call("Network.enable")
        self._call("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": address})

    def block(self, *patterns: str) -> None:
        """Load nothing from these addresses, as a blocker does."""
        self._call("Network.enable")
        self._call("Network.setBlockedURLs", urls=list(patterns))

    def without_scripts(self) -> None:
        """Run no script of the pages that are opened from now on."""
        self._call("Emulation.setScriptExecutionDisabled", value=True)

    def picture(self, path: Path) -> None:
        """Keep what the page looks like, to its end."""
        self._call("Emulation.setScrollbarsHidden", hidden=True)
        width, height = self.run("[innerWidth, document.documentElement.scrollHeight]")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        shot = self._call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        call = {"id": number, "method": method, "params": params, **self._session}
        self._commands.write(json.dumps(call).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == number:
                result: dict[str, Any] = answer.get("result", {})
                return result

    def _read(self) -> bytes:
        message = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        return bytes(message)


@contextmanager
def drive(profile: Path) -> Iterator[Page]:
    """Start a browser, and yield a page to act on."""
    (read_commands, write_commands), (read_answers, write_answers) = os.pipe(), os.pipe()
    ends = (read_commands, write_answers)
    command = [
        *WITH_PIPES,
        *(f"/dev/fd/{end}" for end in ends),
        _program(),
        *_switches(profile, "pipe"),
    ]
    with (
        open(write_commands, "wb") as commands,  # noqa: PTH123 - a descriptor has no path
        open(read_answers, "rb") as answers,  # noqa: PTH123 - as above
        _running(command, ends),
    ):
        for end in ends:
            os.close(end)
        yield Page(commands, answers)


def _program() -> str:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("no chromium on PATH")
    return program


def _switches(profile: Path, debugging: str) -> Sequence[str]:
    return (*SWITCHES, f"--remote-debugging-{debugging}", f"--user-data-dir={profile}")


@contextmanager
def _running(command: Sequence[str], descriptors: Sequence[int] = ()) -> Iterator[None]:
    browser = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=descriptors,
    )
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(PATIENCE)
