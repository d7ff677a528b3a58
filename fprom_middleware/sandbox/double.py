"""FirstPromoter's side of the tracking API as one object: request in, answer out, no socket."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .answers import BLANK, DUPLICATE, UNAUTHORIZED, UNKNOWN_VISITOR, RefusedError, accepted
from .ledger import MAX_BYTES, Ledger
from .records import Answer, Attempt, Click, ReceivedLead
from .signup_call import BadCallError, SignupCall, read_signup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

API_KEY: Final = "sandbox-key"
ACCOUNT_ID: Final = "sandbox-account"
SENT_SHOWN: Final = 2_000
"""Characters of a call's body that are kept to be looked at."""


class FirstPromoterDouble:
    """Answers sign-up calls as the document of the Tracking API v2 says.

    Threads may share it. What it keeps is bounded: the oldest click, lead or attempt goes
    when there are more than ``limit`` of its kind, or more than 32 MiB of them, and is forgotten
    as if it had never been.

    Args:
        api_key: What callers must send as Bearer token.
        account_id: What they must send as Account-ID.
        ref_ids: Promoters that are known without a click.
        clock: Epoch seconds.
        limit: How many clicks, leads and attempts are kept, each.
        observer: Called after each click and each sign-up call, outside the lock.

    Raises:
        ValueError: The key or the account is blank.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        account_id: str = ACCOUNT_ID,
        ref_ids: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        limit: int = 10_000,
        observer: Callable[[Click | Attempt], None] | None = None,
    ) -> None:
        if not api_key.strip() or not account_id.strip():
            msg = "the API key and the account id must not be blank"
            raise ValueError(msg)
        self.api_key: Final = api_key
        self.account_id: Final = account_id
        self._ref_ids = frozenset(ref_ids)
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
        """The accepted sign-ups, oldest first."""
        with self._lock:
            return tuple(self._ledger.leads)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every sign-up call, refused ones too, oldest first."""
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
        now = self._now()
        lead = None
        # A character takes at most four bytes; decoding megabytes to show a line is waste.
        sent = body[: SENT_SHOWN * 4].decode(errors="replace")[:SENT_SHOWN]
        with self._lock:
            try:
                lead = self._accept(self._read(headers, body), now)
                answer, note = accepted(lead), "accepted"
            except RefusedError as refused:
                answer, note = refused.answer, refused.note
            attempt = Attempt(now, answer.status, note, sent, answer.body.decode(), lead)
            self._ledger.attempts.add(attempt)
        self._tell(attempt)
        return answer

    def reset(self) -> None:
        """Forget everything but the promoters named at the start."""
        with self._lock:
            self._ledger = Ledger(self._limit, MAX_BYTES)

    def _read(self, given: Mapping[str, str], body: bytes) -> SignupCall:
        headers = {name.lower(): value for name, value in given.items()}
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self.api_key:
            raise RefusedError(UNAUTHORIZED, "Authorization is not Bearer with the API key")
        if headers.get("account-id", "").strip() != self.account_id:
            raise RefusedError(UNAUTHORIZED, "Account-ID is not the account's")
        try:
            return read_signup(headers.get("content-type"), body)
        except BadCallError as bad:
            raise RefusedError(BLANK, str(bad)) from None

    def _accept(self, call: SignupCall, now: datetime) -> ReceivedLead:
        promoter = self._find_promoter(call)
        if self._ledger.has_lead(call.email, call.uid):
            raise RefusedError(DUPLICATE, "this email or uid has signed up before")
        lead = ReceivedLead(
            id=self._ledger.next_id(),
            email=call.email,
            uid=call.uid,
            tid=call.tid,
            ref_id=call.ref_id,
            promoter=promoter,
            ip=call.ip,
            created_at=call.created_at or now,
            skip_email_notification=call.skip_email_notification,
            received_at=now,
        )
        self._ledger.add_lead(lead)
        return lead

    def _find_promoter(self, call: SignupCall) -> str:
        if call.tid is not None:
            click = self._ledger.find_click(call.tid)
            if click is None:
                raise RefusedError(UNKNOWN_VISITOR, "no click here was given this tid")
            return click.ref_id
        if call.ref_id is None:
            raise RefusedError(UNKNOWN_VISITOR, "neither tid nor ref_id")
        if call.ref_id not in self._ref_ids and not self._ledger.has_promoter(call.ref_id):
            raise RefusedError(UNKNOWN_VISITOR, "no click here came by this ref_id")
        return call.ref_id

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _tell(self, event: Click | Attempt) -> None:
        if self._observer is not None:
            self._observer(event)
