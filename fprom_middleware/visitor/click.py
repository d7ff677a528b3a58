"""A click is one thing: what names a visitor names the tid and the ref of one click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Click(NamedTuple):
    """What one source says of a visitor.

    Attributes:
        tid: FirstPromoter's visitor id.
        ref_id: The promoter's referral id.
    """

    tid: str | None
    ref_id: str | None


NO_CLICK: Final = Click(None, None)


def choose_click(sources: Iterable[Click]) -> Click:
    """Choose the click that counts.

    Args:
        sources: What each source says, in the order in which they are believed; the later ones
            are asked only where that matters.

    Returns:
        What the first source says that holds anything, tid and ref. Only where it names no tid
        and a later source has the same ref, it is the same click, and that one's tid counts.
    """
    asked = iter(sources)
    for click in asked:
        if click.tid:
            return click
        if click.ref_id:
            same = (later.tid for later in asked if later.ref_id == click.ref_id)
            return Click(next(filter(None, same), None), click.ref_id)
    return NO_CLICK
