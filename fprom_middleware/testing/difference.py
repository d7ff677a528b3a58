"""What a test expected beside what arrived, as text; the test's own data is shown in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeVar

from ..events.event import Event, Kind
from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..events.receipt import Receipt

E = TypeVar("E", bound=Event)

MOST_SHOWN: Final = 10
"""Events that a failure shows in full, the nearest first."""
_HINTS: Final = {
    Reason.ORGANIC: "no tid and no ref_id; call visit() with the client that asks",
    Reason.DISABLED: "FPROM_ENABLED is false",
    Reason.NO_CONSENT: "FPROM_CONSENT said no, or could not be asked",
    Reason.DROPPED: "FPROM_BEFORE_SEND returned None",
    Reason.UNIDENTIFIED: "email and uid were blank",
    Reason.ZERO_AMOUNT: "nothing was paid",
    Reason.DATABASE: "refuse_next() refused what was handed in with session=",
    Reason.BAD_REQUEST: "a field held what cannot be sent; the log says which",
    Reason.UNEXPECTED: "the log says what was raised",
}
_NOT_CALLED: Final = (
    "No {verb} was called in this process. Did the view answer 2xx? To a test client a 404 (the "
    "path) and a 422 (a form in place of JSON) are no errors. Is {verb}_async awaited?"
)


def find(expected: Mapping[str, object], arrived: Sequence[E]) -> list[E]:
    """Return the events that have every field as it is expected."""
    return [event for event in arrived if not _differing(expected, event)]


def tell_missing(
    kind: Kind,
    expected: Mapping[str, object],
    arrived: Sequence[Event],
    unsent: Sequence[tuple[Kind, Receipt]],
) -> str:
    """Say what arrived in place of one event.

    Args:
        kind: Of the event that was expected.
        expected: Its fields.
        arrived: All events that were handed in.
        unsent: The kinds of those that were not, and what was answered for each.

    Returns:
        The text of a failure, several lines.
    """
    alike = [event for event in arrived if event.kind is kind]
    others = [event for event in arrived if event.kind is not kind]
    alike.sort(key=lambda event: len(_differing(expected, event)))
    lines = [f"no {_describe(kind, expected)} arrived"]
    if alike:
        lines[0] += f", but {_count(alike, kind)} (- expected, + arrived):"
        lines += _show(alike, expected)
    if others:
        lines += ["", f"What else arrived, {_count(others, None)}:", *_show(others, None)]
    ends = Counter((one, receipt.status, receipt.reason) for one, receipt in unsent)
    for (one, status, reason), count in ends.items():
        lines += ["", _tell_unsent(one, status, reason, count)]
    if not alike and all(one is not kind for one, _ in unsent):
        lines += ["", _NOT_CALLED.format(verb=f"track_{kind}")]
    return "\n".join(lines)


def tell_several(kind: Kind, expected: Mapping[str, object], found: Sequence[Event]) -> str:
    """Say that more events than one are as expected."""
    first = f"{len(found)} times a {_describe(kind, expected)} arrived, and one was expected:"
    return "\n".join([first, *_show(found, expected)])


def tell_unexpected(kind: Kind | None, found: Sequence[Event]) -> str:
    """Say what arrived where nothing was expected; None stands for every kind."""
    first = f"{_count([], kind)} were expected, and {_count(found, kind)} arrived:"
    return "\n".join([first, *_show(found, {} if kind else None)])


def _tell_unsent(kind: Kind, status: Status, reason: Reason | None, count: int) -> str:
    noun, was = (kind.noun, "was ") if count == 1 else (f"{kind.noun}s", "were ")
    hint = f": {_HINTS[reason]}" if reason in _HINTS else ""
    return f"{count} {noun} {'' if status is Status.FAILED else was}{status}, {reason}{hint}."


def _differing(expected: Mapping[str, object], event: Event) -> list[str]:
    return [name for name, value in expected.items() if value != getattr(event, name)]


def _name(kind: Kind) -> str:
    return "lead" if kind is Kind.SIGNUP else kind.value


def _describe(kind: Kind, expected: Mapping[str, object]) -> str:
    told = ", ".join(f"{name}={value!r}" for name, value in expected.items())
    return f"{_name(kind)} with {told}" if told else _name(kind)


def _count(events: Sequence[Event], kind: Kind | None) -> str:
    noun = "event" if kind is None else _name(kind)
    return f"{len(events) or 'no'} {noun}{'' if len(events) == 1 else 's'}"


def _show(events: Sequence[Event], expected: Mapping[str, object] | None) -> list[str]:
    """List events field by field; those of several kinds, of which nothing is expected, by name."""
    lines = []
    for event in events[:MOST_SHOWN]:
        heading = [f"  {_name(event.kind)}"] if expected is None else []
        lines += ["", *heading, *_compare(expected or {}, event)]
    if len(events) > MOST_SHOWN:
        lines += ["", f"  and {len(events) - MOST_SHOWN} more"]
    return lines


def _compare(expected: Mapping[str, object], event: Event) -> list[str]:
    lines = []
    differing = _differing(expected, event)
    for name in (field.name for field in fields(event)):
        value = getattr(event, name)
        if name in differing:
            lines += [f"  - {name} = {expected[name]!r}", f"  + {name} = {value!r}"]
        elif value is not None or name in expected:
            lines.append(f"    {name} = {value!r}")
    return lines
