"""What a double is told, in an order that can be told again: how its state survives a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..received import Kind
    from ..records import Click


@dataclass(frozen=True, slots=True)
class Entry:
    """A call as it came.

    Attributes:
        kind: Which of the four it was.
        at: When it arrived, in UTC.
        content_type: The header's value; None where it had none.
        body: All of its body.
        status: What it got where the books had no say in it: wrong credentials, trouble on
            purpose. None where they decided, and will again.
        note: Why.
        account: The Account-ID it named, where that was another's.
    """

    kind: Kind
    at: datetime
    content_type: str | None
    body: bytes
    status: int | None = None
    note: str = ""
    account: str | None = None


class Journal(Protocol):
    """Where a double's clicks and calls are written down; called under the double's lock."""

    def read(self) -> Iterable[Click | Entry]:
        """Return what is written down, oldest first."""

    def add(self, entry: Click | Entry) -> None:
        """Write one down."""

    def clear(self) -> None:
        """Set everything aside; what was set aside before is gone."""

    def restore(self) -> None:
        """Bring back what was set aside."""
