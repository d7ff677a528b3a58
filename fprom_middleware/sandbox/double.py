"""FirstPromoter's side of the tracking API as one object: request in, answer out, no socket."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .answers import UNAUTHORIZED
from .books import Books
from .data.journal import Entry
from .program import COMMISSION_RATE, CURRENCY, make_program
from .received import Kind
from .records import Click, StrayCall
from .tids import make_tid
from .trouble import TroubleSwitch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .data.journal import Journal
    from .groups import Group
    from .received import (
        Received,
        ReceivedCancellation,
        ReceivedLead,
        ReceivedRefund,
        ReceivedSale,
    )
    from .records import Answer, Attempt
    from .trouble import Fault, Trouble

API_KEY: Final = "sandbox-key"
ACCOUNT_ID: Final = "sandbox-account"


class FirstPromoterDouble:
    """Answers the four calls as the document of the Tracking API v2 says.

    Threads may share it. What it keeps is bounded: the oldest click, lead, sale and so on goes
    when there are more than ``limit`` of its kind, or more than 32 MiB of them, and is forgotten
    as if it had never been; with a lead goes all that it did.

    Args:
        api_key: What callers must send as Bearer token.
        account_id: What they must send as Account-ID.
        ref_ids: Promoters that are known without a click.
        promo_codes: Coupon to the ref_id of the promoter whose it is, who is known too.
        currency: The account's.
        commission_rate: The promoter's share of a sale, from 0 to 1.
        clock: Epoch seconds.
        limit: How many of each kind are kept.
        observer: Called after each click and each call, stray ones too, outside the lock.
        journal: Where clicks and calls are written down, and read from at the start.

    Attributes:
        api_key: What callers must send as Bearer token.
        account_id: What they must send as Account-ID.
        currency: The account's, in capitals.

    Raises:
        ValueError: One of the texts is blank, or the rate is out of range.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        account_id: str = ACCOUNT_ID,
        ref_ids: Iterable[str] = (),
        promo_codes: Mapping[str, str] | None = None,
        currency: str = CURRENCY,
        commission_rate: float = COMMISSION_RATE,
        clock: Callable[[], float] = time.time,
        limit: int = 10_000,
        observer: Callable[[Click | Attempt | StrayCall], None] | None = None,
        journal: Journal | None = None,
    ) -> None:
        if not api_key.strip() or not account_id.strip():
            msg = "the API key and the account id must not be blank"
            raise ValueError(msg)
        self.api_key: Final = api_key
        self.account_id: Final = account_id
        self._program = make_program(ref_ids, promo_codes or {}, currency, commission_rate)
        self.currency: Final = self._program.currency
        self._clock = clock
        self._observer = observer
        self._lock = threading.Lock()
        self._books = Books(self._program, limit, journal)
        self._id = uuid.uuid4().hex[:8]
        self._trouble = TroubleSwitch()
        self._watchers: tuple[Callable[[], None], ...] = ()

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.clicks)

    @property
    def leads(self) -> tuple[ReceivedLead, ...]:
        """The leads, by sign-up or by a first sale, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.leads)

    @property
    def sales(self) -> tuple[ReceivedSale, ...]:
        """The accepted sales, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.sales)

    @property
    def refunds(self) -> tuple[ReceivedRefund, ...]:
        """The accepted refunds, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.refunds)

    @property
    def cancellations(self) -> tuple[ReceivedCancellation, ...]:
        """The accepted cancellations, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.cancellations)

    @property
    def histories(self) -> tuple[tuple[ReceivedLead, Sequence[Received]], ...]:
        """The leads, oldest first, each with what it did since, in the order of arrival."""
        with self._lock:
            return self._books.ledger.histories()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call, refused ones too, oldest first."""
        with self._lock:
            return tuple(self._books.ledger.attempts)

    @property
    def event_count(self) -> int:
        """How many events the calls tell of; the tries of one are one."""
        with self._lock:
            return len(self._books.ledger.groups)

    @property
    def accounts(self) -> Mapping[str, int]:
        """How often another account's id was named, by that id."""
        with self._lock:
            return dict(self._books.ledger.accounts)

    @property
    def strays(self) -> Mapping[str, int]:
        """How many calls came beside the API's path, by the one they took."""
        with self._lock:
            return dict(self._books.ledger.strays)

    @property
    def books(self) -> str:
        """Which books are open: other ones after a reset, and in every other double."""
        return f"{self._id}.{self._books.volume}"

    @property
    def can_undo(self) -> int:
        """How many clicks and calls a reset took that can be brought back."""
        with self._lock:
            return self._books.count_set_aside()

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong on purpose; None: calls are answered as usual."""
        with self._lock:
            return self._trouble.current

    @trouble.setter
    def trouble(self, trouble: Trouble | None) -> None:
        with self._lock:
            self._trouble.set(trouble)
        self._tell(None)

    def groups(
        self, limit: int, *, after: int = 0, wanted: Callable[[Group], bool] | None = None
    ) -> tuple[Group, ...]:
        """List calls, the tries of one event together.

        Args:
            limit: How many groups at most.
            after: Only those with a call of a higher number.
            wanted: Only those of which this is true; called under the lock.

        Returns:
            Copies, the one with the newest call first.
        """
        with self._lock:
            return self._books.ledger.groups.newest(limit, after, wanted)

    def find_click(self, tid: str) -> Click | None:
        """Find the click that was given a tid.

        Args:
            tid: A visitor id.

        Returns:
            The click; None where no kept click has this tid.
        """
        with self._lock:
            return self._books.ledger.find_click(tid)

    def find_lead(self, email: str | None, uid: str | None) -> ReceivedLead | None:
        """Find the lead that is known under one of these names.

        Args:
            email: An e-mail; where the two are different leads', this decides.
            uid: A caller's own id.

        Returns:
            The lead; None where neither is a kept lead's.
        """
        with self._lock:
            return self._books.ledger.find_lead(email, uid)

    def click(self, ref_id: str, ip: str | None = None) -> Click:
        """Register a visit by a referral link; the promoter is known from now on.

        Args:
            ref_id: The promoter's referral id, out of the link.
            ip: Where the visit came from.

        Returns:
            The click with the tid that the visitor's cookie should hold.

        Raises:
            ValueError: The ref_id is blank.
        """
        if not ref_id.strip():
            msg = "a click needs a ref_id"
            raise ValueError(msg)
        click = Click(make_tid(), ref_id, ip, self._now())
        with self._lock:
            self._books.add_click(click)
        self._tell(click)
        return click

    def note_account(self, account: str) -> None:
        """Count that a page of another account came here.

        Args:
            account: The id it named.
        """
        with self._lock:
            self._books.ledger.note_account(account)
        self._tell(None)

    def note_stray(self, path: str) -> None:
        """Count that a call came where no call is.

        Args:
            path: Where it came.
        """
        with self._lock:
            self._books.ledger.note_stray(path)
        self._tell(StrayCall(path))

    def signup(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one POST /signup.

        Args:
            headers: The request's headers, in any case.
            body: The request's body as it came.

        Returns:
            200, 400, 401, 404 or 422, with the bodies of the document.
        """
        return self.call(Kind.SIGNUP, headers, body)

    def call(self, kind: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one call.

        Args:
            kind: ``signup``, ``sale``, ``refund`` or ``cancellation``, or a path that ends so.
            headers: The request's headers, in any case.
            body: The request's body as it came.

        Returns:
            A status of the document, with the body of the document; with trouble on purpose
            whatever was asked for.

        Raises:
            ValueError: The API has no such call.
        """
        kind = Kind(kind.rpartition("/")[2])
        given = {name.lower(): value for name, value in headers.items()}
        now = self._now()
        with self._lock:
            fault = self._trouble.choose(now.timestamp())
            answer, attempt = self._books.take(self._judge(kind, given, body, now, fault))
        self._tell(attempt)
        return answer if fault is None else fault.bend(answer)

    def reset(self) -> None:
        """Forget everything but the promoters named at the start."""
        with self._lock:
            self._books.clear()
        self._tell(None)

    def undo_reset(self) -> bool:
        """Bring back what the last reset took, as long as nothing has arrived since.

        Returns:
            False where something has, or there was none.
        """
        with self._lock:
            done = self._books.restore()
        self._tell(None)
        return done

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear of every change from now on.

        Args:
            callback: Called after it, outside the lock, in the thread that made it.

        Returns:
            What ends it.
        """
        self._watchers = (*self._watchers, callback)

        def unwatch() -> None:
            self._watchers = tuple(one for one in self._watchers if one is not callback)

        return unwatch

    def _judge(
        self,
        kind: Kind,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
        fault: Fault | None,
    ) -> Entry:
        """Say whether the books have a say in a call."""
        content_type = headers.get("content-type")
        account = headers.get("account-id", "").strip()
        foreign = account if account and account != self.account_id else None
        if fault is not None and not fault.takes:
            note = f"answered {fault.status} as asked" if fault.status else "no answer, as asked"
            return Entry(kind, now, content_type, body, fault.status or 0, note, foreign)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self.api_key:
            note = "Authorization is not Bearer with the API key"
            return Entry(kind, now, content_type, body, UNAUTHORIZED.status, note, foreign)
        if account != self.account_id:
            note = "Account-ID is not the account's"
            return Entry(kind, now, content_type, body, UNAUTHORIZED.status, note, foreign)
        return Entry(kind, now, content_type, body)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _tell(self, event: Click | Attempt | StrayCall | None) -> None:
        if event is not None and self._observer is not None:
            self._observer(event)
        for callback in self._watchers:
            callback()
