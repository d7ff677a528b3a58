"""Tokens: contexts that go through a link, an OAuth state, a job or a webhook.

A token is signed, not secret: its reader learns who the visitor is, as from the cookie itself.
It holds no e-mail. Without one of the keys a token cannot be made or changed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from itsdangerous import BadData, BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from ..errors import FpromTokenError
from ..timestamps import as_utc
from .client_ip import sendable_ip
from .context import TrackingContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..settings.choices import SendIp

SALT: Final = "fprom_middleware"
"""The namespace of every signature."""
MAX_TOKEN: Final = 8192
"""Characters. An ordinary visitor's token has under 200."""
SKEW: Final = 60
"""Seconds that the clock of another machine may be ahead."""

_FIELDS = 4


def keep_serializer(keys: Sequence[str], account: str | None) -> URLSafeSerializer:
    """Make what signs and verifies the keep cookie.

    Args:
        keys: As in `Signer`.
        account: As in `Signer`.

    Returns:
        A serializer; no token verifies with it, whatever its purpose.
    """
    return _serializer(keys, f"{SALT}.keep {account or ''}")


def verified(serializer: URLSafeSerializer, token: str) -> Any:
    """Return what a token holds.

    Args:
        serializer: What signed it.
        token: ASCII text.

    Returns:
        The payload, written by a holder of a key.

    Raises:
        BadData: `BadSignature` where it is not signed, anything else where it cannot be read.
    """
    signature = token.rpartition(".")[2]
    # base64 passes over foreign characters and over the last bits: without this a token could
    # be changed and would still verify.
    if as_text(base64_encode(base64_decode(signature))) != signature:
        msg = "not the way a signature is written"
        raise BadSignature(msg)
    return serializer.loads(token)


def _serializer(keys: Sequence[str], salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(keys),
        salt=salt,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


class Signer:
    """Signs and verifies contexts for one purpose.

    Args:
        keys: FPROM_SECRET_KEYS: all verify, the last one signs.
        account: The account id: another account's token does not verify.
        purpose: What the token is for; another purpose's token does not verify.
    """

    def __init__(self, keys: Sequence[str], account: str | None, purpose: str) -> None:
        # An account id holds no blank, so no two accounts and purposes share a salt.
        self._serializer = _serializer(keys, f"{SALT}.token {account or ''} {purpose}")

    def dump(self, context: TrackingContext, *, rule: SendIp, now: float) -> str:
        """Sign a context.

        Args:
            context: Who the visitor is.
            rule: FPROM_SEND_IP: what would not be sent does not stand in a token either.
            now: Seconds since the epoch: the moment of capture of a request's own context.

        Returns:
            The token.
        """
        moment = as_utc(context.captured_at).timestamp() if context.captured_at else now
        ip = sendable_ip(context.ip, rule)
        return as_text(self._serializer.dumps([context.tid, context.ref_id, ip, int(moment)]))

    def load(self, token: object, *, max_age: float | None, now: float) -> TrackingContext:
        """Verify a token.

        Args:
            token: What came back; anything at all.
            max_age: Seconds since the capture; None accepts any age.
            now: Seconds since the epoch.

        Returns:
            The context as it was captured.

        Raises:
            FpromTokenError: `reason` says why: malformed, oversized, bad_signature, expired
                or future.
        """
        payload = self._verified(token)
        if not (isinstance(payload, list) and len(payload) == _FIELDS):
            raise _refused("malformed")
        *who, moment = payload
        if not all(value is None or isinstance(value, str) for value in who):
            raise _refused("malformed")
        if not _is_moment(moment):
            raise _refused("malformed")
        if moment > now + SKEW:
            raise _refused("future")
        if max_age is not None and now - moment > max_age:
            raise _refused("expired")
        tid, ref_id, ip = who
        return TrackingContext(tid, ref_id, ip, datetime.fromtimestamp(moment, UTC))

    def _verified(self, token: object) -> Any:
        if not isinstance(token, str) or not token.isascii():
            raise _refused("malformed")
        if len(token) > MAX_TOKEN:
            raise _refused("oversized")
        try:
            return verified(self._serializer, token)
        except BadSignature:
            raise _refused("bad_signature") from None
        except BadData:
            raise _refused("malformed") from None


def _is_moment(value: object) -> bool:
    # Beyond the year 9999 there is no datetime.
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 253402300800  # noqa: PLR2004 - 10000-01-01
    )


def _refused(reason: str) -> FpromTokenError:
    return FpromTokenError(f"The tracking token was refused: {reason}.", reason=reason)


def as_text(token: str | bytes) -> str:
    """Return what itsdangerous made as text."""
    return token.decode("ascii") if isinstance(token, bytes) else token
