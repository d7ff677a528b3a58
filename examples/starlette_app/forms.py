"""Bodies as the shop takes them: small, and with nothing uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES = 64 * 1024


async def read_form(request: Request) -> dict[str, str]:
    """Read the text fields of a form.

    Args:
        request: Whose body it is.

    Raises:
        HTTPException: It is larger than anything the shop takes.
    """
    _check_length(request)
    async with request.form(max_files=0, max_fields=10) as fields:
        return {name: value for name, value in fields.items() if isinstance(value, str)}


async def read_body(request: Request) -> bytes:
    """Read what is no form.

    Args:
        request: Whose body it is.

    Raises:
        HTTPException: It is larger than anything the shop takes.
    """
    _check_length(request)
    return await request.body()


def _check_length(request: Request) -> None:
    # Browsers and providers announce the length; a body without it could be endless.
    if not 0 <= int(request.headers.get("content-length", -1)) <= MAX_BODY_BYTES:
        raise HTTPException(413)
