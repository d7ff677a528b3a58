"""What this package raises: mistakes of the program, never of a visitor or a network."""

from __future__ import annotations


class FpromError(Exception):
    """Base class of every exception of this package."""


class FpromConfigError(FpromError, ValueError):
    """A setting is wrong; raised at start.

    Attributes:
        key: The setting's full name, such as ``FPROM_TRUSTED_PROXIES``, or None
            where the mistake is not one key's.
    """

    def __init__(self, message: str, *, key: str | None = None) -> None:
        super().__init__(message if key is None else f"{key}: {message}")
        self.key = key


class FpromOutboxError(FpromError):
    """The outbox's database refused; nothing is lost by that. Names no row and no value.

    Attributes:
        sqlstate: The five characters of the SQL standard, where the database says them.
    """

    def __init__(self, kind: str, *, sqlstate: str | None = None) -> None:
        told = kind if sqlstate is None else f"{kind}, SQLSTATE {sqlstate}"
        super().__init__(f"the outbox's database refused ({told})")
        self.sqlstate = sqlstate


class FpromNotInstalled(FpromError, LookupError):  # noqa: N818 - a fixed public name
    """The request holds no tracking context: no middleware ran before the view."""


class FpromTokenError(FpromError, ValueError):
    """A token was refused.

    Attributes:
        reason: Why, as a short code such as ``expired``. Never the token itself.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
