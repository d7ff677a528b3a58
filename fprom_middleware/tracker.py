"""`Fprom`: the settings of one account and the delivery behind `track_signup`."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .client_ip import AddressReader
from .context import TrackingContext, locate
from .errors import FpromConfigError, FpromNotInstalled
from .leads import Reason, Receipt, Status
from .parsing import Delivery, Worker
from .settings import FpromSettings
from .signup import SignUp, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import httpx

    from .delivery import Delivery as Deliverer
    from .stats import Counts, Stats

logger = logging.getLogger("fprom_middleware")


class Fprom:
    """One FirstPromoter account in one app.

    Nothing is opened before the first sign-up. One object serves threads, event loops and
    forked processes.

    Args:
        settings: The settings, a mapping with ``FPROM_*`` keys, or None for the process
            environment.
        clock: Seconds since the epoch; the only clock there is.
        client: An httpx client in place of the pooled one, for a proxy or a test.
        async_client: The same for async calls.

    Raises:
        FpromConfigError: A setting is wrong.
    """

    def __init__(
        self,
        settings: FpromSettings | Mapping[str, Any] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
    ) -> None:
        if settings is None:
            settings = FpromSettings.from_env()
        elif isinstance(settings, Mapping):
            settings = FpromSettings.from_mapping(settings)
        self.settings = settings
        self.clock = clock
        header = settings.client_ip_header
        self.address_header = header or "X-Forwarded-For"
        self.address_name = self.address_header.lower().encode("ascii")
        self.addresses = AddressReader(settings.trusted_proxies, edge=header is not None)
        self._client = client
        self._async_client = async_client
        self._delivery: Deliverer | None = None
        self._lock = threading.Lock()
        # True until a first request has started the background thread of this process.
        self.asleep = self._has_thread()
        _everyone.add(self)
        if settings.enabled and settings.delivery is Delivery.OUTBOX:
            # Now and not at the first sign-up: a wrong URL fails at start, and no view waits
            # for an import.
            self._delivery = self._make_delivery()
        if header and not settings.trusted_proxies:
            logger.warning(
                "FPROM_CLIENT_IP_HEADER=%s is never believed while FPROM_TRUSTED_PROXIES trusts "
                "nobody: name the proxies that hand it on.",
                header,
            )

    @classmethod
    def of(cls, given: Fprom | FpromSettings | Mapping[str, Any] | None) -> Fprom:
        """Return an `Fprom` as it is, or make one of settings.

        Args:
            given: What a middleware takes as its second argument.

        Returns:
            The `Fprom`.
        """
        return given if isinstance(given, Fprom) else cls(given)

    def get_tracking(self, request: object) -> TrackingContext:
        """Return the tracking context of a request, as the module's function does."""
        return locate(request)[0]

    def track_signup(
        self,
        request: object,
        email: str | None = None,
        *,
        uid: object = None,
        ref_id: str | None = None,
        created_at: datetime | None = None,
        skip_email_notification: bool | None = None,
        session: Any = None,
    ) -> Receipt:
        """Hand in a sign-up, once the account exists.

        Args:
            request: Any framework's request, a raw environ or scope, or a `TrackingContext`.
            email: The e-mail address of the new account.
            uid: The app's own id of the account; an int or a UUID becomes text.
            ref_id: A promoter's referral id to attribute to, sent beside the tid.
            created_at: The moment of the sign-up, by default now; a naive one is taken as UTC.
            skip_email_notification: True keeps FirstPromoter from sending its e-mail.
            session: The caller's own database transaction: a SQLAlchemy Session or Connection, or
                Django's connection. The lead exists exactly when what it commits does. Inline
                delivery has no row to write into it.

        Returns:
            What became of it. Visitors, the network, the API and the database never raise.

        Raises:
            ValueError: Neither email nor uid.
            FpromNotInstalled: The request carries no tracking context.
            FpromConfigError: `session` is bound to another database than the outbox.
        """
        signup = SignUp.read(
            email, uid, ref_id, created_at, skip_email_notification=skip_email_notification
        )
        context, carrier = locate(request)
        try:
            lead = prepare(self.settings, signup, context, carrier, now=self.clock())
            if isinstance(lead, Receipt):
                return lead
            return self._deliverer().accept(lead, session=session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return _broken(error)

    async def track_signup_async(
        self,
        request: object,
        email: str | None = None,
        *,
        uid: object = None,
        ref_id: str | None = None,
        created_at: datetime | None = None,
        skip_email_notification: bool | None = None,
        session: Any = None,
    ) -> Receipt:
        """Hand in a sign-up without blocking the event loop.

        Args:
            request: As in `track_signup`, like everything else here.
            email: The e-mail address of the new account.
            uid: The app's own id of the account.
            ref_id: A promoter's referral id to attribute to.
            created_at: The moment of the sign-up.
            skip_email_notification: True keeps FirstPromoter from sending its e-mail.
            session: The caller's own database transaction.

        Returns:
            What became of it.

        Raises:
            ValueError: Neither email nor uid.
            FpromNotInstalled: The request carries no tracking context.
            FpromConfigError: `session` is bound to another database than the outbox.
        """
        signup = SignUp.read(
            email, uid, ref_id, created_at, skip_email_notification=skip_email_notification
        )
        context, carrier = locate(request)
        try:
            lead = prepare(self.settings, signup, context, carrier, now=self.clock())
            if isinstance(lead, Receipt):
                return lead
            return await self._deliverer().accept_async(lead, session=session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return _broken(error)

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
            SQLAlchemyError: The outbox's database refused; nothing is lost by that.
            FpromConfigError: The outbox's tables are of another version.
        """
        return self._deliverer().drain(limit=limit, seconds=seconds, wait=wait)

    def stats(self) -> Stats:
        """Count what waits, for a health endpoint; ``dict(stats)`` is ready for JSON.

        Returns:
            The figures of this account.

        Raises:
            SQLAlchemyError: The outbox's database refused.
            FpromConfigError: The outbox's tables are of another version.
        """
        return self._deliverer().stats()

    def start(self) -> None:
        """Start this process's background thread; the middlewares do, at the first request."""
        self.asleep = False
        try:
            self._deliverer().start()
        except Exception as error:  # noqa: BLE001 - no request fails because of us
            logger.error("The outbox's thread could not be started: %s.", type(error).__name__)  # noqa: TRY400 - a text could quote a setting

    def close(self) -> None:
        """Stop the thread and close what this process opened; the object can be used again."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.close()
        self.asleep = self._has_thread()

    async def aclose(self) -> None:
        """Do as `close` without blocking the event loop, and close this loop's connections."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
        if delivery is not None:
            await delivery.aclose()
        self.asleep = self._has_thread()

    def _has_thread(self) -> bool:
        settings = self.settings
        return (
            settings.enabled
            and settings.delivery is Delivery.OUTBOX
            and settings.worker is Worker.THREAD
        )

    def _deliverer(self) -> Deliverer:
        delivery = self._delivery
        if delivery is None:
            with self._lock:
                if self._delivery is None:
                    self._delivery = self._make_delivery()
                delivery = self._delivery
        return delivery

    def _make_delivery(self) -> Deliverer:
        # Here and not above: importing this package loads no HTTP client and no SQL.
        from .api import TrackingApi  # noqa: PLC0415

        api = TrackingApi(
            self.settings,
            client=self._client,
            async_client=self._async_client,
            clock=self.clock,
        )
        if self.settings.delivery is Delivery.INLINE or not self.settings.enabled:
            from .delivery import InlineDelivery  # noqa: PLC0415

            return InlineDelivery(self.settings, api)
        from .queued import OutboxDelivery  # noqa: PLC0415

        return OutboxDelivery(self.settings, api, clock=self.clock)

    def _forked(self) -> None:
        # Threads, locks and connections are the parent's. What it held is kept, unused: were
        # it collected here, its connections would be closed under the parent's feet.
        _inherited.append(self._delivery)
        self._delivery = None
        self._lock = threading.Lock()
        self.asleep = self._has_thread()


_everyone: weakref.WeakSet[Fprom] = weakref.WeakSet()
_inherited: list[object] = []


def _after_fork() -> None:
    for fprom in list(_everyone):
        fprom._forked()  # noqa: SLF001 - this module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def track_signup(
    request: object,
    email: str | None = None,
    *,
    uid: object = None,
    ref_id: str | None = None,
    created_at: datetime | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Hand in a sign-up to the account whose middleware saw the request.

    Args:
        request: As in `Fprom.track_signup`, like everything else here.
        email: The e-mail address of the new account.
        uid: The app's own id of the account.
        ref_id: A promoter's referral id to attribute to.
        created_at: The moment of the sign-up.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.
        session: The caller's own database transaction.

    Returns:
        What became of it.

    Raises:
        ValueError: Neither email nor uid.
        FpromNotInstalled: The request carries no tracking context, or a bare one.
    """
    return fprom_of(request).track_signup(
        request,
        email,
        uid=uid,
        ref_id=ref_id,
        created_at=created_at,
        skip_email_notification=skip_email_notification,
        session=session,
    )


async def track_signup_async(
    request: object,
    email: str | None = None,
    *,
    uid: object = None,
    ref_id: str | None = None,
    created_at: datetime | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Hand in a sign-up without blocking the event loop.

    Args:
        request: As in `Fprom.track_signup`, like everything else here.
        email: The e-mail address of the new account.
        uid: The app's own id of the account.
        ref_id: A promoter's referral id to attribute to.
        created_at: The moment of the sign-up.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.
        session: The caller's own database transaction.

    Returns:
        What became of it.

    Raises:
        ValueError: Neither email nor uid.
        FpromNotInstalled: The request carries no tracking context, or a bare one.
    """
    return await fprom_of(request).track_signup_async(
        request,
        email,
        uid=uid,
        ref_id=ref_id,
        created_at=created_at,
        skip_email_notification=skip_email_notification,
        session=session,
    )


def fprom_of(request: object) -> Fprom:
    """Return the `Fprom` whose middleware saw a request.

    Args:
        request: As in `Fprom.track_signup`.

    Returns:
        The innermost middleware's.

    Raises:
        FpromNotInstalled: No context, or one made by hand, which knows no `Fprom`.
    """
    fprom = locate(request)[0]._fprom  # noqa: SLF001 - the context is this package's own
    if fprom is None:
        msg = (
            "This TrackingContext was made by hand and knows no Fprom. Hand it to yours: "
            "fprom.track_signup(context, email)."
        )
        raise FpromNotInstalled(msg)
    return fprom


def _broken(error: Exception) -> Receipt:
    # Never the error's text: it may hold what the visitor sent.
    logger.error("A sign-up could not be handed in: %s.", type(error).__name__)
    return Receipt(Status.FAILED, Reason.UNEXPECTED)
