"""Claim, send, settle: one pass over what is due in the outbox."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ..events.log_line import log_line
from ..events.receipt import Reason, Receipt, Status
from ..outbox.claims import Answer
from ..outbox.retry import decide, is_expired, is_own_failure
from ..outbox.stats import no_counts
from ..outbox.throttle import PERMIT_TTL, PROBES
from ..telemetry import telemetry
from ..timestamps import format_moment
from .outcome_hook import tell_outcome
from .outcome_log import log_end

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from ..api.client import TrackingApi
    from ..api.protocol import Outcome
    from ..outbox.claims import Batch, Claimed
    from ..outbox.retry import Retry
    from ..outbox.stats import Counts
    from ..outbox.store import Outbox
    from ..settings.model import FpromSettings

SETTLE_AFTER_SECONDS: Final = 0.05
"""Seconds of sent and unsettled calls: what a crash would make this process send again."""
LOOK_AFTER_SECONDS: Final = 0.25
"""Seconds after which a claim asks whether another drainer has paused the account."""
FIRST_BATCH: Final = 5
LARGEST_BATCH: Final = 100
_BATCH_SECONDS: Final = 0.25
_REAL_NAP_SECONDS: Final = 1.0
_OTHER_NAP_SECONDS: Final = 0.02
_TICK_SECONDS: Final = 1e-6

logger: logging.Logger = logging.getLogger(__name__)


class Drain:
    """What a delivery sends with; it learns how many events a quarter of a second is good for.

    Args:
        settings: The account's settings.
        outbox: Where events come from.
        api: Where they go.
        clock: Seconds since the epoch.
        stopping: Set when the process ends: then nothing more is claimed.
    """

    def __init__(
        self,
        settings: FpromSettings,
        outbox: Outbox,
        api: TrackingApi,
        *,
        clock: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._api = api
        self._clock = clock
        self._stopping = stopping
        # A clock that is not the machine's own may run at any speed: look at it often.
        self._nap = _REAL_NAP_SECONDS if clock is time.time else _OTHER_NAP_SECONDS
        self._batch = FIRST_BATCH
        self._state: tuple[Reason | None, int | None] | None = None

    def run(
        self,
        *,
        limit: int | None = None,
        seconds: float | None = None,
        wait: bool = False,
        stop: threading.Event | None = None,
        on_progress: Callable[[Counts], None] | None = None,
    ) -> Counts:
        """Send what is due.

        Args:
            limit: Calls at the most.
            seconds: After which no further call is begun.
            wait: True goes on until nothing is pending; False ends when nothing may be sent
                right now.
            stop: Ends the drain between two calls, as the end of the process does.
            on_progress: Called after each batch with the counts so far.

        Returns:
            Calls by what they came to: sent, duplicate, skipped, rejected, failed (due later).
        """
        counts = no_counts()
        begun, began_at = time.monotonic(), self._clock()

        stop = stop or self._stopping

        def over() -> bool:
            spent = max(time.monotonic() - begun, self._clock() - began_at)
            ends = stop.is_set() or self._stopping.is_set()
            return ends or (seconds is not None and spent >= seconds)

        while not over():
            left = None if limit is None else limit - sum(counts.values())
            if left is not None and left <= 0:
                break
            batch = self._outbox.claim(self._batch if left is None else min(self._batch, left))
            counts[Status.REJECTED] += len(batch.unreadable)
            if batch.claimed:
                self._send(batch, counts, over)
            if batch.claimed or batch.unreadable or batch.blocked:
                if on_progress is not None:
                    on_progress(counts)
                continue
            due = self._outbox.next_due() if wait else None
            if due is None:
                break
            stop.wait(min(max(due - self._clock(), 0.001), self._nap))
        return counts

    def _send(self, batch: Batch, counts: Counts, over: Callable[[], bool]) -> None:
        began = settled = looked = time.monotonic()
        answers: list[Answer] = []
        done = 0
        try:
            for item in batch.claimed:
                now = time.monotonic()
                if done and now - looked > LOOK_AFTER_SECONDS and not batch.probe:
                    looked = now
                    if self._outbox.paused():
                        break
                # Calls that come later than they were counted would exceed the rate, and the
                # lease must outlast the call.
                if done and (over() or self._clock() - item.permit_at > PERMIT_TTL):
                    break
                # Counted before: where a job's time limit cuts the call short, its event is not
                # given back, for it may have arrived. The end of its lease frees it.
                done += 1
                answers.append(self._call(item, batch))
                if _ends_batch(answers[-1].outcome, probe=batch.probe):
                    break
                if time.monotonic() - settled > SETTLE_AFTER_SECONDS:
                    self._settle(answers, counts, probe=batch.probe)
                    answers, settled = [], time.monotonic()
        finally:
            unused = batch.claimed[done:]
            self._settle(answers, counts, probe=batch.probe, unused=unused)
        spent = max(time.monotonic() - began, _TICK_SECONDS) / done
        self._batch = max(PROBES, min(LARGEST_BATCH, self._batch * 2, int(_BATCH_SECONDS / spent)))

    def _call(self, item: Claimed, batch: Batch) -> Answer:
        kind, attempt = item.event.kind, item.attempts + 1
        with telemetry().process(kind, item.trace, row_id=item.id, attempt=attempt) as told:
            answer = self._answer(item, self._api.send(item.event), batch)
            told.came_to(answer.status, answer.reason)
        return answer

    def _answer(self, item: Claimed, outcome: Outcome, batch: Batch) -> Answer:
        now = self._clock()
        since = item.queued_at if item.tried_at is None else item.tried_at
        own = is_own_failure(outcome, since=since, got_through_at=batch.got_through_at)
        expired = is_expired(
            own_failures=item.own_failures + own, queued_at=item.queued_at, now=now
        )
        retry = decide(
            outcome,
            failed_count=item.failed_count,
            not_found_count=item.not_found_count,
            now=now,
        )
        expired = expired and own
        return Answer(
            claimed=item,
            outcome=outcome,
            at=now,
            retry=None if expired else retry,
            own_failure=own,
            expired=expired,
        )

    def _settle(
        self,
        answers: Sequence[Answer],
        counts: Counts,
        *,
        probe: bool,
        unused: Sequence[Claimed] = (),
    ) -> None:
        self._outbox.settle(answers, probe=probe, unused=unused)
        for answer in answers:
            counts[answer.status] += 1
        for answer in answers:
            if answer.retry is None:
                event = answer.claimed.event
                receipt = Receipt(answer.status, answer.reason, durable=True, event=event)
                tell_outcome(self._settings, receipt)
                waited = answer.at - answer.claimed.queued_at
                telemetry().ended(event.kind, answer.status, answer.reason, waited=waited)
            self._log(answer)

    def _log(self, answer: Answer) -> None:
        outcome, item = answer.outcome, answer.claimed
        event = item.event
        ids: dict[str, Any] = {"row_id": item.id, "trace": item.trace}
        log_end(event, answer.status, answer.reason, first=not item.attempts, **ids)
        # One line for each change of state, not for each call of an outage.
        state = (outcome.reason, outcome.code) if outcome.status is Status.FAILED else None
        if state == self._state:
            return
        self._state = state
        if state is None:
            log_line(logger, logging.INFO, "FirstPromoter answers again.")
        elif answer.retry is not None:
            level = logging.ERROR if outcome.needs_operator else logging.WARNING
            log_line(
                logger,
                level,
                "A call to FirstPromoter failed (%s). %r is kept; the next try is not before %s.",
                outcome,
                event,
                format_moment(datetime.fromtimestamp(self._next_try(answer.retry), UTC)),
                kind=event.kind,
                status=answer.status,
                reason=answer.reason,
                **ids,
            )

    def _next_try(self, retry: Retry) -> float:
        return max(retry.due_at, self._outbox.next_call_at())


def _ends_batch(outcome: Outcome, *, probe: bool) -> bool:
    # The others of a probe are sent all the same: one bad event must not keep the pause up.
    if outcome.status is not Status.FAILED:
        return False
    return not probe or outcome.reason in {Reason.UNAUTHORIZED, Reason.RATE_LIMITED}
