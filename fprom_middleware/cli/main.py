"""The ``fprom`` command; each of its commands lives in the room that it opens."""

from __future__ import annotations

try:
    import click
except ModuleNotFoundError as _missing:
    if _missing.name != "click":
        raise
    _HINT = """\
The fprom command needs click. Install what it should do:
    pip install "fprom-middleware[cli]"
    pip install "fprom-middleware[sandbox]"    with the local FirstPromoter"""
    raise SystemExit(_HINT) from None

from ..sandbox.command import sandbox
from .group import FpromGroup


@click.group(cls=FpromGroup)
@click.version_option(package_name="fprom-middleware", prog_name="fprom")
def main() -> None:
    """Check, run and try out what sends your sign-ups and sales to FirstPromoter."""


main.add_command(sandbox)
