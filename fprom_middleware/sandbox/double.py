"""FirstPromoter's side of the tracking API as one object: request in, answer out, no socket."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .answers import UNAUTHORIZED, RefusedError, malformed
from .calls import Call, read_call
from .decisions import Taken, take
from .fields import BadCallError
from .ledger import MAX_BYTES, Ledger
from .program import COMMISSION_RATE, CURRENCY, make_program
from .received import Kind
from .records import Answer, Attempt, Click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .received import (
        Received,
        ReceivedCancellation,
        ReceivedLead,
        ReceivedRefund,
        ReceivedSale,
    )

API_KEY: Final = "sandbox-key"
ACCOUNT_ID: Final = "sandbox-account"
SENT_SHOWN: Final = 2_000
"""Characters of a call's body that are kept to be looked at."""


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
        observer: Called after each click and each call, outside the lock.

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
        observer: Callable[[Click | Attempt], None] | None = None,
    ) -> None:
        if not api_key.strip() or not account_id.strip():
            msg = "the API key and the account id must not be blank"
            raise ValueError(msg)
        self.api_key: Final = api_key
        self.account_id: Final = account_id
        self._program = make_program(ref_ids, promo_codes or {}, currency, commission_rate)
        self.currency: Final = self._program.currency
        self._clock = clock
        self._limit = limit
        self._observer = observer
        self._lock = threading.Lock()
        self._ledger = Ledger(limit, MAX_BYTES)

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks, oldest first."""
        with self._lock:
            return tuple(self._ledger.clicks)

    @property
    def leads(self) -> tuple[ReceivedLead, ...]:
        """The leads, by sign-up or by a first sale, oldest first."""
        with self._lock:
            return tuple(self._ledger.leads)

    @property
    def sales(self) -> tuple[ReceivedSale, ...]:
        """The accepted sales, oldest first."""
        with self._lock:
            return tuple(self._ledger.sales)

    @property
    def refunds(self) -> tuple[ReceivedRefund, ...]:
        """The accepted refunds, oldest first."""
        with self._lock:
            return tuple(self._ledger.refunds)

    @property
    def cancellations(self) -> tuple[ReceivedCancellation, ...]:
        """The accepted cancellations, oldest first."""
        with self._lock:
            return tuple(self._ledger.cancellations)

    @property
    def histories(self) -> tuple[tuple[ReceivedLead, Sequence[Received]], ...]:
        """The leads, oldest first, each with what it did since, in the order of arrival."""
        with self._lock:
            return self._ledger.histories()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call, refused ones too, oldest first."""
        with self._lock:
            return tuple(self._ledger.attempts)

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
        click = Click(str(uuid.uuid4()), ref_id, ip, self._now())
        with self._lock:
            self._ledger.add_click(click)
        self._tell(click)
        return click

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
            A status of the document, with the body of the document.

        Raises:
            ValueError: The API has no such call.
        """
        kind = Kind(kind.rpartition("/")[2])
        now = self._now()
        with self._lock:
            try:
                taken = take(self._read(kind, headers, body), self._ledger, self._program, now)
            except RefusedError as refused:
                taken = Taken(refused.answer, refused.note)
            attempt = Attempt(
                kind=kind,
                at=now,
                status=taken.answer.status,
                note=taken.note,
                # A character takes at most four bytes; decoding megabytes to show a line is waste.
                sent=body[: SENT_SHOWN * 4].decode(errors="replace")[:SENT_SHOWN],
                answer=taken.answer.body.decode(),
                lead=taken.lead,
                event=taken.event,
            )
            self._ledger.attempts.add(attempt)
        self._tell(attempt)
        return taken.answer

    def reset(self) -> None:
        """Forget everything but the promoters named at the start."""
        with self._lock:
            self._ledger = Ledger(self._limit, MAX_BYTES)

    def _read(self, kind: Kind, given: Mapping[str, str], body: bytes) -> Call:
        headers = {name.lower(): value for name, value in given.items()}
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self.api_key:
            raise RefusedError(UNAUTHORIZED, "Authorization is not Bearer with the API key")
        if headers.get("account-id", "").strip() != self.account_id:
            raise RefusedError(UNAUTHORIZED, "Account-ID is not the account's")
        try:
            return read_call(kind, headers.get("content-type"), body)
        except BadCallError as bad:
            raise RefusedError(malformed(kind, bad.field), str(bad)) from None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _tell(self, event: Click | Attempt) -> None:
        if self._observer is not None:
            self._observer(event)
