"""The tracking script for a page's head, in every template language that is served."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, render_template_string
from jinja2 import DictLoader, Environment
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient

from fprom_middleware import Fprom, FpromSettings
from fprom_middleware.flask import init_app
from fprom_middleware.snippet import SCRIPT_URL, fprom_script
from fprom_middleware.starlette import init_templates

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[..., str]

API_KEY = "key-CANARY-of-the-account"
TAG = "{{ fprom_script(nonce=nonce, src=src) if src else fprom_script(nonce) }}"
DJANGO_TAGS = {True: "{% fprom_script nonce src %}", False: "{% fprom_script nonce=nonce %}"}
HOSTILE = [
    "plain",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "'\"`>&amp;<",
    "\\u003c\\",
    '");alert(1);("',
    "{{7*7}}{%x%}",
    "%s%d",
]


class Scripts(HTMLParser):
    """Reads markup as a browser does."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str | None], str]] = []
        self.outside = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        assert tag == "script"
        self.found.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        assert tag == "script"

    def handle_data(self, data: str) -> None:
        """Read what stands in it."""
        if self.found:
            attributes, text = self.found.pop()
            self.found.append((attributes, text + data))


def settings(**more: Any) -> FpromSettings:
    """Return an account's settings."""
    return FpromSettings(**{"api_key": API_KEY, "account_id": "account-7", **more})


def by_flask(given: FpromSettings, source: str, **values: Any) -> str:
    """Render a template of a Flask app."""
    app = Flask(__name__)
    init_app(app, given)
    with app.test_request_context():
        return render_template_string(source, **values)


def by_starlette(given: FpromSettings, source: str, **values: Any) -> str:
    """Render a template of a Starlette app."""
    templates = Jinja2Templates(env=Environment(loader=DictLoader({"x": source}), autoescape=True))
    init_templates(templates, Fprom(given))
    return templates.get_template("x").render(**values)


def by_django(given: FpromSettings, source: str, **values: Any) -> str:
    """Render a template of a Django app."""
    from django.template import Context, Engine  # noqa: PLC0415 - once its settings are there

    from tests.support.django import django_settings  # noqa: PLC0415 - as above

    source = source.replace(TAG, DJANGO_TAGS["src" in values])
    with django_settings(
        FPROM_API_KEY=given.api_key,
        FPROM_ACCOUNT_ID=given.account_id,
        FPROM_ENABLED=given.enabled,
        FPROM_BASE_URL=given.base_url,
        FPROM_SCRIPT_PROXY=given.script_proxy,
    ):
        engine = Engine(libraries={"fprom": "fprom_middleware.django.templatetags.fprom"})
        rendered: str = engine.from_string("{% load fprom %}" + source).render(Context(values))
        return rendered


@pytest.fixture(params=[by_flask, by_starlette, by_django])
def render(request: pytest.FixtureRequest) -> Render:
    """Each template language in turn."""
    chosen: Render = request.param
    return chosen


def test_the_script_of_the_account(render: Render) -> None:
    """A queue for early calls, the account, the click; then the vendor's script. No key."""
    page = render(settings(), f"<head>{TAG}</head>", nonce=None)

    assert API_KEY not in page
    head = page.removeprefix("<head>").removesuffix("</head>")
    (first, code), (second, nothing) = Scripts(head).found
    assert code.endswith('fpr("init",{cid:"account-7"});fpr("click");')
    assert (first, second, nothing) == ({}, {"src": SCRIPT_URL, "async": None}, "")


@pytest.mark.parametrize(
    ("base_url", "src"),
    [
        ("http://127.0.0.1:8100/api/v2/track", "http://127.0.0.1:8100/fpr.js"),
        ("http://localhost:8100/api/v2/track/", "http://localhost:8100/fpr.js"),
        ("http://[::1]:8100/api/v2/track", "http://[::1]:8100/fpr.js"),
        ("https://127.0.0.1/sandbox/api/v2/track", "https://127.0.0.1/sandbox/fpr.js"),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100/fpr.js"),
        ("https://v2.firstpromoter.com/api/v2/track", SCRIPT_URL),
        ("https://localhost.example.com/api/v2/track", SCRIPT_URL),
    ],
)
def test_the_script_follows_a_base_url_of_this_machine(
    render: Render, base_url: str, src: str
) -> None:
    """While developing, the sandbox that gets the leads sees the clicks too."""
    page = render(settings(base_url=base_url), TAG, nonce=None)

    assert Scripts(page).found[1] == ({"src": src, "async": None}, "")


def test_first_party_addresses(render: Render) -> None:
    """With FPROM_SCRIPT_PROXY the script and its two calls are this site's own."""
    given = settings(script_proxy="/partners", base_url="http://127.0.0.1:8100/api/v2/track")
    page = render(given, TAG, nonce="n0nce")

    (first, code), (second, _) = Scripts(page).found
    assert first == {"nonce": "n0nce"}
    assert code.startswith(
        'window.proxy_fpr_tr_url="/partners/tr";'
        'window.proxy_fpr_get_details_url="/partners/get_details";window.fpr='
    )
    assert second == {"nonce": "n0nce", "src": "/partners/fpr.js", "async": None}
    elsewhere = render(given, TAG, nonce=None, src="/mine.js")
    assert Scripts(elsewhere).found[1][0]["src"] == "/mine.js"


MOUNTED = "{{ fprom_script() }}"


def mounted_flask() -> str:
    """A page of a Flask app below /shop."""
    app = Flask(__name__)
    init_app(app, settings(script_proxy="/partners", delivery="memory"))
    app.add_url_rule("/", view_func=lambda: render_template_string(MOUNTED))
    return app.test_client().get("/", base_url="http://shop.example/shop").text


def mounted_starlette() -> str:
    """A page of a Starlette app below /shop, in a Mount of its own."""
    templates = Jinja2Templates(env=Environment(loader=DictLoader({"x": MOUNTED}), autoescape=True))
    init_templates(templates, Fprom(settings(script_proxy="/partners")))
    page = Route("/", lambda request: templates.TemplateResponse(request, "x"))
    app = Starlette(routes=[Mount("/inside", routes=[page]), page])
    client = TestClient(app, root_path="/shop")
    assert client.get("/shop/").text == client.get("/shop/inside/").text
    return client.get("/shop/").text


def mounted_django() -> str:
    """A page of a Django project below /shop."""
    from django.urls import set_script_prefix  # noqa: PLC0415 - once its settings are there

    set_script_prefix("/shop/")
    try:
        return by_django(settings(script_proxy="/partners"), TAG, nonce=None)
    finally:
        set_script_prefix("/")


@pytest.mark.parametrize("page", [mounted_flask, mounted_starlette, mounted_django])
def test_first_party_addresses_below_a_mount(page: Callable[[], str]) -> None:
    """What the app is mounted under stands before the prefix."""
    (_, code), (second, _) = Scripts(page()).found
    assert 'proxy_fpr_tr_url="/shop/partners/tr"' in code
    assert 'proxy_fpr_get_details_url="/shop/partners/get_details"' in code
    assert second["src"] == "/shop/partners/fpr.js"


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_the_texts_are_they_stay_texts(render: Render, text: str) -> None:
    """Account id, nonce and address come out of the page as they went in, and nothing runs."""
    account = text.replace(" ", "_")
    page = render(settings(account_id=account), TAG, nonce=text, src=f"/{text}")

    (first, code), (second, nothing) = Scripts(page).found
    assert first == {"nonce": text}
    assert second == {"nonce": text, "src": f"/{text}", "async": None}
    found = re.search(r'\{cid:(".*")\}\);fpr\("click"\);$', code)
    assert found is not None
    assert json.loads(found[1]) == account
    assert nothing == ""
    assert "<" not in found[1]


class Lazy:
    """A nonce that is made when it is read, and false until then, as Django 6 has it."""

    def __init__(self) -> None:
        self.made = ""

    def __bool__(self) -> bool:
        return bool(self.made)

    def __str__(self) -> str:
        self.made = "n0nce"
        return self.made


@pytest.mark.parametrize("nonce", ["n0nce", Markup("n0nce"), Lazy()])
def test_a_nonce_of_any_kind(nonce: Any) -> None:
    """Both elements carry it, and a lazy one is made by that."""
    markup = fprom_script(settings(), nonce)
    assert [attributes["nonce"] for attributes, _ in Scripts(markup).found] == ["n0nce"] * 2
    assert type(markup.__html__()) is str


def test_markup_is_escaped_like_text() -> None:
    """A text that calls itself safe is none here."""
    markup = fprom_script(settings(), Markup('"><b>'), Markup('"><i>'))
    assert [a["nonce"] for a, _ in Scripts(markup).found] == ['"><b>'] * 2


@pytest.mark.parametrize("given", [{"enabled": False}, {"enabled": False, "account_id": None}])
def test_nothing_while_disabled(given: dict[str, Any]) -> None:
    """A page of a development machine does not call the vendor."""
    for render_by in (by_flask, by_starlette):
        assert render_by(settings(**given), TAG, nonce=None) == ""


@pytest.mark.parametrize("empty", [None, ""])
def test_no_nonce(render: Render, empty: str | None) -> None:
    """A page without a policy has no attribute; nor has one whose nonce was not filled in."""
    assert "nonce" not in render(settings(), TAG, nonce=empty)
    assert "nonce" not in render(settings(), TAG)
