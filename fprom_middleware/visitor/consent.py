"""Whether a visitor agreed to be tracked: FPROM_CONSENT, asked about one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..hooks import FAILED, call_hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings.model import FpromSettings


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
