"""``manage.py fprom``: the commands of ``fprom`` with Django's settings."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final, NoReturn

from django.core.management.base import (
    BaseCommand,
    CommandError,
    handle_default_options,
)

from fprom_middleware.django.account import get_fprom

if TYPE_CHECKING:
    import click

_EXTRA: Final = 'manage.py fprom needs click: pip install "fprom-middleware[cli]"'


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Hands everything behind ``manage.py fprom`` over to click."""

    help = "Check, look at and drain the outbox of FirstPromoter events."
    # `fprom check` says what is wrong with the settings in a line of its own.
    requires_system_checks: Final[list[str]] = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Run from a shell: help, errors and exit codes are click's."""
        options, rest = _django_options().parse_known_args(argv[2:])
        handle_default_options(options)
        try:
            group = _group()
        except CommandError as error:
            self.stderr.write(str(error))
            raise SystemExit(1) from None
        group.main(rest, prog_name=f"{argv[0]} fprom")

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """Answer ``manage.py help fprom``."""
        _group().main(["--help"], prog_name=f"{prog_name} {subcommand}", standalone_mode=False)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take whatever comes: ``call_command("fprom", "drain", "--limit", "5")``."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def handle(self, *_: Any, arguments: list[str], **options: Any) -> None:
        """Run from ``call_command``.

        Raises:
            CommandError: The command ended with an error.
        """
        group = _group()
        import click  # noqa: PLC0415 - it may be missing, which _group says

        with redirect_stdout(options.get("stdout") or sys.stdout):
            try:
                group.main(arguments, prog_name="manage.py fprom", standalone_mode=False)
            except click.ClickException as error:
                raise CommandError(error.format_message(), returncode=error.exit_code) from None
            except SystemExit as end:
                msg = f"fprom ended with exit code {end.code}."
                raise CommandError(msg) from None


def _group() -> click.Group:
    try:
        from fprom_middleware.cli.group import make_group  # noqa: PLC0415 - needs click
        from fprom_middleware.cli.source import SettingsSource  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        raise CommandError(_EXTRA) from None
    return make_group(SettingsSource(get_fprom, "Django", shared=True))


def _django_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    return parser
