"""`Fprom`: one FirstPromoter account in one app, the rooms below wired together."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from .delivery.current import CurrentDelivery
from .delivery.hand_in import HandIn, count, give_up
from .delivery.on_loop import LoopWarning
from .delivery.under_test import warn_of_mode
from .errors import FpromConfigError, FpromOutboxError, FpromTokenError
from .events.payments import DOUBLE_COMMISSION, Sale
from .events.prepare import prepare
from .events.receipt import Receipt
from .frames import without_frames
from .health import MAX_AGE_SECONDS, judge
from .hooks import hook_errors
from .settings.choices import DeliveryMode
from .settings.model import NO_SIGNING_KEYS, FpromSettings, hide_secrets
from .verbs import TrackingVerbs
from .visitor.consent import may_use
from .visitor.context import TrackingContext
from .visitor.locate import locate
from .visitor.reader import VisitorReader
from .visitor.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .delivery.base import Delivery, StartHint
    from .events.kinds import AnyEvent
    from .health import Health
    from .outbox.stats import Counts, Stats
    from .visitor.tokens import Signer

T = TypeVar("T")

MAX_AGE: Final = 60 * 86400
"""Seconds for which a token is believed: the life of FirstPromoter's own cookie."""
REFUSE: Final[Any] = object()
"""Stands for "no default": a token that is refused raises."""
MAX_METADATA: Final = 500
"""Characters of a value in Stripe's metadata: a longer one would fail the checkout."""

logger: logging.Logger = logging.getLogger(__name__)


class Fprom(TrackingVerbs):
    """One FirstPromoter account in one app.

    Nothing is opened before the first event. One object serves threads, event loops and
    forked processes.

    Args:
        settings: The settings, a mapping with ``FPROM_*`` keys, or None for the process
            environment.
        clock: Seconds since the epoch; the only clock there is.
        client: An httpx client in place of the pooled one, for a proxy or a test.

    Raises:
        FpromConfigError: A setting is wrong.
    """

    def __init__(
        self,
        settings: FpromSettings | Mapping[str, Any] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        client: httpx.Client | None = None,
    ) -> None:
        settings = hide_secrets(settings)
        settings = _read_settings(settings)
        self.settings = settings
        self.clock = clock
        self.visitor: VisitorReader = VisitorReader(settings, clock)
        self._client = client
        self._current = CurrentDelivery(settings, clock, client)
        self.start_hint: StartHint = self._current.hint
        self._has_warned = self._has_sold = False
        self._loop_warning = LoopWarning()
        # A list is written to at once.
        self._loop_warning.wanted = settings.delivery is not DeliveryMode.MEMORY

    @classmethod
    def of(cls, given: Fprom | FpromSettings | Mapping[str, Any] | None) -> Fprom:
        """Return an `Fprom` as it is, or make one of settings.

        Args:
            given: What a middleware takes as its second argument.

        Returns:
            The `Fprom`.
        """
        given = hide_secrets(given)
        return given if isinstance(given, Fprom) else cls(given)

    def get_tracking(self, request: object) -> TrackingContext:
        """Return the tracking context of a request, as the module's function does."""
        return locate(request).context

    def _hand_in(
        self, event: AnyEvent, *, request: object, visitor: object, session: Any
    ) -> Receipt:
        ready = self._prepare(event, request, visitor)
        if isinstance(ready, Receipt):
            return ready
        with HandIn(ready, _trace(ready, request)) as taken:
            # What a session waits for is the caller's own; what a test replaced waits for nothing.
            if self._loop_warning.wanted and session is None and not self._current.is_replaced:
                self._loop_warning.look(ready)
            taken.receipt = self.delivery.accept(ready, session=session, trace=taken.trace)
        return taken.receipt

    async def _hand_in_async(
        self, event: AnyEvent, *, request: object, visitor: object, session: Any
    ) -> Receipt:
        ready = self._prepare(event, request, visitor)
        if isinstance(ready, Receipt):
            return ready
        with HandIn(ready, _trace(ready, request)) as taken:
            taken.receipt = await self.delivery.accept_async(
                ready, session=session, trace=taken.trace
            )
        return taken.receipt

    def _prepare(self, event: AnyEvent, request: object, visitor: object) -> AnyEvent | Receipt:
        # A request without a context is a mistake, also where nothing of it is sent.
        located = None if request is None else locate(request)
        if visitor is not request:
            located = None if visitor is None else locate(visitor)
        try:
            ready = prepare(self.settings, event, located, now=self.clock())
            if not isinstance(ready, Receipt):
                self._warn_once(ready)
        except Exception as error:  # noqa: BLE001 - no view fails because of us
            ready = give_up(event, error)
        if isinstance(ready, Receipt):
            self._current.note(event.kind, ready)
            count(event, ready)
        return ready

    def _warn_once(self, event: AnyEvent) -> None:
        # A client that was handed in is a test's own, or knows where it sends.
        is_real = self._client is None and not self._current.is_replaced
        if not self._has_warned and is_real:
            self._has_warned = True
            warn_of_mode(self.settings)
        if isinstance(event, Sale) and not self._has_sold:
            self._has_sold = True
            logger.warning("The first sale of this process. %s", DOUBLE_COMMISSION)

    @without_frames
    def dump_tracking(self, request: object, *, purpose: str = "signup") -> str:
        """Sign who the visitor is, to carry it through a link, an OAuth state or a job.

        Args:
            request: As in `track_signup`, or a `TrackingContext`.
            purpose: What the token is for; `load_tracking` must name the same.

        Returns:
            A URL-safe text, under 200 characters for an ordinary visitor. It is signed, not
            secret: its reader sees the tid and the address in it. Without consent, and for an
            organic visitor, it holds neither.

        Raises:
            FpromConfigError: FPROM_SECRET_KEYS is not set.
            FpromNotInstalled: The request holds no tracking context.
        """
        located = locate(request)
        context = located.context
        signer = self._signer(purpose)
        organic = context.tid is None and context.ref_id is None
        if organic or not may_use(self.settings, located):
            context = TrackingContext(captured_at=context.captured_at)
        return signer.dump(context, rule=self.settings.send_ip, now=self.clock())

    @without_frames
    def stripe_metadata(self, request: object) -> dict[str, str]:
        """Return what tells a payment provider that FirstPromoter is connected to who paid.

        Args:
            request: As in `track_signup`, or a `TrackingContext`.

        Returns:
            ``{"fp_tid": ...}`` for ``metadata=`` of Stripe, custom data of Paddle, or a hidden
            field; empty for an organic visitor, and without consent.

        Raises:
            FpromNotInstalled: The request holds no tracking context.
        """
        located = locate(request)
        tid = located.context.tid
        fits = isinstance(tid, str) and tid.strip() and len(tid) <= MAX_METADATA
        if tid is None or not fits or not self.settings.enabled:
            return {}
        return {"fp_tid": tid} if may_use(self.settings, located) else {}

    @overload
    def load_tracking(
        self, token: object, *, purpose: str = ..., max_age: float | None = ...
    ) -> TrackingContext: ...

    @overload
    def load_tracking(
        self, token: object, *, purpose: str = ..., max_age: float | None = ..., default: T
    ) -> TrackingContext | T: ...

    @without_frames
    def load_tracking(
        self,
        token: object,
        *,
        purpose: str = "signup",
        max_age: float | None = MAX_AGE,
        default: Any = REFUSE,
    ) -> Any:
        """Verify what `dump_tracking` signed.

        Args:
            token: What came back; anything at all.
            purpose: What the token is for.
            max_age: Seconds since the capture; None accepts any age.
            default: What to return for a token that is refused, instead of raising.

        Returns:
            The context, which knows this `Fprom`: ``track_signup(context, email)`` sends it.

        Raises:
            FpromTokenError: The token is refused; ``reason`` says why.
            FpromConfigError: FPROM_SECRET_KEYS is not set.
        """
        signer = self._signer(purpose)
        try:
            context = signer.load(token, max_age=max_age, now=self.clock())
        except FpromTokenError:
            if default is REFUSE:
                raise
            return default
        context.owner = self
        return context

    def _signer(self, purpose: str) -> Signer:
        keys = self.settings.secret_keys
        if not keys:
            raise FpromConfigError(NO_SIGNING_KEYS, key="FPROM_SECRET_KEYS")
        # Here and not above: an app without tokens need not load itsdangerous.
        from .visitor.tokens import Signer  # noqa: PLC0415

        return Signer(keys, self.settings.account_id, purpose)

    @without_frames
    def drain(
        self, limit: int | None = None, seconds: float | None = None, *, wait: bool = False
    ) -> Counts:
        """Send what is due in the outbox, in this thread.

        The same loop that the background thread runs; cron, Celery or anything else may call
        it, in any number of processes at once.

        Args:
            limit: Calls at the most.
            seconds: After which no further call is begun.
            wait: True goes on until nothing is pending; False returns once nothing may be sent
                right now: nothing due, the minute's calls used up, or the account paused.

        Returns:
            Calls by what they came to: sent, duplicate, skipped, rejected, failed (due later).

        Raises:
            FpromOutboxError: The outbox's database refused; nothing is lost by that.
            FpromConfigError: The outbox's tables are of another version.
        """
        return self.delivery.drain(limit=limit, seconds=seconds, wait=wait)

    @without_frames
    def stats(self) -> Stats:
        """Count what waits; ``dict(stats)`` is ready for JSON.

        Returns:
            The figures of this account.

        Raises:
            FpromOutboxError: The outbox's database refused.
            FpromConfigError: The outbox's tables are of another version.
        """
        return replace(self.delivery.stats(), hook_errors=hook_errors(self.settings))

    @without_frames
    def health(self, *, max_age: float = MAX_AGE_SECONDS) -> Health:
        """Say whether a person has to look, for a view that a monitor asks.

        It takes a second at the most and raises nothing for the database: that it does not
        answer is part of the verdict. A load balancer must not ask it, for the app serves its
        users all the same.

        Args:
            max_age: Seconds that the oldest event may have waited.

        Returns:
            The verdict: ``.ok``, ``.status_code`` (200 or 503), ``.reasons``; ``dict(health)`` is
            ready for JSON.
        """
        try:
            figures = self.delivery.stats()
        except (FpromOutboxError, FpromConfigError):
            figures = None
        return judge(figures, max_age=max_age)

    async def health_async(self, *, max_age: float = MAX_AGE_SECONDS) -> Health:
        """Do as `health` without blocking the event loop."""
        # Here and not above, as in `aclose`.
        from .delivery.off_loop import run_off_loop  # noqa: PLC0415

        return await run_off_loop(lambda: self.health(max_age=max_age))

    @property
    def is_tested(self) -> bool:
        """True where nothing is to leave this machine: a test's stand-in takes the events."""
        return self._current.is_replaced or self.settings.delivery is DeliveryMode.MEMORY

    @property
    def needs_start(self) -> bool:
        """True where a request has to call `start_worker`; `start_hint` says when to ask."""
        return self._current.needs_start

    def start_worker(self) -> None:
        """Start this process's background thread, or a new one in place of one that died."""
        self._current.start()

    def close(self) -> None:
        """Stop the thread and close what this process opened; the object can be used again."""
        self._current.close()

    async def aclose(self) -> None:
        """Do as `close` without blocking the event loop."""
        # Here and not above: importing this package loads no anyio.
        from .delivery.off_loop import run_off_loop  # noqa: PLC0415

        await run_off_loop(self.close)

    @property
    def delivery(self) -> Delivery:
        """Where this account's events go; the commands drain it."""
        return self._current.get()


def _read_settings(given: object) -> FpromSettings:
    if given is None:
        return FpromSettings.from_env()
    if isinstance(given, FpromSettings):
        return given
    if isinstance(given, Mapping):
        return FpromSettings.from_mapping(given)
    kind = "str" if isinstance(given, str) else type(given).__name__
    msg = (
        "An account is made of an FpromSettings, a mapping with FPROM_* keys, or None; not of "
        f"a {kind}."
    )
    raise FpromConfigError(msg)


def check_app(app: object) -> None:
    """See that an app stands where a middleware takes one.

    Args:
        app: What was handed in, its secrets hidden where it is a mapping.

    Raises:
        FpromConfigError: The arguments are in the wrong order.
    """
    if isinstance(app, Fprom | FpromSettings | Mapping) and not callable(app):
        msg = "The arguments are in the wrong order: first the app, then the Fprom or its settings."
        raise FpromConfigError(msg)


def _trace(event: AnyEvent, request: object) -> str | None:
    if request is None:
        return None
    return read_trace(locate(request), known=event.to_json().values())
