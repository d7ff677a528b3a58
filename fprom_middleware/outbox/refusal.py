"""What a database or a disk refused with, named without what it may quote."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ..errors import FpromConfigError

REFUSALS: Final = (SQLAlchemyError, OSError)
"""What a database or a disk raises; anything else is a mistake of the program."""


def name_refusal(error: BaseException) -> str:
    """Name what a database or a disk refused with.

    Args:
        error: What was raised.

    Returns:
        The driver's own type, or the system's own words and the path that they are about; never
        a driver's text, which can quote a row. Only a mistake in the set-up says in words of ours
        what to do.
    """
    if isinstance(error, FpromConfigError):
        return str(error)
    if isinstance(error, OSError):
        words = error.strerror or type(error).__name__
        return f"{words}: {error.filename}" if error.filename else words
    return type(getattr(error, "orig", None) or error).__name__
