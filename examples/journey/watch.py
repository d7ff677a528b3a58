"""How the demo waits: never for ever, and never past Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """Something is not as it should be; the text says what."""


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """Ctrl-C or SIGTERM ends the demo."""


class Watch:
    """One clock for the whole run; a stop signal only sets a flag that every wait looks at.

    An exception thrown out of a signal handler could hit between a server's start and the
    line that remembers to stop it.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._before: dict[int, Any] = {}
        self._deadline: float | None = None

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def limit(self, seconds: float | None) -> None:
        """Set how long the run may still take; None takes the limit away."""
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def pause(self, seconds: float = 0.0) -> None:
        """Wait.

        Raises:
            Stopped: A stop signal came, now or before.
            DemoError: The run's time is over.
        """
        if self._stop.wait(seconds):
            raise Stopped
        if self._deadline is not None and time.monotonic() > self._deadline:
            msg = "it took too long"
            raise DemoError(msg)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()


def say(text: str = "") -> None:
    """Print a line at once, also where the output is a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
