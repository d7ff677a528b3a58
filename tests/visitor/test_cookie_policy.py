"""When the keep cookie is written: on pages that one person opened, and with consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.visits import HTML, NAVIGATION, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit

VENDOR = f"_fprom_tid={TID}; _fprom_ref=anna"
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
        [("Surrogate-Control", "max-age=60")],
        [("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "private")],
    ],
)
def test_public_pages(keeping: Account, visit: Visit, headers: list[tuple[str, str]]) -> None:
    """A page that a shared cache may keep never carries one visitor's cookie to the next."""
    assert visit(keeping.fprom, cookie=VENDOR, answer=[HTML, *headers]).written == []


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
