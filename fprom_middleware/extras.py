"""What an adapter says where its framework is not installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs_extra(extra: str, package: str | None = None) -> Iterator[None]:
    """Import a framework inside this block, so that a missing one is said with what to install.

    Args:
        extra: The extra of this distribution.
        package: What is imported, where it has another name.

    Raises:
        ModuleNotFoundError: The framework is not installed; the text has the command.
    """
    package = package or extra
    try:
        yield
    except ModuleNotFoundError as error:
        # What the framework itself misses is not ours to explain.
        if error.name != package:
            raise
        msg = f'{package} is not installed: pip install "fprom-middleware[{extra}]"'
        raise ModuleNotFoundError(msg, name=package) from error
