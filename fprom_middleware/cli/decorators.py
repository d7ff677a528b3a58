"""How a command gets its `Fprom`, and how what went wrong becomes one line."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from ..errors import FpromConfigError
from ..outbox.refusal import REFUSALS, name_refusal
from .source import current_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..account import Fprom

P = ParamSpec("P")


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
    except REFUSALS as error:
        if isinstance(error, BrokenPipeError):
            # The reader of a pipe went away: click ends quietly, if it is let.
            raise
        msg = (
            f"the outbox's database refused ({name_refusal(error)}). The command `check` says more."
        )
        raise click.ClickException(msg) from None
