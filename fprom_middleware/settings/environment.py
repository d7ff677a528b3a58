"""Settings that stand in the process environment where a framework's own are read instead."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from .model import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Container

logger: logging.Logger = logging.getLogger(__name__)


def warn_of_environment(given: Container[str], place: str) -> None:
    """Say which ``FPROM_*`` variables have no effect, for their names alone.

    Args:
        given: The names of the settings that are read.
        place: Where they are read from, for the message.
    """
    unread = sorted(key for key in SETTINGS if key in os.environ and key not in given)
    if unread:
        logger.warning(
            "%s: in the environment, where it has no effect: settings are read from %s alone.",
            ", ".join(unread),
            place,
        )
