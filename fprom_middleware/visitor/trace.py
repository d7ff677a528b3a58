"""Which request an event is of, for logs and traces: its traceparent, else its X-Request-ID.

Either is what a visitor sends, where no proxy replaces it. So only what machines write counts: a
W3C traceparent, or letters and digits of both kinds with ``-`` and ``_`` between them. No address,
e-mail, phone or card number is of that form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .attach import AsgiTracking, header_key

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from .locate import Located

# https://www.w3.org/TR/trace-context/#traceparent-header
_FORMS: Final = {
    "traceparent": re.compile(
        r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    ),
    "x-request-id": re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{1,64}"),
}


def read_trace(request: Located, *, known: Container[object] = ()) -> str | None:
    """Read which request this is.

    Args:
        request: What a view handed in. Nothing is known of a bare context, nor of one that was
            read from a WSGI environ and is handed in without it.
        known: What names the customer: an id that is the same says more than which request.

    Returns:
        At most 64 characters of ASCII without blanks, or None.
    """
    for name, form in _FORMS.items():
        value = _read(request, name)
        if isinstance(value, str) and form.fullmatch(value) and value not in known:
            return value
    return None


def _read(request: Located, name: str) -> Any:
    context, connection = request
    if connection is not None and "headers" not in connection:
        return connection.get(header_key(name))
    lines: Iterable[tuple[bytes, bytes]] | None = None
    if connection is not None:
        lines = connection["headers"]
    elif isinstance(context, AsgiTracking):
        lines = context.lines
    wanted = name.encode("ascii")
    # Two lines of one name are joined as WSGI servers do: then it is no id.
    found = [value for key, value in lines or () if key == wanted]
    return b",".join(found).decode("latin-1")
