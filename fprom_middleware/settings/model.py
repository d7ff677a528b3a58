"""Every FPROM_* setting, parsed and validated once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast
from urllib.parse import urlsplit

from ..addresses import is_loopback_host
from ..errors import FpromConfigError
from ..masking import mask_url
from . import parsers
from .choices import DeliveryMode, SendIp, WorkerMode
from .secrets import SECRETS, hide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

PREFIX: Final = "FPROM_"
OUTBOX_KEY: Final = "FPROM_OUTBOX_URL"
NO_API_KEY: Final = "(missing)"
"""Stands for FPROM_API_KEY where the outbox is only looked at; nothing is sent with it."""
DEFAULT_BASE_URL: Final = "https://api.firstpromoter.com/api/v2/track"
DEFAULT_OUTBOX_URL: Final = "sqlite:///.fprom/outbox.db"

# One row a setting: how its value is read. Whatever is unset keeps the default of __init__.
_PARSERS: Final[dict[str, parsers.Parser]] = {
    "api_key": parsers.credential,
    "account_id": parsers.account_id,
    "enabled": parsers.flag,
    "base_url": parsers.base_url,
    "timeout": parsers.seconds,
    "trusted_proxies": parsers.trusted_proxies,
    "client_ip_header": parsers.client_ip_header,
    "send_ip": parsers.choice(SendIp),
    "delivery": parsers.choice(DeliveryMode),
    "outbox_url": parsers.database_url,
    "worker": parsers.choice(WorkerMode),
    "history_days": parsers.whole(minimum=0, maximum=3650, example="30"),
    "rate_limit": parsers.whole(minimum=1, example="300"),
    "secret_keys": parsers.secret_keys,
    "keep_days": parsers.whole(minimum=0, maximum=400, example="60"),
    "keep_name": parsers.cookie_name,
    "keep_domain": parsers.domain,
    "respect_gpc": parsers.flag,
    "link_params": parsers.link_params,
    "tid_header": parsers.header_name,
    "script_proxy": parsers.path_prefix,
    "script_file": parsers.readable_file,
    "consent": parsers.hook,
    "before_send": parsers.hook,
    "on_outcome": parsers.hook,
}
SETTINGS: Final = tuple(PREFIX + name.upper() for name in _PARSERS)
"""The keys, as an environment or a framework's settings have them."""
NO_SIGNING_KEYS: Final = (
    "is missing. Set it to a random text of your own, for example the output of "
    '`python -c "import secrets; print(secrets.token_urlsafe(32))"`.'
)
_NEAR: Final = 0.65
"""Of 1, which is the same: how alike two names are before the one is taken for the other."""
# Alike by letters only to something else.
_MEANT: Final = {"database_url": "outbox_url", "db_url": "outbox_url"}
_NEED_SECRET: Final = ("keep_days", "link_params")


@dataclass(frozen=True, slots=True, init=False, repr=False)
class FpromSettings:
    """The settings of one FirstPromoter account in one app.

    The constructor reads its arguments and nothing else; `from_mapping` and `from_env` read
    ``FPROM_*`` keys. Text is parsed wherever it comes from, so ``"2"``, ``"true"`` and
    ``"10.0.0.0/8, loopback"`` mean the same from an environment and from a config file.

    Attributes:
        api_key: FirstPromoter's API key. Required while enabled; never shown.
        account_id: FirstPromoter's account id. Required while enabled.
        enabled: False makes every event answer skipped/disabled; no key is needed then.
        base_url: The Tracking API's address; http only for a loopback host.
        timeout: Seconds for one whole API call.
        trusted_proxies: 0: the socket's peer is the visitor. N: N proxies append to
            X-Forwarded-For. A list: trusted addresses, CIDRs, and the words ``loopback``,
            ``private``, ``link-local``, ``shared``, ``internal`` (all four).
        client_ip_header: One header that the edge overwrites, such as CF-Connecting-IP;
            believed only from a trusted peer.
        send_ip: What of the visitor's address goes into a sign-up.
        delivery: ``outbox``; ``inline``: one call inside the view; ``memory``: for tests.
        outbox_url: Where the outbox lives: an SQLAlchemy URL, or ``django:ALIAS``.
        worker: ``thread``: each process drains in the background. ``none``: something else does.
        history_days: Days for which a delivered event keeps its row, without its payload.
        rate_limit: API calls a minute for the account, all processes together.
        secret_keys: Keys that sign tokens and the keep cookie, newest last.
        keep_days: Days that the keep cookie keeps the visitor; 0 is off.
        keep_name: Name of the keep cookie.
        keep_domain: Domain of the keep cookie; unset means this host only.
        respect_gpc: True: ``Sec-GPC: 1`` counts as no consent for the keep cookie.
        link_params: Referral-link parameters kept as ref_id; empty is off.
        tid_header: A request header that a single-page app may send the tid in.
        script_proxy: A path prefix under which the middleware serves the vendor's script, and
            passes its two calls on; unset is off.
        script_file: A copy of that script, to serve in place of the one that is fetched.
        consent: ``(environ or scope) -> bool``, asked before anything is read of a visitor.
        before_send: ``event -> event or None``; None drops the event.
        on_outcome: ``(event, Receipt) -> None``, called after a final outcome.

    Raises:
        FpromConfigError: A setting is wrong; the text names the key, the entry and an example.
    """

    api_key: str | None
    account_id: str | None
    enabled: bool
    base_url: str
    timeout: float
    trusted_proxies: int | tuple[str, ...]
    client_ip_header: str | None
    send_ip: SendIp
    delivery: DeliveryMode
    outbox_url: str
    worker: WorkerMode
    history_days: int
    rate_limit: int
    secret_keys: tuple[str, ...]
    keep_days: int
    keep_name: str
    keep_domain: str | None
    respect_gpc: bool
    link_params: tuple[str, ...]
    tid_header: str | None
    script_proxy: str | None
    script_file: str | None
    consent: Callable[[Any], bool] | None
    before_send: Callable[[Any], Any] | None
    on_outcome: Callable[[Any, Any], object] | None

    def __init__(
        self,
        *,
        api_key: str | None = None,
        account_id: str | None = None,
        enabled: bool | str = True,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float | str = 10.0,
        trusted_proxies: int | str | Iterable[str] = 0,
        client_ip_header: str | None = None,
        send_ip: SendIp | str = SendIp.PUBLIC,
        delivery: DeliveryMode | str = DeliveryMode.OUTBOX,
        outbox_url: str = DEFAULT_OUTBOX_URL,
        worker: WorkerMode | str = WorkerMode.THREAD,
        history_days: int | str = 30,
        rate_limit: int | str = 300,
        secret_keys: str | Iterable[str] = (),
        keep_days: int | str = 0,
        keep_name: str = "fprom_keep",
        keep_domain: str | None = None,
        respect_gpc: bool | str = True,
        link_params: str | Iterable[str] = (),
        tid_header: str | None = None,
        script_proxy: str | None = None,
        script_file: str | os.PathLike[str] | None = None,
        consent: Callable[[Any], bool] | str | None = None,
        before_send: Callable[[Any], Any] | str | None = None,
        on_outcome: Callable[[Any, Any], object] | str | None = None,
    ) -> None:
        api_key, secret_keys = hide(api_key), hide(secret_keys)
        outbox_url, base_url = hide(outbox_url), hide(base_url)
        given, defaults = locals(), FpromSettings.__init__.__kwdefaults__ or {}
        for name, parse in _PARSERS.items():
            value = defaults[name] if given[name] is None else given[name]
            object.__setattr__(
                self, name, None if value is None else parse(PREFIX + name.upper(), value)
            )
        self._check_together()

    def _check_together(self) -> None:
        for name in ("api_key", "account_id"):
            value = getattr(self, name)
            if self.enabled and (value is None or value in parsers.PLACEHOLDERS):
                problem = "is missing" if value is None else f"is a placeholder ({value})"
                msg = (
                    f"{problem}. Set it to the value from FirstPromoter's dashboard (Settings, "
                    "Integrations), or set FPROM_ENABLED=false where nothing is to be sent."
                )
                raise FpromConfigError(msg, key=PREFIX + name.upper())
        if self.enabled and self.api_key == parsers.SANDBOX_KEY and not self.is_local:
            msg = (
                f"is the sandbox's. Set FPROM_BASE_URL={parsers.SANDBOX_URL}, or a key of your own."
            )
            raise FpromConfigError(msg, key=PREFIX + "API_KEY")
        for name in _NEED_SECRET:
            if getattr(self, name) and not self.secret_keys:
                msg = f"needs FPROM_SECRET_KEYS, which {NO_SIGNING_KEYS}"
                raise FpromConfigError(msg, key=PREFIX + name.upper())

    @property
    def is_local(self) -> bool:
        """Whether the API is on this very machine: the sandbox, and never FirstPromoter."""
        return is_loopback_host(urlsplit(self.base_url).hostname or "")

    @classmethod
    def from_mapping(cls, mapping: Mapping[Any, Any]) -> Self:
        """Read the ``FPROM_*`` keys of a config object; other keys are not looked at.

        Args:
            mapping: Such as Flask's ``app.config``. None and blank text count as unset.

        Returns:
            The settings.

        Raises:
            FpromConfigError: A setting is wrong, or a key that begins with ``FPROM_`` is none.
        """
        mapping = hide_secrets(mapping)
        given: dict[str, Any] = {}
        for key in mapping:
            name = key.removeprefix(PREFIX).lower()
            if name not in _PARSERS or key != key.upper():
                raise FpromConfigError(_unknown(key), key=key)
            value = mapping[key]
            if value is not None and not (isinstance(value, str) and not value.strip()):
                given[name] = value
        return cls(**given)

    @classmethod
    def from_env(cls) -> Self:
        """Read the ``FPROM_*`` variables of the process environment.

        Returns:
            The settings.

        Raises:
            FpromConfigError: As `from_mapping`.
        """
        return cls.from_mapping(os.environ)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={self._show(name)!s}" for name in _PARSERS)
        return f"FpromSettings({inside})"

    def _show(self, name: str) -> object:
        # Of settings that are half made, as a debugger may meet them, some are not there yet.
        value = getattr(self, name, None)
        if value is None or name not in SECRETS:
            return value
        if name == "secret_keys":
            return f"<{len(value)}>"
        return "…" if name == "api_key" else mask_url(value)


def hide_secrets(given: T) -> T:
    """Return a mapping's ``FPROM_*`` keys, with secret values as text whose repr is masked.

    Args:
        given: What a middleware takes; an application is never changed.

    Returns:
        Something equal in meaning, which may stand in a traceback that shows locals.
    """
    if isinstance(given, str):
        # A mistake, and most likely the key.
        return cast("T", hide(given))
    if not isinstance(given, Mapping) or callable(given):
        return given
    hidden = {
        key: hide(given[key]) if key.removeprefix(PREFIX).lower() in SECRETS else given[key]
        for key in given
        if isinstance(key, str) and key.startswith(PREFIX)
    }
    return cast("T", hidden)


def _unknown(key: str) -> str:
    # Only a mistake pays for this import.
    import difflib  # noqa: PLC0415

    # Without what all have in common, which would make anything near.
    name = key.removeprefix(PREFIX).lower()
    near = difflib.get_close_matches(_MEANT.get(name, name), _PARSERS, n=1, cutoff=_NEAR)
    keys = [PREFIX + name.upper() for name in near or _PARSERS]
    more = f"Did you mean {keys[0]}?" if near else f"The settings are: {', '.join(keys)}."
    return f"is not a setting of fprom_middleware. {more}"
