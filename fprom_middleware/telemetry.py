"""Whom events are told of as they pass by: the app's own OpenTelemetry, where it has one."""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import Any, Final, Protocol, Self

logger: logging.Logger = logging.getLogger(__name__)


class Operation(Protocol):
    """A context manager around handing in an event, or around a call that a drain makes."""

    @property
    def trace(self) -> str | None:
        """Its span as a traceparent; None where there is none."""
        ...

    def came_to(self, status: str, reason: str | None) -> None:
        """Say what became of the event."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None: ...


class Telemetry(Protocol):
    """What is told of events; no call of it raises. `fprom_middleware.otel` is one."""

    def watch(self, outbox: Any, account: str) -> None:
        """Hear of an outbox whose figures can be asked for, and of its account, masked."""
        ...

    def send(self, kind: str, request: str | None) -> Operation:
        """Hear of an event that is handed in, and of the request that it is of."""
        ...

    def process(self, kind: str, request: str | None, *, row_id: int, attempt: int) -> Operation:
        """Hear of a call that a drain makes, the first one being attempt 1."""
        ...

    def ended(
        self, kind: str, status: str, reason: str | None, *, waited: float | None = None
    ) -> None:
        """Hear of an event that has ended, and for how many seconds it was in the outbox."""
        ...


class _Untold:
    """Hears nothing; each of its operations, too."""

    trace = None

    def watch(self, *_: Any) -> None: ...

    def send(self, *_: Any) -> Self:
        return self

    def process(self, *_: Any, **__: Any) -> Self:
        return self

    def ended(self, *_: Any, **__: Any) -> None: ...

    def came_to(self, *_: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


_UNTOLD: Final = _Untold()


def telemetry() -> Telemetry:
    """Return what is told of events at present; asked for each of them, for it may come late."""
    # An app that has set a provider has loaded the API. Another need not load it because of us.
    return _load() if "opentelemetry.trace" in sys.modules else _UNTOLD


@cache
def _load() -> Telemetry:
    try:
        from .otel import TELEMETRY  # noqa: PLC0415 - as said above
    except (ImportError, TypeError) as error:
        logger.warning(
            "This OpenTelemetry is told nothing (%s): pip install 'fprom-middleware[otel]'.",
            type(error).__name__,
        )
        return _UNTOLD
    return TELEMETRY
