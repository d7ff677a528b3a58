"""`Fprom`: one FirstPromoter account in one app, the rooms below wired together."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from .delivery.base import StartHint
from .delivery.under_test import warn_of_mode
from .errors import FpromConfigError, FpromTokenError
from .events.fields import NOT_GIVEN
from .events.prepare import SignUp, prepare
from .events.receipt import Reason, Receipt, Status
from .forking import call_in_child
from .frames import without_frames
from .hooks import hook_errors
from .interrupts import raised_by_signal
from .settings.choices import DeliveryMode, WorkerMode
from .settings.model import NO_SIGNING_KEYS, FpromSettings, hide_secrets
from .visitor.consent import may_use
from .visitor.context import TrackingContext
from .visitor.locate import Located, locate
from .visitor.reader import VisitorReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    import httpx

    from .delivery.base import Delivery
    from .events.lead import Lead
    from .outbox.stats import Counts, Stats
    from .visitor.tokens import Signer

T = TypeVar("T")

MAX_AGE: Final = 60 * 86400
"""Seconds for which a token is believed: the life of FirstPromoter's own cookie."""
REFUSE: Final[Any] = object()
"""Stands for "no default": a token that is refused raises."""

_NO_REQUEST: Final = Located(TrackingContext(), None)

logger = logging.getLogger(__name__)


class Fprom:
    """One FirstPromoter account in one app.

    Nothing is opened before the first sign-up. One object serves threads, event loops and
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
        if settings is None:
            settings = FpromSettings.from_env()
        elif isinstance(settings, Mapping):
            settings = FpromSettings.from_mapping(settings)
        self.settings = settings
        self.clock = clock
        self.visitor = VisitorReader(settings, clock)
        self._client = client
        self._delivery: Delivery | None = None
        self._has_warned = False
        self._has_thread = (
            settings.enabled
            and settings.delivery is DeliveryMode.OUTBOX
            and settings.worker is WorkerMode.THREAD
        )
        self.start_hint = StartHint(wanted=self._has_thread)
        self._lock = threading.Lock()
        _accounts.add(self)
        if settings.enabled and settings.delivery is DeliveryMode.OUTBOX:
            # Now and not at the first sign-up: a wrong URL fails at start, and no view waits
            # for an import.
            self._delivery = self._make_delivery()

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

    @without_frames
    def track_signup(
        self,
        request: object,
        email: str | None = NOT_GIVEN,
        *,
        uid: str | int | UUID | None = NOT_GIVEN,
        ref_id: str | None = None,
        created_at: datetime | None = None,
        skip_email_notification: bool | None = None,
        session: Any = None,
    ) -> Receipt:
        """Hand in a sign-up, once the account exists.

        Args:
            request: Any framework's request, a raw environ or scope, or a `TrackingContext`;
                None stands for no request, and so for no visitor.
            email: The e-mail address of the new account, 320 characters at the most. Either this
                or `uid` is given; None and blank text count as no address.
            uid: The app's own id of the account, 255 characters at the most; an int or a UUID
                becomes text.
            ref_id: A promoter's referral id to attribute to, sent beside the tid.
            created_at: The moment of the sign-up, by default now; a naive one is taken as UTC.
            skip_email_notification: True keeps FirstPromoter from sending its e-mail.
            session: The caller's own database transaction: a SQLAlchemy Session or Connection, or
                Django's connection. The lead exists exactly when what it commits does. Inline
                delivery has no row to write into it.

        Returns:
            What became of it. Visitors, the network, the API and the database never raise.

        Raises:
            ValueError: Neither email nor uid was given.
            FpromNotInstalled: The request holds no tracking context.
            FpromConfigError: `session` is bound to another database than the outbox.
        """
        said = SignUp(email, uid, ref_id, created_at, skip_email_notification)
        lead = self._prepare(request, said)
        if isinstance(lead, Receipt):
            return lead
        try:
            self._warn_once()
            return self.delivery.accept(lead, session=session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return _give_up(error)

    @without_frames
    async def track_signup_async(
        self,
        request: object,
        email: str | None = NOT_GIVEN,
        *,
        uid: str | int | UUID | None = NOT_GIVEN,
        ref_id: str | None = None,
        created_at: datetime | None = None,
        skip_email_notification: bool | None = None,
        session: Any = None,
    ) -> Receipt:
        """Do as `track_signup` without blocking the event loop, on asyncio and trio."""
        said = SignUp(email, uid, ref_id, created_at, skip_email_notification)
        lead = self._prepare(request, said)
        if isinstance(lead, Receipt):
            return lead
        try:
            self._warn_once()
            return await self.delivery.accept_async(lead, session=session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return _give_up(error)

    def _prepare(self, request: object, signup: SignUp) -> Lead | Receipt:
        located = _NO_REQUEST if request is None else locate(request)
        try:
            return prepare(self.settings, signup, located, now=self.clock())
        except Exception as error:  # noqa: BLE001 - as above
            return _give_up(error)

    def _warn_once(self) -> None:
        # A client that was handed in is a test's own, or knows where it sends.
        if not self._has_warned and self._client is None:
            self._has_warned = True
            warn_of_mode(self.settings)

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
            Calls by what they came to: sent, duplicate, rejected, failed (due later).

        Raises:
            FpromOutboxError: The outbox's database refused; nothing is lost by that.
            FpromConfigError: The outbox's tables are of another version.
        """
        return self.delivery.drain(limit=limit, seconds=seconds, wait=wait)

    @without_frames
    def stats(self) -> Stats:
        """Count what waits, for a health endpoint; ``dict(stats)`` is ready for JSON.

        Returns:
            The figures of this account.

        Raises:
            FpromOutboxError: The outbox's database refused.
            FpromConfigError: The outbox's tables are of another version.
        """
        return replace(self.delivery.stats(), hook_errors=hook_errors(self.settings))

    @property
    def needs_start(self) -> bool:
        """True where a request has to call `start_worker`; `start_hint` says when to ask."""
        delivery = self._delivery
        return self._has_thread if delivery is None else delivery.needs_start

    def start_worker(self) -> None:
        """Start this process's background thread, or a new one in place of one that died."""
        try:
            self.delivery.start()
        except Exception as error:  # noqa: BLE001 - no request fails because of us
            logger.error("The outbox's thread could not be started: %s.", type(error).__name__)  # noqa: TRY400 - a text could quote a setting

    def close(self) -> None:
        """Stop the thread and close what this process opened; the object can be used again."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
            self.start_hint.wanted = self._has_thread
        if delivery is not None:
            self._finalizer.detach()
            delivery.close()

    async def aclose(self) -> None:
        """Do as `close` without blocking the event loop."""
        # Here and not above: importing this package loads no anyio.
        from .delivery.off_loop import run_off_loop  # noqa: PLC0415

        await run_off_loop(self.close)

    @property
    def delivery(self) -> Delivery:
        """Where this account's events go; the commands drain it."""
        delivery = self._delivery
        if delivery is None:
            with self._lock:
                if self._delivery is None:
                    self._delivery = self._make_delivery()
                delivery = self._delivery
        return delivery

    def _make_delivery(self) -> Delivery:
        # Here and not above: importing this package loads no HTTP client and no SQL.
        from .api.client import TrackingApi  # noqa: PLC0415
        from .delivery.choice import make_delivery  # noqa: PLC0415
        from .delivery.registry import close_at_exit  # noqa: PLC0415

        api = TrackingApi(self.settings, client=self._client, clock=self.clock)
        delivery = make_delivery(self.settings, api, clock=self.clock, hint=self.start_hint)
        close_at_exit(delivery)
        # An app that is thrown away, as tests do by the hundred, takes its thread with it.
        self._finalizer = weakref.finalize(self, delivery.stop_when_idle)
        self._finalizer.atexit = False
        return delivery

    def _start_afresh(self) -> None:
        # Threads, locks and connections are the parent's.
        if self._delivery is not None:
            self._finalizer.detach()
            self._delivery = None
        self.start_hint.wanted = self._has_thread
        self._lock = threading.Lock()


_accounts: weakref.WeakSet[Fprom] = weakref.WeakSet()


def _start_afresh() -> None:
    for fprom in list(_accounts):
        fprom._start_afresh()  # noqa: SLF001 - this module's own


call_in_child(_start_afresh)


def _give_up(error: Exception) -> Receipt:
    limit = raised_by_signal(error)
    if limit is not None:
        raise limit
    # Never the error's text: it may hold what the visitor sent.
    logger.error("A sign-up could not be handed in: %s.", type(error).__name__)
    return Receipt(Status.FAILED, Reason.UNEXPECTED)
