"""How the fields of a call are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.sandbox.page.findings import judge_address, judge_fields, read_sent
from fprom_middleware.sandbox.tids import is_sandbox_tid, make_tid
from tests.sandbox.calling import NOW, call, make_double, signup

if TYPE_CHECKING:
    from fprom_middleware.sandbox import FirstPromoterDouble


def judge(double: FirstPromoterDouble) -> dict[str, tuple[str, str]]:
    """Return words and look for each field of the last call."""
    attempt = double.attempts[-1]
    sent = read_sent(attempt)
    tid = sent.get("tid")
    click = double.find_click(tid) if isinstance(tid, str) else None
    findings = judge_fields(attempt, sent, click, double.currency)
    return {finding.name: (finding.words, finding.look) for finding in findings}


@pytest.mark.parametrize(
    ("text", "words", "look"),
    [
        ("93.184.216.34", "public", "delivered"),
        ("203.0.113.7", "public (of documentation)", "delivered"),
        ("2001:db8::1", "public (of documentation)", "delivered"),
        ("2606:4700::1111", "public", "delivered"),
        ("127.0.0.1", "loopback, not sent by default", "again"),
        ("::1", "loopback, not sent by default", "again"),
        ("10.1.2.3", "private, not sent by default", "again"),
        ("100.64.0.1", "private, not sent by default", "again"),
        ("fd00::1", "private, not sent by default", "again"),
        ("169.254.1.1", "of no visitor", "act"),
        ("0.0.0.0", "of no visitor", "act"),
        ("224.0.0.1", "of no visitor", "act"),
        ("93.184.216.34, 10.0.0.1", "not an address", "act"),
        ("", "not an address", "act"),
    ],
)
def test_an_address_is_public_or_not(text: str, words: str, look: str) -> None:
    """What FPROM_SEND_IP=public holds back is named."""
    assert judge_address(text) == (words, look)


@pytest.mark.parametrize(
    ("created_at", "words", "look"),
    [
        ("2026-11-02T09:30:00.000Z", "on time: it arrived 0.2 s after the sign-up", "delivered"),
        ("2026-11-02T09:30:01", "on time: it arrived 0.0 s after the sign-up", "delivered"),
        ("2026-11-02T09:25:00+00:00", "late: it arrived 5 min after the sign-up", "again"),
        ("2026-10-31T09:30:00Z", "late: it arrived 2 d after the sign-up", "again"),
        ("2026-11-02T12:30:01Z", "3 h in the future: look at the clock", "act"),
        ("yesterday", "not an ISO 8601 date", "act"),
    ],
)
def test_a_moment_is_late_or_not(created_at: str, words: str, look: str) -> None:
    """A lead that waited in an outbox says how long."""
    double = make_double(ref_ids=["anna"])
    signup(double, uid="1", ref_id="anna", created_at=created_at)

    assert judge(double)["created_at"] == (words, look)


def test_a_known_tid_names_its_click() -> None:
    """The visitor's way is told: whose link, and how long before."""
    now = [NOW.timestamp()]
    double = make_double(clock=lambda: now[0])
    tid = double.click("anna").tid
    now[0] += 12
    signup(double, uid="1", tid=tid, ref_id="bea")

    found = judge(double)

    assert found["tid"] == ("known: a click on anna's link, 12 s before", "delivered")
    assert found["ref_id"] == ("the tid decides", "neutral")


def test_an_unknown_tid_is_told_from_a_former_one() -> None:
    """A cookie from before the restart is the developer's most common surprise."""
    double = make_double()
    signup(double, uid="1", tid="11111111-2222-4333-8444-555555555555")
    assert judge(double)["tid"] == ("unknown: no click here was given it", "act")

    signup(double, uid="1", tid=make_double().click("anna").tid)
    words, look = judge(double)["tid"]
    assert words.startswith("from before the restart or the clearing: delete your site's cookies")
    assert look == "act"
    assert double.attempts[-1].note.startswith("this browser's cookie is from before the restart")


def test_a_click_that_came_late_is_seen() -> None:
    """The script's call may lose the race against the registration; the next try succeeds."""
    now = [NOW.timestamp()]
    double = make_double(clock=lambda: now[0])
    signup(double, uid="1", tid="later")
    now[0] += 2
    click = double.click("anna")

    (finding, *_) = (
        one
        for one in judge_fields(double.attempts[-1], {"tid": "later"}, click, "USD")
        if one.name == "tid"
    )

    assert finding.words == "known, but its click came 2 s after this call"


def test_every_field_is_listed() -> None:
    """Those that the call does not have too; amounts are written for people."""
    double = make_double(ref_ids=["anna"])
    fields: dict[str, Any] = {"uid": "1", "event_id": "in_1", "amount": 1290, "currency": "EUR"}
    call(double, "sale", **fields, ref_id="anna", colour=["red"])

    found = judge(double)

    assert list(found) == [*fields, "ref_id", "colour"]
    assert found["amount"][0] == "12.90 EUR"
    assert found["ref_id"][0] == "taken, as no tid is named"
    assert found["colour"] == ("not a field of this call, passed over", "again")


def test_a_signup_without_an_address_says_why() -> None:
    """On one's own machine there is no public address, and that is no fault."""
    double = make_double(ref_ids=["anna"])
    signup(double, uid="1", ref_id="anna")
    assert judge(double)["ip"][0].startswith("not sent: the visitor's address was not public")

    call(double, "cancellation", uid="1")
    assert "ip" not in judge(double)


def test_a_repeat_is_named_at_its_field() -> None:
    """What a call was known again by, and that nothing is lost by it."""
    double = make_double(ref_ids=["anna"])
    for _ in range(2):
        signup(double, email="kim@example.com", uid="1", ref_id="anna")
    lead = ("a repeat: this email or uid has signed up before", "delivered")
    assert judge(double)["email"] == lead
    assert judge(double)["uid"] == ("", "neutral")
    signup(double, uid="1", ref_id="anna")
    assert judge(double)["uid"] == lead

    for _ in range(2):
        call(double, "sale", uid="1", event_id="in_1", amount=1)
    assert judge(double)["event_id"] == ("a repeat: this event_id was used before", "delivered")


def test_own_tids_are_known_again() -> None:
    """The check is part of the id, which is a version 4 UUID all the same."""
    tids = {make_tid() for _ in range(100)}

    assert len(tids) == 100
    assert all(map(is_sandbox_tid, tids))
    assert all(tid[14] == "4" and tid[19] in "89ab" for tid in tids)
    tid = tids.pop()
    for other in (tid.upper(), tid[:-1] + ("0" if tid[-1] != "0" else "1"), "", "tid", tid + " "):
        assert not is_sandbox_tid(other)
