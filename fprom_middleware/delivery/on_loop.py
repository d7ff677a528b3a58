"""A call that waits, on a thread whose event loop serves others meanwhile: it is told once."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent

logger: logging.Logger = logging.getLogger(__name__)


class LoopWarning:
    """Says once that a sync call holds up the event loop.

    Attributes:
        wanted: False once it has been said.
    """

    def __init__(self) -> None:
        self.wanted = True

    def look(self, event: AnyEvent) -> None:
        """Warn where this thread runs an event loop, and name the call's twin.

        Args:
            event: What is handed in; nothing of it is shown but its kind.
        """
        if is_on_loop():
            self.wanted = False
            logger.warning(
                "track_%s is called on a running event loop, which stands still until the event "
                "is taken. Await track_%s_async in its place.",
                event.kind,
                event.kind,
            )


def is_on_loop() -> bool:
    """Say whether asyncio or trio runs in this thread.

    Returns:
        True inside a coroutine, and in what one calls without a thread.
    """
    # Looked up and never imported: an app that has no loop does not load them for this.
    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", None)
    if running is not None and running() is not None:
        return True
    trio: Any = sys.modules.get("trio")
    in_trio_run = getattr(getattr(trio, "lowlevel", None), "in_trio_run", None)
    return in_trio_run is not None and bool(in_trio_run())
