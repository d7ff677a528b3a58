"""``fprom_middleware.django.FpromMiddleware``: both protocols, both kinds of views, one context."""

from __future__ import annotations

from contextlib import ExitStack
from http.cookiejar import DefaultCookiePolicy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from starlette.testclient import TestClient
from werkzeug.test import Client

from fprom_middleware import Fprom, FpromConfigError, get_tracking
from fprom_middleware.django import FpromMiddleware
from fprom_middleware.django import account as shared
from tests.support.django import MIDDLEWARE, django_settings
from tests.support.frameworks import Account, sign_up, sign_up_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = {"Accept": "text/html", "Cookie": "_fprom_tid=tid-of-the-visitor"}
SECRET = "a-signing-key-of-this-test"
KEEPING = {"FPROM_DELIVERY": "inline", "FPROM_SECRET_KEYS": [SECRET], "FPROM_KEEP_DAYS": 90}
VARYING = {"Vary": "Accept-Language", "Cache-Control": "no-cache"}
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


def view(request: Any) -> Any:
    """Register somebody."""
    assert request.fprom is get_tracking(request)
    return JsonResponse(sign_up(request))


async def view_async(request: Any) -> Any:
    """Register somebody without blocking."""
    assert request.fprom is get_tracking(request)
    return JsonResponse(await sign_up_async(request))


def page(request: Any) -> Any:
    """Say who the visitor is."""
    kind = "application/json" if "json" in request.GET else "text/html"
    return HttpResponse(f"{request.fprom.tid} {request.fprom.ref_id}", content_type=kind)


async def page_async(request: Any) -> Any:
    """Say who the visitor is, without blocking."""
    return page(request)


def sync_only(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Stand for a middleware of the old kind, which makes Django change threads."""
    return get_response


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account that this process's middleware uses."""
    one = Account()
    with django_settings():
        monkeypatch.setattr(shared, "_fprom", one.fprom)
        yield one
    one.fprom.close()


@pytest.mark.parametrize("others", [[], [f"{__name__}.sync_only"]])
@pytest.mark.parametrize("handler", [view, view_async])
def test_a_view_under_wsgi_signs_up(
    account: Account, handler: Any, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sync and async views, with and without other middlewares."""
    with django_settings(ROOT_URLCONF=(path("signup", handler),)):
        monkeypatch.setattr(shared, "_fprom", account.fprom)
        account.check_wsgi(WSGIHandler())


@pytest.mark.parametrize("handler", [view, view_async])
def test_a_view_under_asgi_signs_up(
    account: Account, handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on the other protocol."""
    with django_settings(ROOT_URLCONF=(path("signup", handler),)):
        monkeypatch.setattr(shared, "_fprom", account.fprom)
        account.check_asgi(without_lifespan(ASGIHandler()))


@pytest.mark.parametrize("order", [0, 1])
def test_a_sync_middleware_beside_it_changes_nothing(
    account: Account, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django moves the request to a thread and back; the context goes with it."""
    chain = [MIDDLEWARE]
    chain.insert(order, f"{__name__}.sync_only")
    monkeypatch.setattr("django.utils.module_loading.cached_import", find, raising=True)
    with django_settings(ROOT_URLCONF=(path("signup", view_async),), MIDDLEWARE=chain):
        monkeypatch.setattr(shared, "_fprom", account.fprom)
        account.check_asgi(without_lifespan(ASGIHandler()))


def find(module: str, name: str) -> Any:
    """Find this test's own middleware, which no import path leads to."""
    return sync_only if module == __name__ else FpromMiddleware


def test_a_bare_request_gets_a_context_too(account: Account) -> None:
    """A unit test of a view may build one by hand."""
    request = HttpRequest()
    request.META.update(HTTP_COOKIE="_fprom_tid=t1", REMOTE_ADDR="203.0.113.77")

    FpromMiddleware(lambda _: HttpResponse())(request)

    assert request.fprom.tid == "t1"
    assert get_tracking(request.META) is request.fprom


def test_a_scope_without_state_gets_one(account: Account) -> None:
    """Not every server makes it."""
    scope: dict[str, Any] = {"type": "http", "headers": [(b"cookie", b"_fprom_tid=t1")]}
    request = SimpleNamespace(scope=scope)

    FpromMiddleware(lambda _: HttpResponse())(request)

    assert get_tracking(scope).tid == "t1"
    assert scope["state"] == {"fprom": get_tracking(request)}


def test_the_thread_starts_with_the_first_request() -> None:
    """And not before: a server may fork in between."""
    with django_settings(FPROM_WORKER="thread", BASE_DIR=None):
        middleware = FpromMiddleware(lambda _: HttpResponse())
        fprom = shared.get_fprom()
        assert fprom.needs_start
        middleware(HttpRequest())
        assert not fprom.needs_start


def test_a_wrong_setting_fails_at_start() -> None:
    """When the handler is built, not at the first sign-up."""
    with (
        django_settings(FPROM_TIMEOUT="soon"),
        pytest.raises(FpromConfigError, match="FPROM_TIMEOUT"),
    ):
        WSGIHandler()


@pytest.fixture
def keeping() -> Iterator[None]:
    """The further sources are on."""
    with django_settings(
        ROOT_URLCONF=(path("", page), path("async", page_async)),
        FPROM_DELIVERY="inline",
        FPROM_SECRET_KEYS=[SECRET],
        FPROM_KEEP_DAYS=90,
        FPROM_LINK_PARAMS=("fpr",),
        FPROM_TID_HEADER="X-Tid",
        SECURE_PROXY_SSL_HEADER=("HTTP_X_HTTPS", "on"),
    ):
        yield


def test_the_visitor_is_kept_under_wsgi(keeping: None) -> None:
    """A page sets our cookie, and the cookie alone names the visitor from then on."""
    client = Client(WSGIHandler(), use_cookies=False)
    first = client.get("/", headers=PAGE)
    (cookie,) = (line.strip() for line in first.headers.getlist("Set-Cookie"))
    again = client.get("/", headers={"Cookie": cookie.partition(";")[0]})

    assert again.text == "tid-of-the-visitor None"
    assert cookie.startswith("fprom_keep=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


@pytest.mark.parametrize("address", ["/", "/async"])
def test_the_visitor_is_kept_under_asgi(keeping: None, address: str) -> None:
    """Whatever kind the view is; and Django's own word on https counts."""
    with TestClient(without_lifespan(ASGIHandler())) as client:
        first = client.get(address, headers=PAGE | {"X-Https": "on"})
        client.cookies.clear()
        cookie = first.headers["set-cookie"]
        again = client.get(address, headers={"Cookie": cookie.partition(";")[0]})

    assert again.text == "tid-of-the-visitor None"
    assert cookie.startswith("fprom_keep=")
    assert "Secure" in cookie


def test_only_a_page_carries_the_cookie(keeping: None) -> None:
    """Neither an API's answer nor a call by script does."""
    client = Client(WSGIHandler(), use_cookies=False)

    assert "Set-Cookie" not in client.get("/?json", headers=PAGE).headers
    assert "Set-Cookie" not in client.get("/", headers=PAGE | {"Accept": "*/*"}).headers


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@pytest.mark.parametrize("behind", [True, False])
def test_the_per_site_cache_hands_no_cookie_on(protocol: str, *, behind: bool) -> None:
    """Whoever came first: the next visitor's page is the next visitor's."""
    chain = ["django.middleware.cache.UpdateCacheMiddleware", MIDDLEWARE]
    settings: dict[str, Any] = {
        "ROOT_URLCONF": (path("", page),),
        "MIDDLEWARE": [
            *(chain if behind else chain[::-1]),
            "django.middleware.cache.FetchFromCacheMiddleware",
        ],
        "CACHES": {"default": {"BACKEND": LOCMEM, "LOCATION": f"{protocol} {behind}"}},
    }
    with django_settings(**settings, **KEEPING), ExitStack() as stack:
        if protocol == "wsgi":
            get: Any = Client(WSGIHandler(), use_cookies=False).get
        else:
            app = without_lifespan(ASGIHandler())
            client = stack.enter_context(TestClient(app))
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            get = client.get
        first = get("/", headers=PAGE)
        second = get("/", headers={"Accept": "text/html"})
        third = get("/", headers={"Accept": "text/html"})

    assert ("set-cookie" in first.headers) is behind
    assert ("private" in first.headers["cache-control"]) is behind
    assert "set-cookie" not in second.headers
    assert "set-cookie" not in third.headers
    if behind:
        assert first.headers["vary"] == "Cookie"
        assert second.text == "None None"
        # What no cookie was set on is kept as ever.
        assert "max-age=600" in third.headers["cache-control"]


def test_a_page_that_varies_already_says_so_once(account: Account) -> None:
    """Django has one line of each name."""
    with django_settings(**KEEPING):
        middleware = FpromMiddleware(lambda _: HttpResponse(headers=VARYING))
        request = HttpRequest()
        request.META.update(REQUEST_METHOD="GET", HTTP_ACCEPT="text/html")
        request.META.update(HTTP_COOKIE="_fprom_tid=t1")
        response = middleware(request)

    assert "fprom_keep" in response.cookies
    assert response["Vary"] == "Accept-Language, Cookie"
    assert response["Cache-Control"] == "no-cache, private"


def test_links_and_headers_are_sources_too(keeping: None) -> None:
    """For visitors whose browser blocks the script."""
    client = Client(WSGIHandler())

    assert client.get("/?fpr=anna").text == "None anna"
    assert client.get("/", headers={"X-Tid": "t7"}).text == "t7 None"


def test_two_protocols_answer_alike(keeping: None) -> None:
    """The same request, the same visitor."""
    with TestClient(without_lifespan(ASGIHandler())) as client:
        assert client.get("/?fpr=anna").text == "None anna"
        assert client.get("/", headers={"X-Tid": "t7"}).text == "t7 None"


def test_one_account_serves_every_request() -> None:
    """The middleware, the commands and a job share it."""
    with django_settings(FPROM_DELIVERY="inline"):
        fprom = shared.get_fprom()
        seen: list[Fprom] = []
        FpromMiddleware(lambda request: seen.append(request.fprom.owner))(HttpRequest())
        assert seen == [fprom]


def without_lifespan(app: Any) -> Any:
    """Answer the lifespan that Django refuses, as servers do by themselves."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return wrapped
