"""Trouble on purpose: which of the next calls are answered badly, and how."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from .fields import BadCallError
from .records import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import Answer

AS_USUAL: Final = "200"
PER_MINUTE: Final = 400
"""Calls; the real service's limit for an account."""
SLOW_SECONDS: Final = 3.0
MOST_SECONDS: Final = 120.0
_MOST_CALLS: Final = 1_000_000
_WHOLE: Final = 100
_MINUTE: Final = 60.0


class Special(StrEnum):
    """What can be asked for beside a status."""

    SLOW = "slow"
    CUT = "cut"
    RESET = "reset"
    NOTHING = "nothing"
    RATE_LIMIT = "rate-limit"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong for the time being.

    Attributes:
        answer: A status from 400 to 599, or one of ``Special``.
        next: How many more calls are hit; None: until it is switched off.
        percent: How many of a hundred calls are hit, evenly spread.
        delay: Seconds before the answer.
        retry_after: The Retry-After header of a status, in seconds.
        per_minute: Calls in a minute beyond which the rate limit answers 429.
    """

    answer: str
    next: int | None = None
    percent: int = _WHOLE
    delay: float = 0.0
    retry_after: int | None = None
    per_minute: int = PER_MINUTE

    @property
    def status(self) -> int | None:
        """The status; None where it is not one that was asked for."""
        return int(self.answer) if self.answer.isdigit() else None

    @property
    def words(self) -> str:
        """The trouble in words, such as ``answer 500 to the next 3 calls``."""
        if self.answer == Special.RATE_LIMIT:
            return f"429 beyond {self.per_minute} calls a minute"
        how = "slow" if self.answer == Special.SLOW else self.answer
        of = "" if self.percent == _WHOLE else f"{self.percent} % of "
        calls = "every call"
        if self.next is not None:
            calls = "the next call" if self.next == 1 else f"the next {self.next} calls"
        elif of:
            calls = "the calls"
        after = f", after {self.delay:g} s" if self.delay else ""
        return f"{how} to {of}{calls}{after}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call gets.

    Attributes:
        status: In place of the answer; None where the call is taken as usual.
        delay: Seconds before the answer.
        ending: How it goes out.
        retry_after: The header, in seconds.
    """

    status: int | None = None
    delay: float = 0.0
    ending: Ending = Ending.WHOLE
    retry_after: int | None = None

    @property
    def takes(self) -> bool:
        """Whether the call reaches the books: what is lost or cut on the way back was taken."""
        return self.status is None and self.ending in {Ending.WHOLE, Ending.CUT}

    def bend(self, answer: Answer) -> Answer:
        """Let an answer go out so.

        Args:
            answer: The answer.

        Returns:
            The same, late, cut or lost.
        """
        return replace(answer, delay=self.delay, ending=self.ending, retry_after=self.retry_after)


class TroubleSwitch:
    """The one switch of a double; not safe for threads by itself."""

    def __init__(self) -> None:
        self.current: Trouble | None = None
        self._owed = 0
        self._recent: deque[float] = deque()

    def set(self, trouble: Trouble | None) -> None:
        """Switch to another trouble, or off.

        Args:
            trouble: None: every call is answered as usual.
        """
        self.current = trouble
        self._owed = 0
        self._recent.clear()

    def choose(self, now: float) -> Fault | None:
        """Say what becomes of a call, which counts from now on.

        Args:
            now: Epoch seconds.

        Returns:
            None: nothing is wrong with this one.
        """
        trouble = self.current
        if trouble is None:
            return None
        if trouble.answer == Special.RATE_LIMIT:
            return self._count(now, trouble.per_minute)
        self._owed += trouble.percent
        if self._owed < _WHOLE:
            return None
        self._owed -= _WHOLE
        if trouble.next is not None:
            left = trouble.next - 1
            self.current = replace(trouble, next=left) if left else None
        ending = Ending(trouble.answer) if trouble.answer in set(Ending) else Ending.WHOLE
        return Fault(trouble.status, trouble.delay, ending, trouble.retry_after)

    def _count(self, now: float, per_minute: int) -> Fault | None:
        while self._recent and self._recent[0] <= now - _MINUTE:
            self._recent.popleft()
        if len(self._recent) >= per_minute:
            return Fault(429)
        self._recent.append(now)
        return None


def read_trouble(fields: Mapping[str, Any]) -> Trouble | None:
    """Read what is asked for.

    Args:
        fields: ``answer``, and any other attribute of ``Trouble``; figures may be strings.

    Returns:
        None for ``200``: as usual.

    Raises:
        BadCallError: It is something else.
    """
    unknown = sorted(set(fields) - set(Trouble.__dataclass_fields__))
    if unknown:
        known = ", ".join(Trouble.__dataclass_fields__)
        msg = f"there is no field {ascii(unknown[0])[:40]}; there are {known}"
        raise BadCallError(msg)
    answer = str(fields.get("answer", ""))
    if answer == AS_USUAL:
        return None
    is_status = answer.isascii() and answer.isdigit() and 400 <= int(answer[:4]) <= 599  # noqa: PLR2004 - what HTTP calls errors
    if not is_status and answer not in set(Special):
        msg = f"answer is neither 200, a status from 400 to 599, nor {', '.join(Special)}"
        raise BadCallError(msg)
    return Trouble(
        answer,
        _figure(fields, "next", 1, _MOST_CALLS),
        _figure(fields, "percent", 1, _WHOLE) or _WHOLE,
        _seconds(fields, SLOW_SECONDS if answer == Special.SLOW else 0.0),
        _figure(fields, "retry_after", 0, 86_400),
        _figure(fields, "per_minute", 1, _MOST_CALLS) or PER_MINUTE,
    )


def _figure(fields: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    text = str(value)
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_CALLS))
    number = int(text) if digits and not isinstance(value, bool | float) else -1
    if not least <= number <= most:
        msg = f"{name} is not a whole number from {least} to {most}"
        raise BadCallError(msg)
    return number


def _seconds(fields: Mapping[str, Any], otherwise: float) -> float:
    value = fields.get("delay")
    if value is None or value == "":
        return otherwise
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        msg = f"delay is not a number of seconds from 0 to {MOST_SECONDS:g}"
        raise BadCallError(msg)
    return seconds
