"""docs/payments.md: the webhooks and the job that send all calls, run as they stand there."""

from __future__ import annotations

import hmac
import json
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from fprom_middleware import flask, starlette
from fprom_middleware.outbox.urls import outbox_url
from tests.documents.recipes.documents import block, run_block
from tests.support.programs import run_program
from tests.support.visits import EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.accounts import Account
    from tests.support.api import Api, LoopbackApi
    from tests.support.fixtures import MakeFprom

SIGNING_SECRET = "signing-secret-of-the-test"
BILLING = """
import json, sys
from types import SimpleNamespace
from django.conf import settings
import django

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    INSTALLED_APPS=["fprom_middleware.django"],
    FPROM_OUTBOX_URL="django:default", FPROM_WORKER="none", FPROM_BASE_URL=sys.argv[3],
    FPROM_API_KEY="k", FPROM_ACCOUNT_ID="a",
)
django.setup()
saved = []
names = {
    "charge_card": lambda subscription: SimpleNamespace(id="ch_7", net_cents=900, currency="EUR"),
    "save_payment": saved.append,
}
exec(sys.argv[1], names)
names["renew"](SimpleNamespace(email="ann@example.com", user_id=7, plan="monthly"))
fprom = names["get_fprom"]()
assert fprom.drain()["sent"] == 1, fprom.stats()
names["get_fprom"] = lambda: SimpleNamespace(
    track_sale=lambda **_: SimpleNamespace(status=names["Status"].FAILED)
)
try:
    names["renew"](SimpleNamespace(email="ann@example.com", user_id=7, plan="monthly"))
except RuntimeError:
    print("rolled back")
"""
run = partial(run_block, "payments.md")


class Base(DeclarativeBase):
    """The shop's own tables."""


class Payment(Base):
    """What was paid and given back."""

    __tablename__ = "payments"
    id: Mapped[str] = mapped_column(primary_key=True)


class Lemon:
    """The recipe's shop, whose payments and outbox are one database, and its provider."""

    def __init__(self, make: MakeFprom, url: str) -> None:
        self.engine = sa.create_engine(outbox_url(url))
        Base.metadata.create_all(self.engine)
        self.fprom = make(url)
        app = Flask(__name__)
        flask.init_app(app, self.fprom)
        names = {"SIGNING_SECRET": SIGNING_SECRET, "engine": self.engine, "Payment": Payment}
        run("import hmac", app=app, **names)
        self.client = app.test_client()

    def post(self, name: str, number: int, *, secret: str = SIGNING_SECRET, **more: Any) -> int:
        """Post a message as the provider does; return the status of the answer."""
        invoice = {"user_email": EMAIL, "total": 1547, "tax": 257, "currency": "EUR"} | more
        data = {"id": str(number), "attributes": invoice}
        body = json.dumps({"meta": {"event_name": name}, "data": data}).encode()
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers = {"X-Signature": signature, "Content-Type": "application/json"}
        return self.client.post("/lemon-squeezy", data=body, headers=headers).status_code

    @property
    def payments(self) -> list[str]:
        """The shop's own rows."""
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.select(Payment.id).order_by(Payment.id)))


@pytest.fixture
def lemon(make: MakeFprom, sqlite_url: str) -> Iterator[Lemon]:
    """The recipe's shop."""
    one = Lemon(make, sqlite_url)
    yield one
    one.engine.dispose()


def test_lemon_squeezy(lemon: Lemon, api: Api) -> None:
    """Two payments, one of them told twice, one taken back, and the end of the subscription."""
    for name, number in [
        ("subscription_payment_success", 1),
        ("subscription_payment_success", 1),
        ("subscription_payment_success", 2),
        ("subscription_payment_refunded", 2),
        ("subscription_cancelled", 9),
        ("order_created", 9),
    ]:
        assert lemon.post(name, number) == 204
    assert lemon.fprom.drain()["sent"] == 4

    first, second, back, end = [(call.url.rpartition("/")[2], call.body) for call in api.seen]
    sale = {"email": EMAIL, "amount": 1290, "currency": "EUR"}
    assert first == ("sale", {**sale, "event_id": "invoice 1"})
    assert second == ("sale", {**sale, "event_id": "invoice 2"})
    assert back[0] == "refund"
    assert (back[1]["event_id"], back[1]["sale_event_id"]) == ("refund of invoice 2", "invoice 2")
    assert back[1]["amount"] == "1290"
    assert end == ("cancellation", {"email": EMAIL})
    assert lemon.payments == ["invoice 1", "invoice 2", "refund of invoice 2"]


def test_lemon_squeezy_that_is_another(lemon: Lemon) -> None:
    """A message that is signed with another secret changes nothing."""
    assert lemon.post("subscription_payment_success", 1, secret="guessed") == 403
    assert lemon.client.post("/lemon-squeezy", headers={"X-Signature": "é"}).status_code == 403
    assert (lemon.payments, lemon.fprom.stats().pending) == ([], 0)


def test_a_free_invoice_is_no_sale(lemon: Lemon) -> None:
    """It is the shop's own row, and none of the outbox's."""
    assert lemon.post("subscription_payment_success", 1, total=0, tax=0) == 204
    assert (lemon.payments, lemon.fprom.stats().pending) == (["invoice 1"], 0)


def test_what_the_database_refuses_comes_again(lemon: Lemon) -> None:
    """Neither the payment nor the sale is kept; the next time both are."""
    lemon.fprom.stats()
    with lemon.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE fprom_outbox RENAME TO away"))
        connection.execute(sa.text("CREATE VIEW fprom_outbox AS SELECT * FROM away"))
    assert lemon.post("subscription_payment_success", 1) == 503
    assert lemon.payments == []

    with lemon.engine.begin() as connection:
        connection.execute(sa.text("DROP VIEW fprom_outbox"))
        connection.execute(sa.text("ALTER TABLE away RENAME TO fprom_outbox"))
    assert lemon.post("subscription_payment_success", 1) == 204
    assert (lemon.payments, lemon.fprom.stats().pending) == (["invoice 1"], 1)


def paypal(account: Account) -> Callable[..., int]:
    """Make a Starlette app of the recipe; return what posts PayPal's messages to it."""

    async def verify_at_paypal(headers: Any, body: bytes) -> bool:
        del body
        return bool(headers.get("paypal-transmission-sig") == "right")

    async def find_customer(**known: str) -> Any:
        assert known in ({"subscription": "I-1"}, {"payment": "sale-1"})
        return SimpleNamespace(id=7)

    app = Starlette()
    names = {"verify_at_paypal": verify_at_paypal, "find_customer": find_customer}
    fprom = starlette.init_app(app, account.fprom)
    recipe = run("import json", fprom=fprom, **names)
    app.router.routes.append(Route("/paypal", recipe["paypal"], methods=["POST"]))
    client = TestClient(app)

    def post(kind: str, *, signature: str = "right", **resource: Any) -> int:
        headers = {"paypal-transmission-sig": signature}
        message = {"event_type": kind, "resource": resource}
        return int(client.post("/paypal", json=message, headers=headers).status_code)

    return post


@pytest.mark.parametrize(
    ("total", "currency", "units"),
    [("12.90", "EUR", 1290), ("1290", "JPY", 1290), ("12.900", "KWD", 12900)],
)
def test_paypal(total: str, currency: str, units: int, account: Account) -> None:
    """Each renewal is a sale of its own, in the minor unit of its currency."""
    post, money = paypal(account), {"total": total, "currency": currency}
    back = {"total": f"-{total}", "currency": currency}

    for number in (1, 2):
        sale = {"id": f"sale-{number}", "billing_agreement_id": "I-1", "amount": money}
        assert post("PAYMENT.SALE.COMPLETED", **sale) == 204
    assert post("PAYMENT.SALE.REFUNDED", id="back-1", sale_id="sale-1", amount=back) == 204
    assert post("BILLING.SUBSCRIPTION.CANCELLED", id="I-1") == 204
    assert post("PAYMENT.SALE.COMPLETED", signature="wrong") == 403

    *sales, refund, end = account.leads
    expected = {"uid": "7", "amount": units, "currency": currency}
    assert sales == [{**expected, "event_id": f"sale-{number}"} for number in (1, 2)]
    assert (refund["event_id"], refund["sale_event_id"]) == ("back-1", "sale-1")
    assert Decimal(refund["amount"]) == units
    assert end == {"uid": "7"}


def test_own_billing(loopback: LoopbackApi, tmp_path: Path) -> None:
    """In a job, in the transaction of Django's connection, which ends where neither is kept."""
    recipe = block("payments.md", "python", "from django.db")

    printed = run_program(BILLING, recipe, tmp_path / "shop.db", loopback.url)

    assert printed == "rolled back\n"
    (sale,) = loopback.leads
    assert sale == {
        "email": "ann@example.com",
        "uid": "7",
        "event_id": "ch_7",
        "amount": 900,
        "currency": "EUR",
        "plan": "monthly",
    }
