"""Whether an app's own tests are running: made-up events do not belong in a real outbox."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from ..settings.choices import DeliveryMode

if TYPE_CHECKING:
    from ..settings.model import FpromSettings

logger: logging.Logger = logging.getLogger(__name__)


def warn_of_mode(settings: FpromSettings) -> None:
    """Say it where the delivery does not fit: a real one in tests, the tests' own outside.

    Args:
        settings: The account's settings; a base URL on this machine is not the real API.
    """
    runner = find_runner()
    if settings.delivery is DeliveryMode.MEMORY:
        if runner is None:
            logger.warning(
                "FPROM_DELIVERY=memory sends nothing, and what it keeps ends with this process: it "
                "is meant for tests."
            )
    elif runner is not None and not settings.is_local:
        logger.warning(
            "An event under %s goes to FirstPromoter as a real one would. For tests, use "
            "fprom_middleware.testing, or set FPROM_DELIVERY=memory.",
            runner,
        )


def find_runner() -> str | None:
    """Name what runs tests in this process, or in one that started it; None for a real app."""
    # pytest sets the one for its whole run and the other for each test; servers inherit both.
    if "PYTEST_CURRENT_TEST" in os.environ or "PYTEST_VERSION" in os.environ:
        return "pytest"
    # Looked up and never imported: an app that does not use them does not load them.
    mail = sys.modules.get("django.core.mail")
    if hasattr(mail, "outbox"):
        return "Django's test runner"
    flask = sys.modules.get("flask")
    if flask is not None and flask.has_app_context() and flask.current_app.testing:
        return "Flask's TESTING"
    return None
