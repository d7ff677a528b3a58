"""When the keep cookie is written: on pages that one person opened, and with consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.visitor.cookie_policy import may_set_cookie
from tests.support.accounts import Account
from tests.support.clock import NOW
from tests.support.visits import HTML, NAVIGATION, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit

VENDOR = f"_fprom_tid={TID}; _fprom_ref=anna"
TURBO = "text/vnd.turbo-stream.html, text/html, application/xhtml+xml"
FETCH = {"Accept": "*/*", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}


@pytest.fixture
def keeping() -> Account:
    """An account that keeps visitors for 60 days."""
    return Account(keep_days=60)


@pytest.mark.parametrize(
    "headers",
    [
        NAVIGATION,
        {"Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Mode": "navigate"},
        {"Accept": "text/html"},
        {"Accept": "application/xml, text/html;q=0.9"},
        {**FETCH, "Accept": "text/html", "Sec-Fetch-Site": "same-origin"},
        {**NAVIGATION, **FETCH, "Accept": TURBO, "Sec-Fetch-Site": "same-origin"},
        {**NAVIGATION, "Sec-Purpose": "nothing-of-the-kind"},
    ],
)
def test_a_page_that_a_person_opens(
    keeping: Account, visit: Visit, headers: dict[str, str]
) -> None:
    """Also in older browsers, which say only what they accept."""
    assert visit(keeping.fprom, cookie=VENDOR, headers=headers).kept


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", FETCH),
        ("GET", {}),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {"Accept": "image/avif,image/webp,*/*"}),
        ("GET", {**NAVIGATION, "Sec-Fetch-Dest": "iframe"}),
        ("GET", {**NAVIGATION, "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"}),
        ("GET", {**NAVIGATION, "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}),
        ("GET", {**FETCH, "Accept": "text/html", "Sec-Fetch-Site": "same-site"}),
        ("GET", {**FETCH, "Accept": "text/html", "Sec-Fetch-Site": "cross-site"}),
        ("GET", {**FETCH, "Sec-Fetch-Site": "same-origin"}),
        ("POST", {**FETCH, "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}),
        ("GET", {**NAVIGATION, "Sec-Purpose": "prefetch"}),
        ("GET", {**NAVIGATION, "Sec-Purpose": "prefetch;prerender"}),
        ("GET", {**NAVIGATION, "Sec-Purpose": "prefetch;anonymous-client-ip"}),
        ("GET", {"Accept": "text/html", "Purpose": "Prefetch"}),
        ("GET", {**NAVIGATION, "Purpose": "preview"}),
        ("GET", {**NAVIGATION, "X-Purpose": "preview"}),
        ("GET", {**NAVIGATION, "X-Moz": "prefetch"}),
        ("GET", {**FETCH, "Accept": TURBO, "Sec-Fetch-Site": "same-origin", "Purpose": "prefetch"}),
        ("HEAD", NAVIGATION),
        ("POST", NAVIGATION),
        ("PUT", NAVIGATION),
        ("OPTIONS", NAVIGATION),
        ("", NAVIGATION),
    ],
)
def test_what_is_no_navigation(
    keeping: Account, visit: Visit, method: str, headers: dict[str, str]
) -> None:
    """Assets, API calls, frames and forms are left alone; the tid is read all the same."""
    seen = visit(keeping.fprom, method=method, cookie=VENDOR, headers=headers)
    assert (seen.written, seen.context.tid) == ([], TID)


@pytest.mark.parametrize("status", [200, 201, 206, 302, 303, 307])
def test_statuses_that_carry(keeping: Account, visit: Visit, status: int) -> None:
    """Pages and temporary redirects."""
    assert visit(keeping.fprom, cookie=VENDOR, status=status).kept


@pytest.mark.parametrize("status", [301, 304, 308, 400, 404, 500, 503])
def test_statuses_that_do_not(keeping: Account, visit: Visit, status: int) -> None:
    """What a cache may keep for ever, what has no page, and errors."""
    assert visit(keeping.fprom, cookie=VENDOR, status=status).written == []


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/plain", "image/png", "text/event-stream", "application/xhtml+xml"],
)
def test_what_is_no_html(keeping: Account, visit: Visit, kind: str) -> None:
    """Whatever the browser asked for, the answer decides too."""
    for answer in ([("Content-Type", kind)], []):
        assert visit(keeping.fprom, cookie=VENDOR, answer=answer).written == []
    moved = visit(keeping.fprom, cookie=VENDOR, status=302, answer=[("Content-Type", kind)])
    assert moved.kept


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cache-Control": "private"},
        {"Cache-Control": "private, max-age=600"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "NO-CACHE, Max-Age=0, must-revalidate"},
        {"Cache-Control": "max-age=0"},
        {"Cache-Control": "max-age=60, no-cache"},
        {"Cache-Control": "no-transform"},
        {"Expires": "0"},
        {"Expires": "-1"},
        {"Expires": "Thu, 19 Nov 1981 08:52:00 GMT", "Cache-Control": "no-cache, must-revalidate"},
        {"Expires": "Thu, 19 Nov 2026 08:52:00 GMT", "Cache-Control": "private"},
        {"Expires": "Thu, 19 Nov 1981 08:52:00 GMT", "Cache-Control": "max-age=0"},
        {"Expires": "Thu, 19 Nov 1981 08:52:00 GMT"},
        {"Expires": "Fri, 25 Apr 2025 09:29:51 GMT"},
        {"Expires": "never"},
        {"CDN-Cache-Control": "no-store"},
        {"Cloudflare-CDN-Cache-Control": "Max-Age=0, must-revalidate"},
        {"Surrogate-Control": 'no-store, content="ESI/1.0"'},
        {"Edge-Control": "private"},
        {"X-Accel-Expires": "0"},
        {"X-Accel-Expires": " @0"},
        {"Content-Type": " Text/HTML"},
        {"ETag": '"1"', "Vary": "Cookie"},
    ],
)
def test_private_pages(keeping: Account, visit: Visit, headers: dict[str, str]) -> None:
    """Pages that no shared cache hands to somebody else carry the cookie."""
    answer = list({"Content-Type": HTML[1], **headers}.items())
    assert visit(keeping.fprom, cookie=VENDOR, answer=answer).kept


@pytest.mark.parametrize(
    "headers",
    [
        [("Cache-Control", "public")],
        [("Cache-Control", "max-age=60")],
        [("cache-control", 'MAX-AGE="60"')],
        [("Cache-Control", "s-maxage=0")],
        [("Cache-Control", "public, no-cache")],
        [("Cache-Control", "no-cache, s-maxage=60")],
        [("Cache-Control", "must-revalidate"), ("Cache-Control", "public")],
        [("Expires", "Thu, 19 Nov 2026 08:52:00 GMT")],
        [("Expires", "Fri, 25 Apr 2025 09:29:53 GMT")],
        [("Expires", "Fri, 25 Apr 2025 09:29:53 GMT"), ("Cache-Control", "max-age=0")],
        [("Surrogate-Control", "max-age=60")],
        [("Surrogate-Control", "max-age=0, stale-while-revalidate=60")],
        [("Netlify-CDN-Cache-Control", "public"), ("Cache-Control", "no-store")],
        [("vercel-cdn-cache-control", "max-age=0, s-maxage=60")],
        [("Edge-Control", "!no-store, max-age=60"), ("Cache-Control", "private")],
        [("X-Accel-Expires", "60"), ("Cache-Control", "private")],
        [("X-Accel-Expires", "@1799999999")],
        [("CDN-Cache-Control", "")],
        [("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "private")],
    ],
)
def test_public_pages(keeping: Account, visit: Visit, headers: list[tuple[str, str]]) -> None:
    """A page that a shared cache may keep never carries one visitor's cookie to the next."""
    assert visit(keeping.fprom, cookie=VENDOR, answer=[HTML, *headers]).written == []


# Each row: what a page says of caches, and what is said beside our cookie.
SAID = [
    ([], ["Vary: Cookie", "Cache-Control: private"]),
    ([("Cache-Control", "no-cache")], ["Vary: Cookie", "Cache-Control: private"]),
    ([("Cache-Control", "Private, max-age=60")], ["Vary: Cookie"]),
    ([("Cache-Control", "no-store")], ["Vary: Cookie"]),
    ([("Cache-Control", "max-age=0"), ("Cache-Control", "no-store")], ["Vary: Cookie"]),
    ([("Vary", "Accept-Encoding")], ["Vary: Cookie", "Cache-Control: private"]),
    ([("Vary", "Accept, cookie")], ["Cache-Control: private"]),
    ([("Vary", "Accept"), ("vary", "Cookie")], ["Cache-Control: private"]),
    ([("Vary", "*"), ("Cache-Control", "private")], []),
    ([("Cache-Control", 'private="set-cookie"')], ["Vary: Cookie", "Cache-Control: private"]),
]


@pytest.mark.parametrize(("said", "added"), SAID)
def test_caches_are_told(
    keeping: Account, visit: Visit, said: list[tuple[str, str]], added: list[str]
) -> None:
    """A page that sets our cookie says that it is one person's; nothing else of it changes."""
    page = [HTML, *said]
    seen = visit(keeping.fprom, cookie=VENDOR, answer=page)

    assert seen.kept
    expected = [f"{name}: {value}" for name, value in page]
    lines = [f"{name}: {value}".lower() for name, value in seen.headers]
    assert lines[:-1] == [line.lower() for line in (*expected, *added)]

    again = visit(keeping.fprom, cookie=f"{VENDOR}; {seen.jar}", answer=page)
    assert [f"{name}: {value}".lower() for name, value in again.headers] == lines[: len(page)]


@given(st.text(max_size=30) | st.dates().map(lambda day: day.strftime("%a, %d %b %Y 00:00 +9999")))
def test_any_expires_is_answered(value: str) -> None:
    """Whatever an app writes there, the page goes out."""
    answer = may_set_cookie(200, [HTML, ("Expires", value)], now=NOW)

    assert answer in {True, False}


def test_the_apps_own_cookies_stay(keeping: Account, visit: Visit) -> None:
    """Ours comes after them; nothing of the vendor's is ever written."""
    answer = [("Set-Cookie", "session=1"), HTML, ("Set-Cookie", "theme=dark")]
    written = visit(keeping.fprom, cookie=VENDOR, answer=answer).written
    assert written[:2] == ["session=1", "theme=dark"]
    assert len(written) == 3
    assert not any(line.startswith("_fprom") for line in written)


def refuse(_: object) -> bool:
    """Say that this visitor does not consent."""
    return False


def fail(_: object) -> bool:
    """Break, as a hook can."""
    raise RuntimeError


@pytest.mark.parametrize("hook", [refuse, fail])
@pytest.mark.parametrize("query", ["", "fpr=anna"])
def test_never_without_consent(visit: Visit, hook: Any, query: str) -> None:
    """Neither for the vendor's cookie nor for a link."""
    account = Account(keep_days=60, link_params="fpr", consent=hook)
    assert visit(account.fprom, cookie=VENDOR, query=query).written == []
    assert visit(account.fprom, query=query).written == []


def test_consent_is_asked_only_when_there_is_something_to_write(visit: Visit) -> None:
    """The hook gets the environ or scope, once; images and known visitors do not ask."""
    asked: list[object] = []

    def hook(connection: object) -> bool:
        asked.append(connection)
        return True

    account = Account(keep_days=60, consent=hook)
    visit(account.fprom)
    visit(account.fprom, cookie=VENDOR, headers=FETCH)
    assert asked == []
    seen = visit(account.fprom, cookie=VENDOR)
    assert asked == [seen.connection]
    visit(account.fprom, cookie=f"{VENDOR}; {seen.jar}")
    assert len(asked) == 1


def test_global_privacy_control(keeping: Account, visit: Visit) -> None:
    """Sec-GPC: 1 keeps nothing, and reads nothing that was kept; the vendor's own is its own."""
    declines = {**NAVIGATION, "Sec-GPC": "1"}
    assert visit(keeping.fprom, cookie=VENDOR, headers=declines).written == []
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    assert visit(keeping.fprom, cookie=kept, headers=declines).context.tid is None
    assert visit(keeping.fprom, cookie=kept, headers=declines).context.ref_id is None
    assert visit(keeping.fprom, cookie=f"{kept}; {VENDOR}", headers=declines).context.tid == TID


def test_global_privacy_control_by_setting(keeping: Account, visit: Visit) -> None:
    """FPROM_RESPECT_GPC=false looks past it; a value other than 1 says nothing."""
    account = keeping.of(keep_days=60, respect_gpc="false")
    seen = visit(account.fprom, cookie=VENDOR, headers={**NAVIGATION, "Sec-GPC": "1"})
    assert seen.kept
    headers = {**NAVIGATION, "Sec-GPC": "1"}
    assert visit(account.fprom, cookie=seen.jar, headers=headers).context.tid == TID
    assert visit(keeping.fprom, cookie=VENDOR, headers={**NAVIGATION, "Sec-GPC": "0"}).kept
