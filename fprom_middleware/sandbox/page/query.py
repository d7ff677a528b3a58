"""Which events of the list are wanted: by word, by kind, by outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from ..received import Kind
from .outcomes import Look, judge_outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..groups import Group

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; blank: everything.

    Attributes:
        text: What the call, its note or its promoter holds, in small letters.
        kind: Of which kind.
        look: With which outcome.
    """

    text: str = ""
    kind: str = ""
    look: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.kind or self.look)

    def matches(self, group: Group) -> bool:
        """Say whether an event is wanted.

        Args:
            group: Its calls.

        Returns:
            True where all that is asked for is so.
        """
        last = group.last
        if self.kind and last.kind != self.kind:
            return False
        if self.look:
            outcome = judge_outcome(
                last.kind, last.status, tries=len(group.attempts), has_tid='"tid"' in last.sent
            )
            if outcome.look != self.look:
                return False
        return not self.text or any(self.text in part.lower() for part in _parts(group))

    def __str__(self) -> str:
        asked = {"q": self.text, "kind": self.kind, "outcome": self.look}
        return urlencode({name: value for name, value in asked.items() if value})


def read_query(parameters: Mapping[str, str]) -> Query:
    """Read what a URL asks for.

    Args:
        parameters: The URL's; what is not known is passed over.

    Returns:
        The query.
    """
    kind, look = parameters.get("kind", ""), parameters.get("outcome", "")
    return Query(
        parameters.get("q", "").strip().lower()[:_LONGEST],
        kind if kind in set(Kind) else "",
        look if look in set(Look) else "",
    )


def _parts(group: Group) -> list[str]:
    last = group.last
    parts = [last.sent, last.note, str(last.status), last.kind]
    taken = next((one for one in group.attempts if one.lead or one.event), None)
    lead = None
    if taken is not None:
        lead = taken.event.customer if taken.event is not None else taken.lead
    if lead is not None:
        parts += [lead.promoter, lead.email or "", lead.uid or ""]
    return parts
