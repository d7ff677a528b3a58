"""How a command gets its `Fprom`, and how what went wrong becomes one line."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec

import click
from sqlalchemy.exc import SQLAlchemyError

from ..errors import FpromConfigError
from .source import current_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..account import Fprom

P = ParamSpec("P")

REFUSALS: Final = (SQLAlchemyError, OSError)
"""What a database or a disk raises; anything else is a mistake of the program."""


class WrongSettings(click.ClickException):
    """A setting, or the state of the outbox, that a person has to put right."""

    exit_code = 2


def with_fprom(command: Callable[Concatenate[Fprom, P], None]) -> Callable[P, None]:
    """Hand a command the `Fprom` of the settings that it runs with.

    Args:
        command: Takes the `Fprom` before its own arguments.

    Returns:
        The command for click.
    """

    @wraps(command)
    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        source = current_source()
        with in_one_line():
            fprom = source.open()
            try:
                command(fprom, *args, **kwargs)
            finally:
                if not source.shared:
                    fprom.close()

    return called


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what an operator can put right into one line; a mistake of ours keeps its trace.

    Raises:
        WrongSettings: A setting is wrong.
        click.ClickException: The outbox's database refused.
    """
    try:
        yield
    except FpromConfigError as error:
        raise WrongSettings(str(error)) from None
    except Exception as error:
        cause = refusal(error)
        if cause is None:
            raise
        msg = f"the outbox's database refused ({cause}). The command `check` says more."
        raise click.ClickException(msg) from None


def refusal(error: Exception) -> str | None:
    """Name what a database or a disk refused with.

    Args:
        error: Anything.

    Returns:
        A type's name or the system's own words, which quote no row; None for other errors.
    """
    if isinstance(error, SQLAlchemyError):
        return type(getattr(error, "orig", None) or error).__name__
    if isinstance(error, OSError) and error.errno != errno.EPIPE:
        return error.strerror or type(error).__name__
    return None
