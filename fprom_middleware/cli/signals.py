"""Ctrl-C and SIGTERM as a wish to stop, which a second one turns into an order."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


@contextmanager
def stop_on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` at the first signal; the second one does what it did before.

    Args:
        stop: Asks for the end. Outside the main thread, where Python takes no signals, nothing
            calls it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(_number: int, _frame: FrameType | None) -> None:
        put_back()
        # In a thread: this one may have been interrupted inside the very lock that `stop` takes.
        threading.Thread(target=stop, name="fprom-stop", daemon=True).start()

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        put_back()
