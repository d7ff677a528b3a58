"""How a command gets what it works on, and how what went wrong becomes one line."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from ..database.database import NoOutboxError
from ..database.refusal import REFUSALS, public_refusal
from ..errors import FpromConfigError, FpromOutboxError
from ..outbox.admin import inspect_outbox
from .project import project_hint
from .source import ENVIRONMENT, current_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..account import Fprom
    from ..outbox.admin import Inspection

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
        with opened(look=False) as fprom:
            command(fprom, *args, **kwargs)

    return called


def with_inspection(command: Callable[Concatenate[Inspection, P], None]) -> Callable[P, None]:
    """Hand a command the outbox to look at; where there is none yet, that is said and is all.

    Args:
        command: Takes the inspection before its own arguments.

    Returns:
        The command for click.
    """

    @wraps(command)
    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        with opened(look=True) as fprom, inspect_outbox(fprom.settings, fprom.clock) as inspection:
            command(inspection, *args, **kwargs)

    return called


@contextmanager
def opened(*, look: bool) -> Iterator[Fprom]:
    """Open the `Fprom` of the running command.

    Args:
        look: True where the outbox is only looked at.
    """
    source = current_source()
    with in_one_line():
        fprom = source.open_to_look() if look else source.open()
        try:
            yield fprom
        finally:
            if not source.shared:
                fprom.close()


def tell_project() -> None:
    """Name the command that reads a framework's settings, where those were not read."""
    hint = project_hint(Path.cwd()) if current_source() is ENVIRONMENT else None
    if hint is not None:
        click.echo(f"hint: {hint}", err=True)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what an operator can put right into one line; a mistake of ours keeps its trace.

    Raises:
        WrongSettings: A setting is wrong.
        click.ClickException: The outbox's database refused.
    """
    try:
        yield
    except NoOutboxError as none_yet:
        # No failure: the app's first event makes it.
        click.echo(str(none_yet))
        tell_project()
    except FpromConfigError as error:
        tell_project()
        raise WrongSettings(str(error)) from None
    except BrokenPipeError:
        # The reader of a pipe went away: click ends quietly, if it is let.
        raise
    except FpromOutboxError as error:
        raise _refused(error) from None
    except REFUSALS as error:
        raise _refused(public_refusal(error)) from None


def _refused(error: FpromOutboxError) -> click.ClickException:
    return click.ClickException(f"{error}. The command `check` says more.")
