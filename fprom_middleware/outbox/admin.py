"""The outbox as a person looks at it: its ages, its rejected leads, and every row."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..errors import FpromConfigError
from ..settings.choices import DeliveryMode
from .database import Database, outbox_url
from .rows import Kept
from .schema import leads
from .store import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..account import Fprom
    from .stats import Stats

AGES: Final = (
    ("under_1m", 60.0),
    ("under_10m", 600.0),
    ("under_1h", 3600.0),
    ("under_24h", 86400.0),
)
"""Names and upper bounds, in seconds, of the ages that pending leads are counted by."""
OLDEST: Final = "older"
_PAGE: Final = 500


class Inspection:
    """Looks at the rows of one account, and changes them where a person asks for it.

    Args:
        outbox: The account's outbox.
        account: FirstPromoter's account id.
        clock: Seconds since the epoch.
    """

    def __init__(self, outbox: Outbox, account: str, clock: Callable[[], float]) -> None:
        self.outbox = outbox
        self._database = outbox.database
        self._mine = leads.c.account == account
        self._clock = clock

    def stats(self) -> Stats:
        """Count, as ``Fprom.stats()`` does."""
        return self.outbox.stats()

    def ages(self) -> dict[str, int]:
        """Count the pending leads by age."""
        age = self._clock() - leads.c.queued_at
        name = sa.case(*((age < bound, label) for label, bound in AGES), else_=OLDEST)
        counted = (
            sa.select(name.label("age"), sa.func.count().label("leads"))
            .where(self._mine, leads.c.due_at.is_not(None))
            .group_by(sa.text("age"))
        )
        rows = self._database.read(lambda connection: connection.execute(counted).all())
        found = {row.age: row.leads for row in rows}
        return {label: found.get(label, 0) for label in (*(label for label, _ in AGES), OLDEST)}

    def rejected(self, most: int) -> Sequence[Kept]:
        """Return the rejected leads, the newest first.

        Args:
            most: How many at the most.
        """
        return self._rows(
            sa.select(leads)
            .where(self._mine, leads.c.due_at.is_(None))
            .order_by(leads.c.rejected_at.desc(), leads.c.id.desc())
            .limit(most)
        )

    def find(self, number: int) -> Kept | None:
        """Return one lead, None where there is none of this id."""
        rows = self._rows(sa.select(leads).where(self._mine, leads.c.id == number))
        return rows[0] if rows else None

    def everything(self, *, rejected_only: bool = False) -> Iterator[Kept]:
        """Yield every lead in the order of its id, a page at a time."""
        last = 0
        wanted = [self._mine]
        if rejected_only:
            wanted.append(leads.c.due_at.is_(None))
        while True:
            page = self._rows(
                sa.select(leads).where(*wanted, leads.c.id > last).order_by(leads.c.id).limit(_PAGE)
            )
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def retry(self, numbers: Sequence[int] | None) -> int:
        """Make rejected leads due now, as if they had never been tried.

        Args:
            numbers: Their ids; None means all rejected ones.

        Returns:
            How many.
        """
        statement = (
            sa.update(leads)
            .where(self._mine, leads.c.due_at.is_(None), *_among(numbers))
            .values(due_at=self._clock(), attempts=0, unknowns=0, rejected_at=None, reason=None)
        )
        return self._change(statement)

    def delete(self, numbers: Sequence[int] | None) -> int:
        """Delete leads for good.

        Args:
            numbers: Their ids, pending ones too; None means all rejected ones.

        Returns:
            How many.
        """
        which = [leads.c.due_at.is_(None)] if numbers is None else _among(numbers)
        return self._change(sa.delete(leads).where(self._mine, *which))

    def _change(self, statement: sa.Update | sa.Delete) -> int:
        return self._database.run(lambda connection: connection.execute(statement).rowcount)

    def _rows(self, statement: sa.Select[Any]) -> Sequence[Kept]:
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return [Kept.of(row) for row in rows]


@contextmanager
def inspect_outbox(fprom: Fprom) -> Iterator[Inspection]:
    """Open the outbox of an `Fprom` to look at it, also while it is disabled.

    Args:
        fprom: Whose outbox.

    Yields:
        The inspection; its connections are closed at the end.

    Raises:
        FpromConfigError: There is no outbox: delivery is inline.
    """
    settings = fprom.settings
    if settings.delivery is DeliveryMode.INLINE:
        msg = "inline delivery keeps no outbox. Right would be: FPROM_DELIVERY=outbox"
        raise FpromConfigError(msg, key="FPROM_DELIVERY")
    account = settings.account_id or ""
    database = Database(outbox_url(settings.outbox_url), account)
    outbox = Outbox(
        database,
        account=account,
        clock=fprom.clock,
        rate_limit=settings.rate_limit,
        timeout=settings.timeout,
    )
    try:
        yield Inspection(outbox, account, fprom.clock)
    finally:
        database.close()


def _among(numbers: Sequence[int] | None) -> list[sa.ColumnElement[bool]]:
    return [] if numbers is None else [leads.c.id.in_(numbers)]
