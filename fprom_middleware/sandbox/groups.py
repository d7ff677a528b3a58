"""Calls as the page lists them: the tries of one event stand together."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .received import Kind
    from .records import Attempt


@dataclass(eq=False, slots=True)
class Group:
    """The calls that said the same, byte for byte: one event, sent again.

    Attributes:
        number: The first call's, which names the group for as long as it lives.
        attempts: The calls that are kept, oldest first.
    """

    number: int
    attempts: deque[Attempt] = field(default_factory=deque)

    @property
    def last(self) -> Attempt:
        """The newest call."""
        return self.attempts[-1]


class Groups:
    """All groups; not safe for threads by itself. Iterated from the one that was last added to."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[tuple[Kind, int], Group] = OrderedDict()
        self._keys: dict[int, tuple[Kind, int]] = {}

    def __iter__(self) -> Iterator[Group]:
        return reversed(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def newest(
        self, limit: int, after: int, wanted: Callable[[Group], bool] | None
    ) -> tuple[Group, ...]:
        """List groups.

        Args:
            limit: How many at most.
            after: Only those with a call of a higher number.
            wanted: Only those of which this is true.

        Returns:
            Copies, the one with the newest call first.
        """
        found: list[Group] = []
        for group in self:
            if len(found) == limit or group.last.number <= after:
                break
            if wanted is None or wanted(group):
                found.append(Group(group.number, group.attempts.copy()))
        return tuple(found)

    def add(self, attempt: Attempt, body: bytes) -> None:
        """Put a call with those that said the same.

        Args:
            attempt: The call.
            body: All of its body.
        """
        key = (attempt.kind, hash(body))
        group = self._by_key.setdefault(key, Group(attempt.number))
        group.attempts.append(attempt)
        self._by_key.move_to_end(key)
        self._keys[attempt.number] = key

    def remove(self, attempt: Attempt) -> None:
        """Forget a call, the oldest of all that are kept.

        Args:
            attempt: The call.
        """
        key = self._keys.pop(attempt.number)
        group = self._by_key[key]
        group.attempts.popleft()
        if not group.attempts:
            del self._by_key[key]
