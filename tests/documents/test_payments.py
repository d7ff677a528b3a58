"""docs/payments.md: its recipes, run as they stand there, and what its tables say."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask

from fprom_middleware import Receipt, Status, flask, wsgi
from fprom_middleware.events.payments import DOUBLE_COMMISSION
from fprom_middleware.outbox.urls import outbox_url
from tests.documents.recipes.documents import DOCS, rows_of, run_block
from tests.documents.recipes.stripe_stand_in import URL, WEBHOOK_SECRET, signed, stripe_stand_in
from tests.support.visits import EMAIL, TID

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from fprom_middleware import Fprom
    from fprom_middleware.testing import FpromMock
    from tests.support.accounts import Account
    from tests.support.fixtures import MakeFprom

LINK = "https://buy.stripe.com/test_1"
START: Any = print
"""A server's `start_response`, for what starts nothing."""

run = partial(run_block, "payments.md")


def test_the_warning_stands_first() -> None:
    """Before any code, with every provider that the package's own warning names, and no other."""
    text = (DOCS / "payments.md").read_text(encoding="utf-8")
    rows = rows_of("payments.md", "payment provider")
    connected = [row[0] for row in rows if row[1] == "FirstPromoter, once connected"]
    (named,) = re.findall(r"\((Stripe.*?)\)", DOUBLE_COMMISSION)

    assert ", ".join(connected) == named
    assert {row[1] for row in rows if row[0] not in connected} == {"your app"}
    assert text.index("| payment provider") < text.index("```")


def shop(account: Account, first_line: str, *, cookie: str | None, **names: Any) -> FlaskClient:
    """Make a Flask app of a recipe, and a browser that has its visitor's cookie."""
    app = Flask(__name__)
    fprom = flask.init_app(app, account.fprom)
    run(first_line, app=app, fprom=fprom, **names)
    browser = app.test_client()
    if cookie:
        browser.set_cookie("_fprom_tid", cookie)
    return browser


@pytest.mark.parametrize(("cookie", "metadata"), [(TID, {"fp_tid": TID}), (None, {})])
def test_stripe_checkout(
    cookie: str | None,
    metadata: dict[str, str],
    account: Account,
    fprom: FpromMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Session and subscription carry the tid, and nothing is sent from here."""
    sessions: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "stripe", stripe_stand_in(sessions))
    first = (
        "import stripe\nfrom flask import redirect, request\nfrom fprom_middleware import stripe"
    )
    browser = shop(account, first, cookie=cookie, PRICE="price_1", SUCCESS_URL="/")

    assert browser.post("/checkout").location == URL

    (session,) = sessions
    assert session["metadata"] == session["subscription_data"]["metadata"] == metadata
    fprom.assert_no_events()


@pytest.mark.parametrize("cookie", [TID, None])
def test_stripe_payment_links(
    cookie: str | None, account: Account, fprom: FpromMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tid comes back as the reference of whoever bought: one sign-up, and no sale."""
    monkeypatch.setitem(sys.modules, "stripe", stripe_stand_in([]))
    first = "import stripe\nfrom flask import redirect, request\nfrom fprom_middleware import Track"
    names = {"PAYMENT_LINK": LINK, "WEBHOOK_SECRET": WEBHOOK_SECRET}
    browser = shop(account, first, cookie=cookie, **names)

    asked = browser.get("/buy").location
    assert asked == (f"{LINK}?client_reference_id={TID}" if cookie else LINK)
    paid = {
        "client_reference_id": asked.partition("=")[2] or None,
        "customer": "cus_1",
        "customer_details": {"email": EMAIL},
    }
    call = signed("checkout.session.completed", paid)
    assert browser.application.test_client().post("/stripe/webhook", **call).status_code == 204

    assert [lead.tid for lead in fprom.leads] == ([TID] if cookie else [])
    fprom.assert_no_sales()


def test_paddle(account: Account) -> None:
    """The page gets what Paddle's own script takes."""
    first = "from flask import request\nfrom fprom_middleware import stripe_metadata"
    browser = shop(account, first, cookie=TID, PRICE="pri_1")

    assert browser.get("/paddle/checkout").json == {
        "items": [{"priceId": "pri_1", "quantity": 1}],
        "customData": {"fp_tid": TID},
    }


@pytest.mark.parametrize("cookie", [TID, None])
def test_chargebee(cookie: str | None, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customer's own field, which is left out for an organic customer."""
    asked: list[dict[str, Any]] = []

    def checkout_new_for_items(given: dict[str, Any]) -> Any:
        asked.append(given)
        return SimpleNamespace(hosted_page=SimpleNamespace(url=URL))

    stand_in = SimpleNamespace(
        HostedPage=SimpleNamespace(checkout_new_for_items=checkout_new_for_items)
    )
    monkeypatch.setitem(sys.modules, "chargebee", stand_in)
    browser = shop(account, "import chargebee", cookie=cookie, PRICE="monthly-EUR")

    assert browser.post("/chargebee/checkout", data={"email": EMAIL}).location == URL

    assert asked[0]["customer"] == {"email": EMAIL} | ({"cf_tid": TID} if cookie else {})


def test_recurly(account: Account, fprom: FpromMock) -> None:
    """The sign-up says the code of the account in which the payments come."""
    first = "from flask import request\nfrom fprom_middleware import track_signup"
    user = SimpleNamespace(account_code="acc-7")
    browser = shop(account, first, cookie=TID, create_user=lambda email: user)

    assert browser.post("/register", data={"email": EMAIL}).text == "Welcome!"

    fprom.assert_lead(uid="acc-7", tid=TID)


def test_lead_and_sale_in_one(account: Account, fprom: FpromMock) -> None:
    """The token says who paid; a payment without one is a sale all the same."""
    paid = run("from fprom_middleware import load_tracking")["paid"]
    environ: dict[str, Any] = {"HTTP_COOKIE": f"_fprom_tid={TID}", "REMOTE_ADDR": "203.0.113.7"}
    webhook: dict[str, Any] = {"REMOTE_ADDR": "198.51.100.9"}
    for one in (environ, webhook):
        wsgi.FpromMiddleware(lambda *_: [], account.fprom)(one, START)
    token = account.fprom.dump_tracking(environ, purpose="checkout")

    for number, visitor in enumerate((token, "", None)):
        payment = {"id": f"ch_{number}", "email": EMAIL, "amount": 5, "visitor": visitor}
        assert paid(webhook, payment).status is Status.QUEUED

    assert [sale.tid for sale in fprom.sales] == [TID, None, None]


def of_view(fprom: Fprom, *, session: Any = None, **more: Any) -> Receipt:
    """Hand in a sale as a webhook does."""
    given: dict[str, Any] = {"email": EMAIL, "event_id": "e", "amount": 5, "session": session}
    return fprom.track_sale(**{**given, **more})


def test_what_comes_back_in_a_view(make: MakeFprom, sqlite_url: str) -> None:
    """Each row of the table can be had, and there is no other."""
    fprom = make(sqlite_url)
    received = [of_view(fprom)]
    engine = sa.create_engine(outbox_url(sqlite_url))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE fprom_outbox RENAME TO away"))
        connection.execute(sa.text("CREATE VIEW fprom_outbox AS SELECT * FROM away"))
    received.append(of_view(fprom))
    with engine.connect() as connection:
        received.append(of_view(fprom, session=connection))
    engine.dispose()
    received.append(of_view(fprom, amount=0))
    received.append(of_view(fprom, email=" ", uid=None))
    received.append(of_view(make(sqlite_url, before_send=lambda _: None)))
    received.append(of_view(make(sqlite_url, enabled=False)))
    received += [
        of_view(fprom, **wrong)
        for wrong in ({"amount": -5}, {"event_id": " "}, {"currency": "euro"})
    ]

    told = [tuple(row[:2]) for row in rows_of("payments.md", "status | reason | when")]
    assert list(dict.fromkeys((r.status, r.reason or "") for r in received)) == told
    assert [r.durable for r in received[:2]] == [True, False]


@pytest.mark.parametrize(
    ("answer", "row"), [(200, 0), (404, 1), (204, 1), (409, 2), (400, 3), (413, 3)]
)
def test_what_firstpromoter_says(answer: int, row: int, account: Account) -> None:
    """The answers to a sale, as the table tells them."""
    account.api.says = answer

    receipt = of_view(account.fprom)

    told = rows_of("payments.md", "status | reason | FirstPromoter's answer")
    assert [receipt.status, receipt.reason or ""] == told[row][:2]
    assert len(told) == 4


def test_what_raises(account: Account) -> None:
    """Mistakes of the program, which the page names."""
    for wrong in (12.9, Decimal("12.90"), "12"):
        with pytest.raises(TypeError):
            of_view(account.fprom, amount=wrong)
    with pytest.raises(ValueError, match="needs an email or a uid"):
        account.fprom.track_sale(event_id="e", amount=5)
