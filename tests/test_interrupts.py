"""A job's time limit is told from the failures it looks like."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.interrupts import causes, raised_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[..., None]


def refuse(*_: object) -> None:
    """Raise what sockets raise, too."""
    raise TimeoutError


class Job:
    """Handlers that are methods and objects."""

    def end(self, *_: object) -> None:
        """Raise a few frames further down."""
        refuse()

    def __call__(self, *_: object) -> None:
        """Raise."""
        raise KeyError


HANDLERS: dict[str, Handler] = {
    "a function": refuse,
    "a method": Job().end,
    "an object": Job(),
    "a partial one": partial(refuse, 1),
    "a lambda": lambda *_: refuse(),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_what_a_handler_raises_is_known(handler: Handler) -> None:
    """By its frame, whatever its type, and whatever a library turned it into."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises((TimeoutError, KeyError)) as caught:
            time.sleep(20)
        turned = OSError()
        turned.__cause__ = caught.value
        assert raised_by_signal(turned) is caught.value
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_the_network_raises_is_not_a_handler_s() -> None:
    """The same types, from anywhere else; an exception that was never raised has no frame."""
    with pytest.raises(TimeoutError) as caught:
        refuse()
    assert raised_by_signal(caught.value) is None
    assert raised_by_signal(TimeoutError()) is None


def test_a_circle_of_causes_ends() -> None:
    """A library may tie an exception to itself."""
    first, second = KeyError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert list(causes(first)) == [first, second]
