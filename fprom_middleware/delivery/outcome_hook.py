"""FPROM_ON_OUTCOME: the app hears of every final outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hooks import call_hook

if TYPE_CHECKING:
    from ..events.receipt import Receipt
    from ..settings.model import FpromSettings


def tell_outcome(settings: FpromSettings, receipt: Receipt) -> None:
    """Call FPROM_ON_OUTCOME; what it raises is logged, and the outcome stands.

    Args:
        settings: The account's settings.
        receipt: The final outcome.
    """
    if settings.on_outcome is not None:
        call_hook(
            settings,
            "FPROM_ON_OUTCOME",
            settings.on_outcome,
            receipt.event,
            receipt,
            meaning="the outcome stands",
        )
