"""Flask: the request proxy in a view, and `init_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from fprom_middleware import (
    Fprom,
    FpromConfigError,
    FpromNotInstalled,
    FpromSettings,
    get_tracking,
    track_signup,
)
from fprom_middleware.flask import FpromMiddleware, init_app
from tests.support.frameworks import EMAIL, EXPECTED, HEADERS, Account, sign_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = {
    "FPROM_API_KEY": "key-of-the-account",
    "FPROM_ACCOUNT_ID": "account-7",
    "FPROM_DELIVERY": "inline",
}


def make_app(**config: object) -> Flask:
    """A Flask app with a registration view."""
    app = Flask(__name__)
    app.config.update(config)

    @app.post("/signup")
    def view() -> dict[str, str | None]:
        return sign_up(flask.request)

    return app


def test_a_view_signs_up_with_the_request_proxy(account: Account) -> None:
    """`flask.request` is a request."""
    app = make_app()
    assert init_app(app, account.fprom) is account.fprom
    account.check_wsgi(app)


def test_a_view_signs_up_with_the_request_itself(account: Account) -> None:
    """So is what stands behind the proxy, and Flask's own test client works."""
    app = Flask(__name__)
    init_app(app, account.fprom)

    @app.post("/signup")
    def view() -> dict[str, str | None]:
        return sign_up(flask.request._get_current_object())  # type: ignore[attr-defined]

    account.check(app.test_client(use_cookies=False).post("/signup", headers=HEADERS).json)


def test_the_middleware_alone_is_enough(account: Account) -> None:
    """Without `init_app`, around `app.wsgi_app` by hand."""
    app = make_app()
    app.wsgi_app = FpromMiddleware(app.wsgi_app, account.fprom)  # type: ignore[method-assign]
    account.check_wsgi(app)


def test_settings_come_from_the_config() -> None:
    """FPROM_* keys of `app.config`, text or Python, and nothing else of it."""
    app = make_app(**KEYS, FPROM_TRUSTED_PROXIES="loopback, private", FPROM_ENABLED=True, OTHER=1)
    fprom = init_app(app)
    assert app.extensions["fprom"] is fprom
    assert isinstance(fprom, Fprom)
    assert fprom.settings.account_id == "account-7"
    assert fprom.settings.trusted_proxies == ("loopback", "private")


GIVEN: dict[str, Callable[[], Any]] = {
    "settings": lambda: FpromSettings(api_key="k" * 20, account_id="given", delivery="inline"),
    "a mapping": lambda: {**KEYS, "FPROM_ACCOUNT_ID": "given"},
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_settings_may_be_given(given: Callable[[], Any]) -> None:
    """What is handed in stands in for the config."""
    app = make_app(**KEYS)
    assert init_app(app, given()).settings.account_id == "given"
    assert app.extensions["fprom"].settings.account_id == "given"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, "FPROM_API_KEY"),
        ({"FPROM_API_KEY": "key-of-the-account"}, "FPROM_ACCOUNT_ID"),
        ({**KEYS, "FPROM_TRUSTED_PROXIES": "10.0.0.0/99"}, "FPROM_TRUSTED_PROXIES"),
        ({**KEYS, "FPROM_TIMEOUT": "soon"}, "FPROM_TIMEOUT"),
        ({**KEYS, "FPROM_APIKEY": "x"}, "FPROM_APIKEY"),
    ],
)
def test_a_wrong_setting_fails_at_start(config: dict[str, object], key: str) -> None:
    """The error names the key, and the app is left as it was."""
    app = make_app(**config)
    before = app.wsgi_app
    with pytest.raises(FpromConfigError, match=key) as caught:
        init_app(app)
    assert caught.value.key == key
    assert "key-of-the-account" not in str(caught.value)
    assert "fprom" not in app.extensions
    assert app.wsgi_app == before


def test_an_app_that_has_started_is_refused(account: Account) -> None:
    """Flask itself takes no set-up then; nothing is left behind."""
    app = make_app()
    app.test_client().get("/")
    with pytest.raises(AssertionError, match="first request"):
        init_app(app, account.fprom)
    assert "fprom" not in app.extensions


def test_the_outbox_is_made_in_the_instance_folder(tmp_path: Path) -> None:
    """Unless FPROM_OUTBOX_URL names another place."""
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config.update(KEYS)
    assert init_app(app).settings.outbox_url == f"sqlite:///{tmp_path}/.fprom/outbox.db"
    other = make_app(**KEYS, FPROM_OUTBOX_URL="sqlite:////elsewhere/outbox.db")
    assert init_app(other).settings.outbox_url == "sqlite:////elsewhere/outbox.db"


def test_templates_get_the_script() -> None:
    """`fprom_script(nonce)` writes the tracking script of the account, escaped."""
    app = make_app(**KEYS)
    init_app(app)
    with app.test_request_context():
        text = flask.render_template_string("{{ fprom_script(nonce='n\"') }}")
    assert "<script" in text
    assert "account-7" in text
    assert 'n"' not in text


def test_a_second_call_is_refused(account: Account) -> None:
    """Two middlewares of one app would be a mistake; the first stays."""
    app = make_app()
    init_app(app, account.fprom)
    with pytest.raises(FpromConfigError, match="once"):
        init_app(app, account.fprom)
    account.check_wsgi(app)


def test_a_disabled_account_needs_no_key() -> None:
    """A test configuration sends nothing and breaks nothing."""
    app = make_app(FPROM_ENABLED="false", FPROM_TRUSTED_PROXIES=1)
    init_app(app)
    answer = app.test_client(use_cookies=False).post("/signup", headers=HEADERS)
    assert answer.json == {**EXPECTED, "status": "skipped", "reason": "disabled"}


def test_outside_a_request_the_error_says_so() -> None:
    """A proxy with nothing behind it is not a missing middleware."""
    with pytest.raises(FpromNotInstalled, match="outside a request"):
        get_tracking(flask.request)
    with pytest.raises(FpromNotInstalled, match="outside a request"):
        track_signup(flask.request, EMAIL)


def test_without_the_middleware_the_error_shows_the_lines() -> None:
    """Whoever forgot `init_app` is told about it in the first sign-up."""
    app = make_app()
    app.testing = True
    with pytest.raises(FpromNotInstalled, match=r"init_app\(app\)"):
        app.test_client(use_cookies=False).post("/signup", headers=HEADERS)


def test_of_two_apps_the_inner_one_has_its_own_account(account: Account) -> None:
    """An app mounted inside another one signs up to its own account."""
    inner, outer = make_app(), make_app()
    own = Account()
    init_app(inner, own.fprom)
    init_app(outer, account.fprom)
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/shop": inner})  # type: ignore[method-assign]
    wrapped = FpromMiddleware(outer, account.fprom)
    assert Client(wrapped, use_cookies=False).post("/shop/signup", headers=HEADERS).json == EXPECTED
    assert (len(own.leads), len(account.leads)) == (1, 0)
    account.check(Client(wrapped, use_cookies=False).post("/signup", headers=HEADERS).json)
