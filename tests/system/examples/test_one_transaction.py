"""The Flask example's webhook: the payment and what FirstPromoter is to hear, both or neither."""

from __future__ import annotations

import hmac
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from examples.flask_app import payments
from examples.flask_app.app import create_app
from fprom_middleware import Receipt, Status, track_sale

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

SECRET = "of the two"
BODY = json.dumps(
    {
        "type": "charge.succeeded",
        "id": "ch_1",
        "charge": "ch_1",
        "customer": "berta@example.com",
        "amount": 2400,
        "currency": "USD",
        "manage_url": "http://127.0.0.1/",
    }
).encode()


@pytest.fixture
def shop(tmp_path: Path) -> FlaskClient:
    """The shop, which sends nothing by itself."""
    app = create_app(
        {
            "FPROM_API_KEY": "key",
            "FPROM_ACCOUNT_ID": "account",
            "FPROM_BASE_URL": "http://127.0.0.1:1",
            "FPROM_WORKER": "none",
            "SHOP_DATA": str(tmp_path),
            "SHOP_PAYMENTS_URL": "http://127.0.0.1:1",
            "SHOP_PAYMENTS_SECRET": SECRET,
        }
    )
    return app.test_client()


def notify(shop: FlaskClient) -> int:
    """Post the webhook, and return the answer's status."""
    signature = hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()
    headers = {"Payments-Signature": signature, "Content-Type": "application/json"}
    return shop.post("/payments/webhook", data=BODY, headers=headers).status_code


def kept(folder: Path, table: str) -> int:
    """Count the rows of a table; one that is not there has none."""
    with closing(sqlite3.connect(folder / "shop.db")) as db:
        found = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) if found else 0  # noqa: S608 - the two names below


def crash(*given: Any, **named: Any) -> Receipt:
    """Write the sale, and end the view before it commits."""
    track_sale(*given, **named)
    raise OSError


def refuse(*_: Any, **__: Any) -> Receipt:
    """Be a database that took no sale."""
    return Receipt(Status.FAILED)


@pytest.mark.parametrize(("trouble", "answer"), [(crash, 500), (refuse, 503)])
def test_both_or_neither(
    shop: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[..., Receipt],
    answer: int,
) -> None:
    """A webhook that fails leaves neither; the one that the provider repeats leaves both, once."""
    with monkeypatch.context() as patch:
        patch.setattr(payments, "track_sale", trouble)
        assert notify(shop) == answer
    assert (kept(tmp_path, "payments"), kept(tmp_path, "fprom_outbox")) == (0, 0)
    assert (notify(shop), notify(shop)) == (204, 204)
    assert (kept(tmp_path, "payments"), kept(tmp_path, "fprom_outbox")) == (1, 1)
