"""Which events the admin's list shows, as its address says, and the links to other choices."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from django.utils.http import urlencode
from django.utils.translation import gettext

from ..events.event import Kind
from ..outbox.admin import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..outbox.admin import Inspection, OutboxRow

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen: the words of a link, where it leads, and whether it is chosen."""

    label: str
    link: str
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What the list is narrowed to; what an address says otherwise is passed over.

    Attributes:
        state: The state of its events.
        kind: Their kind.
        before: The last event of the page before.
    """

    state: State | None = None
    kind: Kind | None = None
    before: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read the parameters of an address."""
        found: dict[str, Any] = {}
        for name, parse in (("state", State), ("kind", Kind), ("before", int)):
            with suppress(KeyError, ValueError):
                found[name] = parse(query[name])
        return cls(**found)

    def page_of(self, inspection: Inspection) -> tuple[Sequence[OutboxRow], str | None]:
        """Return a page of events, and the link to the next one where there is more."""
        state, kind, before = self.state, self.kind, self.before
        rows = inspection.newest(PAGE + 1, state=state, kind=kind, before=before)
        if len(rows) <= PAGE:
            return rows, None
        shown = rows[:PAGE]
        return shown, replace(self, before=shown[-1].id).link

    @property
    def link(self) -> str:
        """The query of an address that says this."""
        said = {"state": self.state, "kind": self.kind, "before": self.before}
        query: str = urlencode({name: value for name, value in said.items() if value is not None})
        return f"?{query}"

    def choices(self, *, paused: bool) -> Iterator[tuple[str, list[Choice]]]:
        """Yield what the list can be narrowed to, by title.

        Args:
            paused: Whether all that is pending is paused.
        """
        states = [
            (state, "paused" if paused and state is State.PENDING else state.value)
            for state in State
        ]
        yield "state", self._among("state", states)
        yield "kind", self._among("kind", [(kind, kind.noun) for kind in Kind])

    def _among(self, name: str, values: Iterable[tuple[Any, str]]) -> list[Choice]:
        first, chosen = replace(self, before=None), getattr(self, name)
        return [
            Choice(label, replace(first, **{name: value}).link, value is chosen)
            for value, label in ((None, gettext("All")), *values)
        ]
