"""The account that every test is of: its credentials, its settings, and an `Fprom` of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fprom_middleware import Fprom, FpromSettings
from fprom_middleware.database.database import Database
from fprom_middleware.outbox.history import History
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.outbox.urls import outbox_url
from tests.support.api import Api
from tests.support.clock import NOW, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "key-of-the-account"
ACCOUNT = "account-7"
SIGNING_KEY = "the key that signs since this spring"
CREDENTIALS = {"FPROM_API_KEY": KEY, "FPROM_ACCOUNT_ID": ACCOUNT}
"""As an environment or a framework's settings have them."""


def fprom_environment(base_url: str, **more: str) -> dict[str, str]:
    """The variables of a process that calls an API on a socket, and more of them."""
    return CREDENTIALS | {"FPROM_BASE_URL": base_url} | more


def make_settings(url: str | None = None, **more: Any) -> FpromSettings:
    """Settings of the account, with an outbox that is drained by hand where a URL names one."""
    given: dict[str, Any] = {"api_key": KEY, "account_id": ACCOUNT}
    if url is not None:
        given |= {"worker": "none", "outbox_url": url}
    return FpromSettings(**given | more)


class Account:
    """An `Fprom` on a clock and an API of the test's own; it delivers inline, at once.

    Args:
        clock: A clock to share with another account.
        settings: In place of the usual ones.
    """

    def __init__(self, clock: Clock | None = None, **settings: Any) -> None:
        self.clock = clock or Clock(NOW)
        self.api = Api(self.clock)
        given: dict[str, Any] = {"delivery": "inline", "secret_keys": SIGNING_KEY}
        self.fprom = Fprom(
            make_settings(**given | settings), clock=self.clock, client=self.api.client
        )

    @property
    def leads(self) -> list[dict[str, Any]]:
        """What the API was sent, in order."""
        return self.api.leads

    def of(self, **settings: Any) -> Account:
        """Return an account with other settings and this one's clock."""
        return Account(self.clock, **settings)


def make_outbox(
    url: str,
    clock: Callable[[], float],
    *,
    account: str = ACCOUNT,
    rate_limit: int = 300,
    timeout: float = 10.0,
    history_days: int = 0,
) -> Outbox:
    """Open an outbox with connections of its own, as another process would."""
    return Outbox(
        Database(outbox_url(url), account),
        account=account,
        clock=clock,
        rate_limit=rate_limit,
        timeout=timeout,
        history=History(make_settings(account_id=account, history_days=history_days)),
    )
