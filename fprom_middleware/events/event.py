"""What all events have in common: fields that are read, written and masked by one table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from ..masking import mask_email, mask_ip, mask_tail
from ..timestamps import format_moment
from .fields import (
    MAX_EMAIL,
    MAX_ID,
    MAX_UID,
    read_amount,
    read_currency,
    read_flag,
    read_id,
    read_ip,
    read_moment,
    read_mrr,
    read_quantity,
    read_required_id,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Readers = tuple[tuple[str, Callable[[str, Any], Any]], ...]


class Kind(StrEnum):
    """What an event is about; the value names the API's call."""

    SIGNUP = "signup"
    SALE = "sale"
    REFUND = "refund"
    CANCELLATION = "cancellation"

    @property
    def noun(self) -> str:
        """What it is called in a log line."""
        return "sign-up" if self is Kind.SIGNUP else self.value


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event:
    """What FirstPromoter will hear of: about whom, at the least.

    Attributes:
        email: The customer's e-mail address.
        uid: The app's own id of the customer.
    """

    kind: ClassVar[Kind]
    text_fields: ClassVar[frozenset[str]] = frozenset()
    """Numbers that the API's document wants as text."""

    email: str | None = None
    uid: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the body of the API's call; a field without a value is absent."""
        body: dict[str, Any] = {}
        for name, _ in _readers_of(type(self)):
            value = getattr(self, name)
            if isinstance(value, datetime):
                value = format_moment(value)
            if value is not None:
                body[name] = str(value) if name in self.text_fields else value
        return body

    def checked(self) -> Self:
        """Return the event as it can be sent and kept: each field of its type, blank ones absent.

        Raises:
            BadFieldError: A field holds what cannot be sent.
        """
        kind = type(self)
        return kind(**{n: read(n, getattr(self, n)) for n, read in _readers_of(kind)})

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Build the event again from what `to_json` returned.

        Args:
            body: The mapping; keys that are no field of the event are passed over.

        Returns:
            An equal event, its moment cut to milliseconds.

        Raises:
            ValueError: It is not what `to_json` returns.
        """
        known = {field.name: body.get(field.name) for field in fields(cls)}
        moment = known.get("created_at")
        if isinstance(moment, str):
            known["created_at"] = datetime.fromisoformat(moment)
        return cls(**known).checked()

    def masked(self) -> dict[str, object]:
        """Return the fields as they may be shown: recognizable to the customer, useless to others.

        Returns:
            By name, in order; a field without a value is absent.
        """
        shown = {f.name: _MASKS.get(f.name, mask_tail)(_get(self, f.name)) for f in fields(self)}
        return {name: value for name, value in shown.items() if value is not None}

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self.masked().items())
        return f"{type(self).__name__}({inside})"


def _readers_of(kind: type[Event]) -> _Readers:
    # Each event is read twice on its way into a row, and asking dataclasses took half of that.
    found = _readers.get(kind)
    if found is None:
        found = tuple((field.name, _READERS[field.name]) for field in fields(kind))
        _readers[kind] = found
    return found


def _get(event: Event, name: str) -> Any:
    # Half made, as a debugger may meet it.
    return getattr(event, name, None)


def _mask_moment(moment: Any) -> str | None:
    try:
        return None if moment is None else format_moment(moment)
    except Exception:  # noqa: BLE001 - a repr never raises, whatever a hook put there
        return "…"


def _mask_flag(flag: object) -> bool | None:
    return None if flag is None else bool(flag)


def _mask_number(number: object) -> str | None:
    if number is None:
        return None
    return str(int(number)) if isinstance(number, int) and _is_short(number) else "…"


def _is_short(number: int) -> bool:
    # int's own text has a limit, which is no matter for a repr.
    return number.bit_length() <= 64  # noqa: PLR2004 - MAX_AMOUNT is within it


def _mask_currency(currency: object) -> str | None:
    try:
        return read_currency("currency", currency)
    except ValueError:
        return "…"


_readers: Final[dict[type[Event], _Readers]] = {}
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "email": partial(read_text, longest=MAX_EMAIL),
    "uid": read_id,
    "tid": partial(read_text, longest=MAX_ID),
    "ref_id": partial(read_text, longest=MAX_ID),
    "ip": read_ip,
    "created_at": read_moment,
    "event_id": read_required_id,
    "sale_event_id": read_id,
    "amount": read_amount,
    "currency": read_currency,
    "quantity": read_quantity,
    "plan": read_id,
    "mrr": read_mrr,
    "promo_code": partial(read_text, longest=MAX_UID),
    "skip_email_notification": read_flag,
}
_MASKS: Final[Mapping[str, Callable[[Any], object]]] = {
    "email": mask_email,
    "ip": mask_ip,
    "created_at": _mask_moment,
    "amount": _mask_number,
    "currency": _mask_currency,
    "quantity": _mask_number,
    "mrr": _mask_number,
    "skip_email_notification": _mask_flag,
}
