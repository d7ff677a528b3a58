"""What the settings say about reading a visitor, compiled once for every request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .attach import header_key
from .click import Click
from .client_ip import AddressReader
from .cookies import find_ref
from .forwarding import XFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..settings.model import FpromSettings
    from .context import RequestTracking
    from .sources import VisitorSources

logger: logging.Logger = logging.getLogger(__name__)


class VisitorReader:
    """How the visitors of one account are read.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.

    Attributes:
        addresses: Whose address counts.
        address_key: The forwarding header's key in a WSGI environ.
        address_name: The forwarding header's name in an ASGI scope.
        sources: What the settings turn on beyond the vendor's cookies, or None.
    """

    __slots__ = ("address_key", "address_name", "addresses", "sources")

    def __init__(self, settings: FpromSettings, clock: Callable[[], float]) -> None:
        edge = settings.client_ip_header
        name = edge or XFF
        self.addresses: AddressReader = AddressReader(settings.trusted_proxies, header=name)
        self.address_key: str = header_key(name)
        self.address_name: bytes = name.lower().encode("ascii")
        self.sources: VisitorSources | None = None
        if settings.keep_days or settings.link_params or settings.tid_header:
            # Here and not above: an app that turns none on need not load itsdangerous.
            from .sources import VisitorSources  # noqa: PLC0415

            self.sources = VisitorSources(settings, clock, self.addresses)
        if edge and not settings.trusted_proxies:
            logger.warning(
                "FPROM_CLIENT_IP_HEADER=%s is never believed while FPROM_TRUSTED_PROXIES is "
                "empty: name the proxies that hand it on.",
                edge,
            )

    def read_click(self, context: RequestTracking) -> Click:
        """Read the click of a visitor whom no cookie of the vendor's gives a tid.

        Args:
            context: A request's own.

        Returns:
            The click that counts: tid and ref of one source.
        """
        if self.sources is None:
            return Click(None, find_ref(context.cookies))
        return self.sources.read_click(context)
