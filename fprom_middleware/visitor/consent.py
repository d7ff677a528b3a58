"""Whether a visitor agreed to be tracked: FPROM_CONSENT, asked about one request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..hooks import FAILED, call_hook
from .context import RequestTracking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings.model import FpromSettings
    from .locate import Located

logger: logging.Logger = logging.getLogger(__name__)


def may_track(settings: FpromSettings, connection: Mapping[str, Any]) -> bool:
    """Ask FPROM_CONSENT; a hook that raises means no.

    Args:
        settings: The account's settings.
        connection: The environ or scope.

    Returns:
        True where the hook agrees or none is set.
    """
    if settings.consent is None:
        return True
    answer = call_hook(
        settings, "FPROM_CONSENT", settings.consent, connection, meaning="taken as no consent"
    )
    return answer is not FAILED and bool(answer)


def may_use(settings: FpromSettings, located: Located) -> bool:
    """Say whether what is known of a visitor may be used.

    Args:
        settings: The account's settings.
        located: What a view handed in. A context made by hand or read from a token counts as
            asked; one that reads a request cannot be asked about without that request.

    Returns:
        True where the hook agrees, none is set, or it was asked before.
    """
    if settings.consent is None:
        return True
    if located.connection is not None:
        return may_track(settings, located.connection)
    if isinstance(located.context, RequestTracking):
        logger.error(
            "FPROM_CONSENT cannot be asked about a context without its request: hand in the "
            "request. Taken as no consent."
        )
        return False
    return True
