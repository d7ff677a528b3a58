"""Whether what waits is on its way: a verdict over the outbox's figures, fit to be returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

MAX_AGE_SECONDS: Final = 3600.0
"""How old the oldest event may be: the longest that a single one waits between two tries."""
DATABASE: Final = "database"
UNAUTHORIZED: Final = "unauthorized"
NOT_DURABLE: Final = "not_durable"
OLDEST_AGE: Final = "oldest_age"


class Figures(Protocol):
    """What a verdict looks at; `fprom_middleware.Stats` has it."""

    @property
    def oldest_age(self) -> float | None:
        """Seconds since the oldest event that waits was queued."""
        ...

    @property
    def paused(self) -> str | None:
        """Why nothing is sent at the moment, as a reason code."""
        ...

    @property
    def not_durable(self) -> int:
        """Events in this process's memory, which the database refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a person has to look; ``dict(health)`` is ready for JSON.

    Attributes:
        ok: True where ``reasons`` is empty.
        reasons: Why not: ``database`` (it cannot be read, or did not answer within a second),
            ``unauthorized`` (FirstPromoter refuses the credentials), ``not_durable`` (the database
            refused events, and they wait in this process's memory), ``oldest_age`` (an event waits
            for longer than it may).
        oldest_age: Seconds since the oldest event that waits was queued; None where there is
            none, or where the database does not say.
        max_age: How old it may be.
    """

    ok: bool
    reasons: tuple[str, ...]
    oldest_age: float | None
    max_age: float

    @property
    def status_code(self) -> int:
        """What to answer a monitor with: 200, or 503."""
        return 200 if self.ok else 503

    def keys(self) -> tuple[str, ...]:
        """Return the names of what ``dict(health)`` holds."""
        return tuple(self.__slots__)

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        value = getattr(self, name)
        return list(value) if isinstance(value, tuple) else value


def judge(figures: Figures | None, *, max_age: float = MAX_AGE_SECONDS) -> Health:
    """Judge the figures of an outbox.

    A pause that ends by itself and rejected events are no fault: what is late shows in the age.

    Args:
        figures: Of the outbox; None where its database does not tell them.
        max_age: Seconds that the oldest event may have waited.

    Returns:
        The verdict.
    """
    oldest = None if figures is None else figures.oldest_age
    faults = {DATABASE: figures is None, OLDEST_AGE: oldest is not None and oldest > max_age}
    if figures is not None:
        faults[UNAUTHORIZED] = figures.paused == UNAUTHORIZED
        faults[NOT_DURABLE] = figures.not_durable > 0
    reasons = tuple(sorted(name for name, is_so in faults.items() if is_so))
    return Health(ok=not reasons, reasons=reasons, oldest_age=oldest, max_age=max_age)
