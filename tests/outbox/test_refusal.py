"""What a database refused with: named, and never quoted."""

from __future__ import annotations

import errno

import pytest
from sqlalchemy.exc import OperationalError, PendingRollbackError

from fprom_middleware import FpromConfigError
from fprom_middleware.outbox.refusal import name_refusal


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError("SELECT", {}, TimeoutError("canary")), "TimeoutError"),
        (PendingRollbackError("canary"), "PendingRollbackError"),
        (OSError("canary"), "OSError"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "Permission denied: /srv/x"),
        (FpromConfigError("Do this and that."), "Do this and that."),
    ],
)
def test_a_refusal_is_told_without_what_it_may_quote(error: Exception, words: str) -> None:
    """The driver's own type; only a mistake in the set-up says what to do."""
    assert name_refusal(error) == words
