"""`Fprom`: the settings of one account and the delivery behind `track_signup`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .client_ip import AddressReader
from .context import TrackingContext, locate
from .errors import FpromNotInstalled
from .leads import Reason, Receipt, Status
from .settings import FpromSettings
from .signup import SignUp, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import httpx

    from .delivery import Delivery

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
        self._delivery: Delivery | None = None
        self._lock = threading.Lock()
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
            session: The caller's own database transaction; inline delivery has no row to
                write into it.

        Returns:
            What became of it. Visitors, the network, the API and the database never raise.

        Raises:
            ValueError: Neither email nor uid.
            FpromNotInstalled: The request carries no tracking context.
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
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return _broken(error)

    def close(self) -> None:
        """Close what this process opened; the object can be used again."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.close()

    async def aclose(self) -> None:
        """Close what this process and this event loop opened."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
        if delivery is not None:
            await delivery.aclose()

    def _deliverer(self) -> Delivery:
        delivery = self._delivery
        if delivery is None:
            # Here and not above: importing this package loads no HTTP client.
            from .api import TrackingApi  # noqa: PLC0415
            from .delivery import InlineDelivery  # noqa: PLC0415

            with self._lock:
                if self._delivery is None:
                    self._delivery = InlineDelivery(
                        self.settings,
                        TrackingApi(
                            self.settings,
                            client=self._client,
                            async_client=self._async_client,
                            clock=self.clock,
                        ),
                    )
                delivery = self._delivery
        return delivery


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
