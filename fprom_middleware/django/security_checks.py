"""What ``manage.py check`` says about addresses that would be wrong, and keys that are weak."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from ..settings.choices import SendIp
from .checks import enabled_settings

_BEHIND_PROXY: Final = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
_KEY_LENGTH, _KEY_LETTERS = 32, 10
_NEW_KEY: Final = (
    'Add a key of its own before the last one: `python -c "import secrets; '
    'print(secrets.token_urlsafe(32))"` makes one; move it to the end once it is everywhere.'
)


def check_proxies(**_: Any) -> list[CheckMessage]:
    """Report that Django believes a proxy, and the visitor's address is the proxy's."""
    found, named = enabled_settings(), [name for name in _BEHIND_PROXY if getattr(settings, name)]
    if not named or found is None or found.trusted_proxies or found.send_ip is SendIp.NEVER:
        return []
    msg = (
        f"{named[0]} says that a proxy stands before Django, and FPROM_TRUSTED_PROXIES trusts none."
    )
    hint = (
        'Set FPROM_TRUSTED_PROXIES = "internal", or what docs/platforms.md names for your '
        "platform: without it the proxy counts as the visitor. Silence this where the server "
        "itself puts the visitor's address in place of the proxy's (uvicorn --proxy-headers, "
        "AWS Lambda)."
    )
    return [Warning(msg, hint=hint, id="fprom.W003")]


def check_keys(**_: Any) -> list[CheckMessage]:
    """Report signing keys that are shared, or easily guessed."""
    found, told = enabled_settings(), []
    keys = () if found is None else found.secret_keys
    with suppress(ImproperlyConfigured):
        if keys and {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS} & set(keys):
            msg = "FPROM_SECRET_KEYS holds Django's SECRET_KEY: one leak would forge both."
            told.append(Warning(msg, hint=_NEW_KEY, id="fprom.W004"))
    if any(len(key) < _KEY_LENGTH or len(set(key)) < _KEY_LETTERS for key in keys):
        msg = f"FPROM_SECRET_KEYS holds a key under {_KEY_LENGTH} characters, or of few letters."
        told.append(Warning(msg, hint=_NEW_KEY, id="fprom.W005"))
    return told
