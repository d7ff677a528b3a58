"""Each middleware with FPROM_SCRIPT_PROXY: the three requests, and every other one untouched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.script_proxy import limits as by_limits
from fprom_middleware.script_proxy.calls import MAX_BODY
from fprom_middleware.script_proxy.limits import BURST
from tests.script_proxy.doors import PEER
from tests.support.vendor import (
    ANSWER,
    BROWSER,
    CANARIES,
    FORM,
    PREFIX,
    SCRIPT,
    SENT_NAMES,
    header_names,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.script_proxy.conftest import OpenDoor
    from tests.support.misbehaving import Server

TR, DETAILS, FPR = f"{PREFIX}/tr", f"{PREFIX}/get_details", f"{PREFIX}/fpr.js"


def test_the_script(open_it: OpenDoor, vendor: Server) -> None:
    """It comes from the vendor once, with a type of ours; HEAD and If-None-Match save its body."""
    ask = open_it()
    got = ask("GET", FPR, BROWSER | CANARIES)
    assert (got.status, got.body) == (200, SCRIPT)
    assert got.headers["content-type"] == "text/javascript; charset=utf-8"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-length"] == str(len(SCRIPT))
    assert "set-cookie" not in got.headers
    etag = got.headers["etag"]

    head = ask("HEAD", f"{FPR}?v=1", BROWSER)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", etag)
    assert head.headers["content-length"] == str(len(SCRIPT))
    known = ask("GET", FPR, BROWSER | {"If-None-Match": etag})
    assert (known.status, known.body) == (304, b"")

    (request,) = vendor.requests
    assert "CANARY" not in whole(request)
    assert header_names(request) == {"host", "user-agent"}


@pytest.mark.parametrize("path", [TR, DETAILS])
def test_a_call_is_passed_on(open_it: OpenDoor, vendor: Server, path: str) -> None:
    """The form as it is, four headers, one address; and back what the page may have."""
    ask = open_it()
    got = ask("POST", f"{path}?x=CANARY", BROWSER | CANARIES, FORM)

    assert (got.status, json.loads(got.body)) == (200, ANSWER)
    (request,) = vendor.requests
    assert request.line == f"POST {path.removeprefix(PREFIX)} HTTP/1.1"
    assert request.body == FORM
    assert header_names(request) == SENT_NAMES
    assert request.get("x-forwarded-for") == ask.peer
    assert request.get("host") == f"127.0.0.1:{vendor.port}"
    assert request.get("user-agent") == BROWSER["User-Agent"]
    assert "CANARY" not in whole(request)
    assert "CANARY" not in str(got.headers)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["cache-control"] == "max-age=0, private"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-length"] == str(len(got.body))
    assert "set-cookie" not in got.headers
    assert "access-control-allow-origin" not in got.headers


TRUSTED: dict[str, Any] = {"FPROM_TRUSTED_PROXIES": [PEER, "loopback"]}


@pytest.mark.parametrize(
    ("settings", "forwarded", "sent"),
    [
        ({}, "198.51.100.9", "the peer's"),
        (TRUSTED, "198.51.100.9", "198.51.100.9"),
        (TRUSTED, "6.6.6.6, 198.51.100.9", "198.51.100.9"),
        (TRUSTED, "nonsense", None),
        (TRUSTED | {"FPROM_SEND_IP": "never"}, "198.51.100.9", None),
        (TRUSTED | {"FPROM_SEND_IP": "truncated"}, "198.51.100.9", "198.51.100.0"),
        (TRUSTED | {"FPROM_SEND_IP": "public"}, "10.0.0.7", None),
    ],
)
def test_the_visitor_s_own_address_or_none(
    open_it: OpenDoor, vendor: Server, settings: Any, forwarded: str, sent: str | None
) -> None:
    """As the policy of the lead's address finds it, and as FPROM_SEND_IP lets it out."""
    ask = open_it(**settings)
    ask("POST", TR, BROWSER | {"X-Forwarded-For": forwarded}, FORM)
    expected = ask.peer if sent == "the peer's" else sent
    assert vendor.requests[0].get("x-forwarded-for") == expected


OTHER_PATHS = [
    "/",
    PREFIX,
    f"{PREFIX}/",
    f"{PREFIX}/fpr.js/",
    f"{PREFIX}/FPR.JS",
    f"{PREFIX}//tr",
    f"{PREFIX}/tr/x",
    f"{PREFIX}/get_detailsx",
    f"{PREFIX}/../tr",
    f"/x{PREFIX}/tr",
    "/tr",
    "/get_details",
    "/fpr.js",
]


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_every_other_path_is_the_app_s(open_it: OpenDoor, vendor: Server, path: str) -> None:
    """By whatever method."""
    ask = open_it()
    assert ask("GET", path, BROWSER).is_mine
    assert ask("POST", path, BROWSER, FORM).is_mine
    assert vendor.requests == []


@pytest.mark.parametrize("settings", [{"FPROM_SCRIPT_PROXY": None}, {"FPROM_ENABLED": False}])
def test_off_all_paths_are_the_app_s(open_it: OpenDoor, vendor: Server, settings: Any) -> None:
    """That is the default, and what a disabled account has."""
    ask = open_it(**settings)
    assert ask("GET", FPR, BROWSER).is_mine
    assert ask("POST", TR, BROWSER, FORM).is_mine
    assert vendor.requests == []


@pytest.mark.parametrize("mount", ["/shop", "/shop/de"])
def test_a_mounted_app(open_it: OpenDoor, vendor: Server, mount: str) -> None:
    """The prefix is below what the app is mounted under."""
    ask = open_it(mount=mount)
    assert ask("GET", FPR, BROWSER).body == SCRIPT
    assert ask("POST", TR, BROWSER, FORM).status == 200
    assert ask("POST", f"/x{TR}", BROWSER, FORM).is_mine
    assert [request.line for request in vendor.requests] == [
        "GET /fpr.js HTTP/1.1",
        "POST /tr HTTP/1.1",
    ]


REFUSED = {
    "method": ("GET", TR, {}, b"", 405),
    "another method": ("PUT", DETAILS, {}, FORM, 405),
    "options": ("OPTIONS", TR, {}, b"", 405),
    "the script's method": ("POST", FPR, {}, FORM, 405),
    "another site": ("POST", TR, {"Sec-Fetch-Site": "cross-site"}, FORM, 403),
    "another origin": ("POST", TR, {"Origin": "https://evil.example"}, FORM, 403),
    "no origin": ("POST", TR, {"Origin": "null"}, FORM, 403),
    "another site's script": ("GET", FPR, {"Sec-Fetch-Site": "cross-site"}, b"", 403),
    "a forged host": ("POST", TR, {"Origin": "https://a.b", "X-Forwarded-Host": "a.b"}, FORM, 403),
    "too long": ("POST", TR, {}, b"x" * (MAX_BODY + 1), 413),
    "JSON": ("POST", TR, {"Content-Type": "application/json"}, b"{}", 415),
    "multipart": ("POST", TR, {"Content-Type": "multipart/form-data; boundary=x"}, FORM, 415),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_sends_nothing(open_it: OpenDoor, vendor: Server, name: str) -> None:
    """And says so in a few bytes that no cache keeps."""
    method, path, headers, body, status = REFUSED[name]
    got = open_it()(method, path, BROWSER | headers, body)

    assert (got.status, got.body) == (status, b"")
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "html" not in got.headers.get("content-type", "")
    assert (got.headers.get("allow") is None) is (status != 405)
    assert vendor.requests == []


def test_a_trusted_proxy_s_host_is_a_name_of_this_site(open_it: OpenDoor, vendor: Server) -> None:
    """Behind a proxy that writes another Host."""
    ask = open_it(**TRUSTED)
    proxied = BROWSER | {"Host": "app.internal:8000", "X-Forwarded-Host": "shop.example"}
    assert ask("POST", TR, proxied, FORM).status == 200
    assert len(vendor.requests) == 1


def test_a_proxy_that_writes_another_host_is_said_once(
    open_it: OpenDoor, vendor: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The browser calls it the same origin, the server does not: one WARNING says what to do."""
    ask = open_it()
    for _ in range(3):
        got = ask("POST", TR, BROWSER | {"Host": "app.internal:8000"}, FORM)
        assert got.status == 403
    (record,) = [one for one in caplog.records if "FPROM_TRUSTED_PROXIES" in one.message]
    assert record.levelname == "WARNING"
    assert vendor.requests == []


def test_as_long_as_may_be(open_it: OpenDoor, vendor: Server) -> None:
    """The bound itself is let through, whole."""
    body = b"a=" + b"x" * (MAX_BODY - 2)
    assert open_it()("POST", TR, BROWSER, body).status == 200
    assert vendor.requests[0].body == body


def test_without_consent_nothing_is_sent(open_it: OpenDoor, vendor: Server) -> None:
    """The hook sees the environ or scope; a page of a visitor who agreed goes on as before."""

    def agreed(connection: Any) -> bool:
        cookies = connection.get("HTTP_COOKIE") or dict(connection.get("headers", ())).get(
            b"cookie", b""
        )
        return "yes" in str(cookies)

    ask = open_it(FPROM_CONSENT=agreed)
    for method, path in (("POST", TR), ("POST", DETAILS), ("GET", FPR)):
        got = ask(method, path, BROWSER, FORM if method == "POST" else b"")
        assert (got.status, got.body) == (204, b"")
    assert vendor.requests == []

    yes = BROWSER | {"Cookie": "consent=yes"}
    assert ask("POST", TR, yes, FORM).status == 200
    assert ask("GET", FPR, yes).headers["cache-control"] == "private, no-cache"


def test_a_hook_that_raises_is_a_no(open_it: OpenDoor, vendor: Server) -> None:
    """As everywhere."""

    def broken(connection: Any) -> bool:
        raise LookupError

    assert open_it(FPROM_CONSENT=broken)("POST", TR, BROWSER, FORM).status == 204
    assert vendor.requests == []


def test_a_flood_is_cut(open_it: OpenDoor, vendor: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process passes on so many calls and no more; the script is served on."""
    monkeypatch.setattr(by_limits, "PER_SECOND", 0.0)
    ask = open_it()
    assert ask("GET", FPR, BROWSER).status == 200
    statuses = [ask("POST", TR, BROWSER, FORM).status for _ in range(BURST + 9)]
    assert statuses == [200] * BURST + [429] * 9
    assert ask("GET", FPR, BROWSER).status == 200
    assert len(vendor.requests) == 1 + BURST


def test_a_file_of_the_user_s(open_it: OpenDoor, vendor: Server, tmp_path: Path) -> None:
    """Then the vendor is not asked for the script."""
    path = tmp_path / "fpr-prox.js"
    path.write_bytes(b"mine")
    ask = open_it(FPROM_SCRIPT_FILE=str(path))
    assert ask("GET", FPR, BROWSER).body == b"mine"
    path.write_bytes(b"mine too")
    assert ask("GET", FPR, BROWSER).body == b"mine too"
    assert vendor.requests == []


def test_memory_delivery_calls_its_own_machine_only(open_it: OpenDoor) -> None:
    """An app's own tests reach no live address; the sandbox is one of theirs."""
    ask = open_it(FPROM_DELIVERY="memory")
    assert ask("POST", TR, BROWSER, FORM).status == 200
    live = open_it(FPROM_DELIVERY="memory", FPROM_BASE_URL="https://api.firstpromoter.com/x")
    assert live("POST", TR, BROWSER, FORM).status == 204
    assert live("GET", FPR, BROWSER).status == 204


def test_a_kept_visitor_is_kept_on_pages_all_the_same(open_it: OpenDoor) -> None:
    """Other sources are read as before; the three requests set no cookie."""
    ask = open_it(FPROM_KEEP_DAYS=60, FPROM_SECRET_KEYS="a key of sixteen characters")
    cookie = {"Cookie": "_fprom_tid=tid-1", "Accept": "text/html"}
    assert "set-cookie" not in ask("GET", FPR, BROWSER | cookie).headers
    assert ask("GET", "/", {"Host": "shop.example"} | cookie).is_mine
