"""What reached the API, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import KINDS, calls_of, commissions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .calls import State, Visited

HEAD = ("shop", "visitor", "tid", "ip", *KINDS, "earned")
LEGEND = "404 and 204: not the customer of a referral, which is no mistake. earned: in cents."


def table(state: State, visits: Sequence[Visited]) -> str:
    """Draw what arrived, a line each visitor.

    Args:
        state: The sandbox's state.
        visits: All visits that were made.

    Returns:
        Plain text.
    """
    rows = [HEAD, *(_row(state, visited) for visited in visits)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", LEGEND])


def _row(state: State, visited: Visited) -> tuple[str, ...]:
    visitor, calls = visited.visitor, calls_of(state, visited.visitor)
    signups = [call for call in calls if call.kind == "signup"]
    answers = {kind: [str(call.status) for call in calls if call.kind == kind] for kind in KINDS}
    earned = [f"{promoter} {cents:+}" for promoter, cents in commissions_of(state, visitor)]
    return (
        visitor.shop,
        visitor.name,
        ", ".join(call.tid or "-" for call in signups) or "-",
        ", ".join(call.ip or "-" for call in signups) or "-",
        *(", ".join(answers[kind]) or "-" for kind in KINDS),
        ", ".join(earned) or "-",
    )
