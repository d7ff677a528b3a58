"""Visitors whose browser blocks the script: the link says who sent them."""

from __future__ import annotations

import time
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from fprom_middleware import track_signup
from tests.support.accounts import Account
from tests.support.clock import DAY
from tests.support.visits import EMAIL, IP, NAVIGATION, OTHER_TID, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit


@pytest.fixture
def linked() -> Account:
    """An account that reads links and keeps no tid."""
    return Account(link_params="fpr, via")


def b64(ref: str) -> str:
    """Encode a ref as the vendor's script does."""
    return b64encode(ref.encode()).decode()


def test_a_blocked_script(linked: Account, visit: Visit) -> None:
    """The ref of the link is kept, and sent as ref_id when the visitor signs up."""
    landed = visit(linked.fprom, query="utm=1&fpr=anna")
    assert landed.kept is not None
    assert landed.kept["max-age"] == str(60 * DAY)
    linked.clock.later(days=30)
    seen = visit(linked.fprom, method="POST", cookie=landed.jar)

    assert (seen.context.tid, seen.context.ref_id) == (None, "anna")
    assert track_signup(seen.connection, EMAIL).status == "sent"
    (lead,) = linked.leads
    assert ("tid" in lead, lead["ref_id"], lead["ip"]) == (False, "anna", IP)


def test_a_tid_that_comes_after_all_is_sent_alone(linked: Account, visit: Visit) -> None:
    """The ref is only for visitors who never got a tid."""
    landed = visit(linked.fprom, query="fpr=anna")
    cookie = f"{landed.jar}; _fprom_tid={TID}"
    track_signup(visit(linked.fprom, method="POST", cookie=cookie).connection, EMAIL)
    assert (linked.leads[0]["tid"], "ref_id" in linked.leads[0]) == (TID, False)


def test_links_alone_keep_no_tid(linked: Account, visit: Visit) -> None:
    """FPROM_KEEP_DAYS=0 means what it says: of the vendor's cookies only the ref is kept."""
    landed = visit(linked.fprom, cookie=f"_fprom_tid={TID}; _fprom_ref=anna")
    later = visit(linked.fprom, cookie=landed.jar).context
    assert (later.tid, later.ref_id) == (None, "anna")
    assert visit(linked.fprom, cookie=f"_fprom_tid={TID}").written == []


def test_off_by_default(visit: Visit) -> None:
    """Without FPROM_LINK_PARAMS no link is read, the vendor's own parameter included."""
    account = Account(keep_days=60)
    for query in ("fpr=anna", f"fpc={TID}--{b64('anna')}"):
        seen = visit(account.fprom, query=query)
        assert (seen.context.tid, seen.context.ref_id, seen.written) == (None, None, [])


@pytest.mark.parametrize(
    ("query", "ref"),
    [
        ("fpr=anna", "anna"),
        ("via=ben", "ben"),
        ("via=ben&fpr=anna", "anna"),
        ("fpr=anna&fpr=ben", "anna"),
        ("fpr=&via=ben", "ben"),
        ("fpr=undefined&via=ben", "ben"),
        ("fpr=%5Bobject+Object%5D&via=ben", "ben"),
        ("fpr=null", None),
        ("fpr=%20anna%09", "anna"),
        ("fpr=a%26b%3Dc+d", "a&b=c d"),
        ("fpr=%C3%A4nna", "änna"),
        # Bytes that nobody encoded are latin-1, as in a cookie.
        ("fpr=\xc3\xa4nna", "\xc3\xa4nna"),
        ("FPR=anna", None),
        ("xfpr=anna", None),
        ("fpr", None),
        ("fpr=", None),
        ("fpr=%00anna", None),
        ("fpr=an%0D%0Ana", None),
        ("fpr=" + "x" * 512, "x" * 512),
        ("fpr=" + "x" * 513, None),
        ("a=" + "x" * 8192 + "&fpr=anna", None),
        ("fpr=anna" + "&a=1" * 250, None),
    ],
)
def test_what_a_link_names(linked: Account, visit: Visit, query: str, ref: str | None) -> None:
    """The first parameter of the setting that is there, by the rules for cookies."""
    seen = visit(linked.fprom, query=query)
    assert (seen.context.tid, seen.context.ref_id) == (None, ref)
    assert bool(seen.kept) is (ref is not None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"fpc={TID}--{b64('anna')}", (TID, "anna")),
        (f"fpc={TID}--{quote(b64('anna?>~'), safe='')}", (TID, "anna?>~")),
        (f"fpc={TID}--{b64('anna?>~')}", (TID, "anna?>~")),
        (
            f"fpc={TID}--{urlsafe_b64encode(b'anna?>~').decode().rstrip('=')}",
            (TID, "anna?>~"),
        ),
        (f"fpc={TID}--{b64('ännä')}", (TID, "ännä")),
        (f"fpc={TID}--", (TID, None)),
        (f"fpc={TID}--*nonsense*", (TID, None)),
        (f"fpc={TID}--{b64encode(bytes([255, 254])).decode()}", (TID, None)),
        (f"fpc=--{b64('anna')}", (None, "anna")),
        (f"fpc={TID}", (None, None)),
        ("fpc=", (None, None)),
        (f"fpc=undefined--{b64('null')}", (None, None)),
        (f"fpc=%00--{b64(chr(0))}", (None, None)),
        (f"fpr=ben&fpc={TID}--{b64('anna')}", (TID, "ben")),
    ],
)
def test_what_comes_from_another_root_domain(
    visit: Visit, query: str, expected: tuple[str | None, str | None]
) -> None:
    """The vendor's own parameter: `<tid>--<base64 of the ref>`; both are kept."""
    account = Account(keep_days=60, link_params="fpr")
    seen = visit(account.fprom, query=query)
    assert (seen.context.tid, seen.context.ref_id) == expected
    assert bool(seen.kept) is any(expected)
    if any(expected):
        later = visit(account.fprom, cookie=seen.jar).context
        assert (later.tid, later.ref_id) == expected


def test_the_vendors_cookie_comes_first(visit: Visit) -> None:
    """Whoever has a cookie of the script's is who that says, whatever the link is."""
    account = Account(keep_days=60, link_params="fpr")
    seen = visit(account.fprom, cookie=f"_fprom_tid={TID}; _fprom_ref=anna", query="fpr=ben")
    assert (seen.context.tid, seen.context.ref_id) == (TID, "anna")
    later = visit(account.fprom, cookie=seen.jar).context
    assert (later.tid, later.ref_id) == (TID, "anna")

    carried = f"fpc={OTHER_TID}--{b64('ben')}"
    seen = visit(account.fprom, cookie=f"_fprom_tid={TID}; _fprom_ref=anna", query=carried)
    later = visit(account.fprom, cookie=seen.jar).context
    assert (seen.context.tid, later.tid, later.ref_id) == (TID, TID, "anna")


# Each row: what is kept, the link's query, and what counts in this request and later.
LINKS = {
    "another ref": ((TID, "anna"), "fpr=ben", (None, "ben")),
    "a ref where only a tid is kept": ((TID, None), "fpr=ben", (None, "ben")),
    "the same ref": ((TID, "anna"), "fpr=anna", (TID, "anna")),
    "another click": ((TID, "anna"), f"fpc={OTHER_TID}--{b64('ben')}", (OTHER_TID, "ben")),
    "nothing": ((TID, "anna"), "fpr=undefined", (TID, "anna")),
}


@pytest.mark.parametrize("case", LINKS)
def test_the_newer_click_counts(visit: Visit, case: str) -> None:
    """A link that names another promoter than the kept click is a click of its own."""
    (tid, ref), query, expected = LINKS[case]
    account = Account(keep_days=60, link_params="fpr")
    vendor = f"_fprom_tid={tid}" + (f"; _fprom_ref={ref}" if ref else "")
    kept = visit(account.fprom, cookie=vendor).jar
    account.clock.later(days=1)

    seen = visit(account.fprom, cookie=kept, query=query)

    assert (seen.context.tid, seen.context.ref_id) == expected
    later = visit(account.fprom, cookie=seen.jar if seen.written else kept).context
    assert (later.tid, later.ref_id) == expected


def test_the_vendors_ref_takes_its_tid_from_a_later_source(visit: Visit) -> None:
    """The same ref is the same click; another one's tid is not its own."""
    account = Account(keep_days=60, link_params="fpr")
    link = f"fpc={TID}--{b64('anna')}"

    for ref, tid in (("anna", TID), ("ben", None)):
        seen = visit(account.fprom, cookie=f"_fprom_ref={ref}", query=link)
        assert (seen.context.tid, seen.context.ref_id) == (tid, ref)
        # Asked in the other order, the answer is the same.
        seen = visit(account.fprom, cookie=f"_fprom_ref={ref}", query=link)
        assert (seen.context.ref_id, seen.context.tid) == (ref, tid)


def test_a_link_that_is_fetched_before_it_is_wanted(linked: Account, visit: Visit) -> None:
    """The page was not opened yet: the promoter who is kept stays."""
    kept = visit(linked.fprom, query="fpr=anna").jar
    headers = {**NAVIGATION, "Sec-Purpose": "prefetch"}

    assert visit(linked.fprom, cookie=kept, query="fpr=ben", headers=headers).written == []
    assert visit(linked.fprom, cookie=kept).context.ref_id == "anna"


def test_a_tid_that_may_not_be_kept_drops_the_ref(linked: Account, visit: Visit) -> None:
    """Where only refs are kept, a click without one leaves nothing of the click before."""
    kept = visit(linked.fprom, query="fpr=anna").jar
    dropped = visit(linked.fprom, cookie=f"{kept}; _fprom_tid={TID}")

    assert dropped.kept is not None
    later = visit(linked.fprom, cookie=dropped.jar)
    assert (later.context.tid, later.context.ref_id, later.written) == (None, None, [])
    assert visit(linked.fprom, cookie=f"{dropped.jar}; _fprom_tid={TID}").written == []


def test_no_link_without_a_page(linked: Account, visit: Visit) -> None:
    """A call by script reads the link for itself and keeps nothing."""
    seen = visit(linked.fprom, query="fpr=anna", headers={**NAVIGATION, "Sec-Fetch-Dest": "empty"})
    assert (seen.context.ref_id, seen.written) == ("anna", [])


def test_a_hostile_query_costs_little(linked: Account, visit: Visit) -> None:
    """What is longer than any link is not looked at: parsing it would take a second."""
    for unit in ("fpr=%41&", "fpr=", "%", "&", "fpc=--", "fpr=" + "%F0" * 100 + "&"):
        query = unit * (2_000_000 // len(unit))
        times = []
        for _ in range(5):
            began = time.thread_time()
            assert visit(linked.fprom, query=query).written == []
            times.append(time.thread_time() - began)
        assert min(times) < 0.05
