"""The one `Fprom` of a Django process, made of ``django.conf.settings``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..account import Fprom
from ..extras import needs_extra
from ..settings.environment import warn_of_environment
from ..settings.model import OUTBOX_KEY, PREFIX

with needs_extra("django"):
    from django.conf import settings
    from django.core.signals import setting_changed

_lock = threading.Lock()
_fprom: Fprom | None = None


def get_fprom() -> Fprom:
    """Return this process's `Fprom`, made at the first call.

    Returns:
        The `Fprom` that the middleware and the commands use; in a job:
        ``get_fprom().track_signup(context, email)``.

    Raises:
        FpromConfigError: A setting is wrong.
    """
    global _fprom  # noqa: PLW0603 - one a process, as Django's settings are
    if _fprom is None:
        with _lock:
            if _fprom is None:
                warn_of_environment(dir(settings), "Django's settings")
                _fprom = Fprom(fprom_settings())
    return _fprom


def fprom_settings() -> dict[str, Any]:
    """Return the ``FPROM_*`` settings; the outbox is under BASE_DIR where nothing else is said."""
    found = {name: getattr(settings, name) for name in dir(settings) if name.startswith(PREFIX)}
    base = getattr(settings, "BASE_DIR", None)
    if not found.get(OUTBOX_KEY) and base is not None:
        found[OUTBOX_KEY] = f"sqlite:///{Path(base, '.fprom', 'outbox.db')}"
    return found


def _forget(*, setting: str, **_: object) -> None:
    """Make a new one after ``override_settings``: tests would meet the old one's settings."""
    global _fprom
    if setting.startswith(PREFIX) or setting == "BASE_DIR":
        with _lock:
            before, _fprom = _fprom, None
        if before is not None:
            before.close()


setting_changed.connect(_forget)
