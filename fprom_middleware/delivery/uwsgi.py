"""uWSGI without threads: a background thread is started there, and stands still for ever."""

from __future__ import annotations

import logging
import sys

logger: logging.Logger = logging.getLogger(__name__)


def warn_without_threads() -> None:
    """Warn where this process is uWSGI's and its threads do not run.

    Before 2.0.27 that was the default. uWSGI puts a module of its name into its processes.
    """
    uwsgi = sys.modules.get("uwsgi")
    if getattr(uwsgi, "has_threads", 1):
        return
    logger.warning(
        "uWSGI runs without threads, so nothing is sent in the background: set enable-threads = "
        "true in its configuration, or FPROM_WORKER=none and run `fprom worker` beside it."
    )
