"""docs/carrying.md: its recipes, run as they stand there."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import Celery  # type: ignore[import-untyped]
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from fprom_middleware import FpromTokenError, TrackingContext, flask, starlette
from fprom_middleware.visitor.tokens import MAX_TOKEN
from tests.documents.recipes.documents import DOCS, lines_of, run_block
from tests.documents.recipes.stripe_stand_in import URL, WEBHOOK_SECRET, signed, stripe_stand_in
from tests.support.accounts import fprom_environment
from tests.support.clock import DAY
from tests.support.visits import EMAIL, IP, TID

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.accounts import Account
    from tests.support.api import LoopbackApi

PROVIDER = "https://provider.example"
HOME = {"REMOTE_ADDR": IP}
OFFICE = {"REMOTE_ADDR": "198.51.100.9"}


run = partial(run_block, "carrying.md")


@pytest.fixture
def oauth(account: Account) -> Flask:
    """A Flask app with the OAuth recipe."""
    app = Flask(__name__)
    flask.init_app(app, account.fprom)
    run(
        "import secrets",
        app=app,
        CLIENT_ID="shop",
        PROVIDER=PROVIDER,
        fetch_email={"code of anna": EMAIL}.get,
        create_user=lambda email: None,
    )
    return app


def test_oauth(fprom: FpromMock, oauth: Flask) -> None:
    """The state brings the visitor back, at another address and without the cookie."""
    browser = oauth.test_client()
    tid = fprom.visit(browser)
    asked = urlsplit(browser.get("/oauth/start", environ_base=HOME).location)
    query = parse_qs(asked.query)
    assert f"{asked.scheme}://{asked.netloc}{asked.path}" == f"{PROVIDER}/authorize"
    assert query["redirect_uri"] == ["http://localhost/oauth/callback"]

    browser.delete_cookie("_fprom_tid")
    back = {"state": query["state"][0], "code": "code of anna"}
    answer = browser.get("/oauth/callback", query_string=back, environ_base=OFFICE)
    assert answer.location == "/welcome"
    fprom.assert_lead(email=EMAIL, tid=tid, ip=IP)


def test_oauth_of_another_browser(account: Account, oauth: Flask) -> None:
    """A state is good for the browser that set out, and for ten minutes."""
    browser, other = oauth.test_client(), oauth.test_client()
    query = parse_qs(urlsplit(browser.get("/oauth/start").location).query)
    back = {"state": query["state"][0], "code": "code of anna"}

    assert other.get("/oauth/callback", query_string=back).status_code == 400
    other.get("/oauth/start")
    assert other.get("/oauth/callback", query_string=back).status_code == 400
    account.clock.later(seconds=601)
    assert browser.get("/oauth/callback", query_string=back).status_code == 400
    assert browser.get("/oauth/callback").status_code == 400


@pytest.mark.parametrize(("change", "tid"), [("", TID), ("x", None)])
def test_confirmation(account: Account, fprom: FpromMock, change: str, tid: str | None) -> None:
    """The link brings the visitor to another device; a changed one leaves whoever opened it."""
    held: dict[str, str] = {}
    mails: dict[str, str] = {}

    def hold(email: str) -> str:
        held["code-1"] = email
        return "code-1"

    recipe = run(
        "from urllib.parse import urlencode",
        hold=hold,
        create_held_user=held.pop,
        send_mail=mails.__setitem__,
    )
    app = Starlette(
        routes=[
            Route("/register", recipe["register"], methods=["POST"]),
            Route("/confirm", recipe["confirm"], name="confirm"),
        ]
    )
    starlette.init_app(app, account.fprom)
    home = TestClient(app, client=(IP, 1), cookies={"_fprom_tid": TID}, follow_redirects=False)
    other = TestClient(app, client=(OFFICE["REMOTE_ADDR"], 1), follow_redirects=False)

    assert home.post("/register", data={"email": EMAIL}).status_code == 303
    fprom.assert_no_leads()
    assert other.get(mails[EMAIL] + change).headers["location"] == "/welcome"
    assert [(lead.tid, lead.ip) for lead in fprom.leads] == ([(tid, IP)] if tid else [])


def test_celery(
    account: Account, loopback: LoopbackApi, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    """The job's own `Fprom`, made of the environment, takes the token of the web process."""
    for key, value in fprom_environment(loopback.url).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("FPROM_SECRET_KEYS", account.fprom.settings.secret_keys[0])
    monkeypatch.setenv("FPROM_DELIVERY", "inline")
    celery = Celery("shop", broker="memory://", set_as_current=False)
    celery.conf.task_always_eager = True
    users: list[str] = []
    recipe = run("from fprom_middleware import Fprom, T", celery=celery, create_user=users.append)
    request.addfinalizer(recipe["fprom"].close)

    (call,) = lines_of("carrying.md", "create_account.delay")
    recipe["fprom"].clock = account.clock
    visitor = TrackingContext(TID, ip=IP)
    given = {"email": EMAIL, "request": visitor, "dump_tracking": account.fprom.dump_tracking}
    exec(call, recipe | given)  # noqa: S102 - that is the point
    assert users == [EMAIL]
    (lead,) = loopback.leads
    assert (lead["email"], lead["tid"], lead["ip"]) == (EMAIL, TID, IP)

    recipe["create_account"].delay(EMAIL, "nonsense")
    assert (len(users), len(loopback.leads)) == (2, 1)


@pytest.mark.parametrize(("cookie", "tid"), [(TID, TID), (None, None)])
def test_stripe(
    account: Account,
    fprom: FpromMock,
    monkeypatch: pytest.MonkeyPatch,
    cookie: str | None,
    tid: str | None,
) -> None:
    """The tid travels in Stripe's metadata to the webhook; for an organic customer none does."""
    sessions: list[dict[str, Any]] = []
    monkeypatch.setitem(sys.modules, "stripe", stripe_stand_in(sessions))
    app = Flask(__name__)
    names = {"PRICE": "price_1", "SUCCESS_URL": "/", "WEBHOOK_SECRET": WEBHOOK_SECRET}
    run("import stripe", app=app, fprom=flask.init_app(app, account.fprom), **names)
    browser = app.test_client()
    if cookie:
        browser.set_cookie("_fprom_tid", cookie)
    assert browser.post("/checkout").json == {"url": URL}

    paid = {
        "metadata": sessions[0]["metadata"],
        "customer": "cus_1",
        "customer_details": {"email": EMAIL},
    }
    call = signed("checkout.session.completed", paid)
    assert app.test_client().post("/stripe/webhook", **call).status_code == 204
    sent = [(lead.tid, lead.email, lead.uid) for lead in fprom.leads]
    assert sent == ([(tid, EMAIL, "cus_1")] if tid else [])


def test_the_token_that_stripe_can_hold(account: Account) -> None:
    """Metadata take 500 characters, a token has 200."""
    assert (
        len(account.fprom.dump_tracking(TrackingContext(TID, "anna", IP), purpose="stripe")) <= 200
    )


def test_the_reasons(account: Account) -> None:
    """The table of reasons lists those that there are."""
    fprom = account.fprom
    token = fprom.dump_tracking(TrackingContext(TID))
    account.clock.later(seconds=-120)
    bad: list[tuple[object, int | None]] = [
        (None, None),
        ("x" * (MAX_TOKEN + 1), None),
        ("nonsense", 1),
    ]
    bad.append((token, None))
    reasons = set()
    for one, age in bad:
        with pytest.raises(FpromTokenError) as caught:
            fprom.load_tracking(one, max_age=age)
        reasons.add(caught.value.reason)
    account.clock.later(seconds=DAY)
    with pytest.raises(FpromTokenError) as caught:
        fprom.load_tracking(token, max_age=60)
    reasons.add(caught.value.reason)

    table = re.findall(
        r"^\| .* \| `(\w+)` \|$", DOCS.joinpath("carrying.md").read_text(), re.MULTILINE
    )
    assert set(table) == reasons
