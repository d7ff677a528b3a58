"""The double answers sign-ups as the document of the Tracking API v2 says."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime

import pytest

from fprom_middleware.sandbox import Answer, Attempt, Click, ReceivedLead
from fprom_middleware.sandbox.ledger import Ledger
from tests.sandbox.calling import BLANK, HEADERS, NOW, make_double, signup

UNKNOWN = {
    "message": "Visitor  invalid, not found or you are trying to use the signup tracking test via "
    "API which doesn't work on API calls."
}
DUPLICATE = {"transaction_id": "there is already a signup event registered on this lead"}


def test_an_accepted_signup_has_every_field_of_the_document() -> None:
    """A referred sign-up gets 200 with all fields, the unknown ones null."""
    double = make_double()
    tid = double.click("anna").tid

    answer = signup(
        double, email="testme@test1.com", tid=tid, created_at="2025-04-25T09:29:51.973Z"
    )

    assert answer.status == 200
    assert answer.headers == {"content-type": "application/json; charset=utf-8"}
    assert answer.json() == {
        "id": 1,
        "etype": "signup",
        "sale_amount": None,
        "original_sale_amount": None,
        "original_sale_currency": None,
        "event_id": None,
        "plan_id": None,
        "billing_period": None,
        "created_at": "2025-04-25T09:29:51.973Z",
        "referral": {"id": 1, "email": "testme@test1.com", "uid": None},
        "commissions": [],
    }


def test_a_lead_keeps_every_field_of_the_call() -> None:
    """What was sent can be asserted on, field by field."""
    double = make_double()
    tid = double.click("anna").tid

    signup(
        double,
        email="kim@example.com",
        uid="u-7",
        tid=tid,
        ref_id="bea",
        ip="93.184.216.34",
        created_at="2026-11-01T12:00:00+02:00",
        skip_email_notification=True,
    )

    (lead,) = double.leads
    assert (lead.email, lead.uid, lead.tid, lead.ref_id) == ("kim@example.com", "u-7", tid, "bea")
    assert lead.ip == "93.184.216.34"
    assert lead.created_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert lead.skip_email_notification is True
    assert lead.received_at == NOW
    assert double.attempts[-1].lead is lead


@pytest.mark.parametrize(
    ("created_at", "answered"),
    [
        (None, "2026-11-02T09:30:00.250Z"),
        ("", "2026-11-02T09:30:00.250Z"),
        ("2026-11-01T12:00:00", "2026-11-01T12:00:00.000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
    ],
)
def test_created_at_is_utc_and_else_now(created_at: str | None, answered: str) -> None:
    """A sign-up without a moment happened when it arrived; one without a zone is UTC."""
    double = make_double(ref_ids=["anna"])

    answer = signup(double, uid="u", ref_id="anna", created_at=created_at)

    assert answer.json()["created_at"] == answered


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sandbox-key"},
        {"Account-ID": "sandbox-account"},
        {"Authorization": "Bearer other", "Account-ID": "sandbox-account"},
        {"Authorization": "Bearer ", "Account-ID": "sandbox-account"},
        {"Authorization": "sandbox-key", "Account-ID": "sandbox-account"},
        {"Authorization": "Basic sandbox-key", "Account-ID": "sandbox-account"},
        {"Authorization": "Bearer sandbox-key", "Account-ID": "other"},
        {"X-API-KEY": "sandbox-key", "Account-ID": "sandbox-account"},
    ],
)
def test_credentials_are_checked_before_anything_else(headers: dict[str, str]) -> None:
    """A wrong or missing credential is 401 without a body, even for a broken call."""
    double = make_double()

    answer = double.signup(headers, b"no JSON")

    assert answer == Answer(401, b"")
    assert answer.headers == {}
    assert answer.json() is None
    assert double.leads == ()


def test_header_names_and_the_scheme_have_no_case() -> None:
    """HTTP/2 sends lower-case names: they count as well."""
    headers = {"authorization": "bearer sandbox-key", "ACCOUNT-ID": "sandbox-account"}

    assert make_double().signup(headers, b"{}").status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"email"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"{}",
        b'{"tid": "t"}',
        b'{"email": "", "uid": "  "}',
        b'{"email": null, "uid": null}',
        b'{"email": 1}',
        b'{"email": ["a@example.com"]}',
        b'{"email": "a@example.com", "uid": 7}',
        b'{"email": "a@example.com", "tid": {}}',
        b'{"email": "a@example.com", "ip": false}',
        b'{"email": "a@example.com", "skip_email_notification": "true"}',
        b'{"email": "a@example.com", "created_at": 1700000000}',
        b'{"email": "a@example.com", "created_at": "yesterday"}',
        b'{"email": "a@example.com", "created_at": "0001-01-01T00:00:00+14:00"}',
        b'{"email": "\\ud800@example.com"}',
    ],
)
def test_a_body_that_names_no_lead_is_a_bad_request(body: bytes) -> None:
    """Neither email nor uid, no JSON object, or a wrong type: 400 with the document's words."""
    double = make_double()

    answer = double.signup(HEADERS, body)

    assert (answer.status, answer.json()) == (400, BLANK)
    assert double.attempts[-1].status == 400
    assert double.leads == ()


def test_another_content_type_is_a_bad_request() -> None:
    """A form is no JSON, so the service would find no e-mail in it."""
    headers = HEADERS | {"Content-Type": "application/x-www-form-urlencoded"}
    double = make_double(ref_ids=["anna"])
    body = b'{"uid": "u", "ref_id": "anna"}'

    assert double.signup(headers, body).json() == BLANK
    assert (
        double.signup(HEADERS | {"Content-Type": "Application/JSON; charset=x"}, body).status == 200
    )


@pytest.mark.parametrize("names", [{"email": "a@example.com"}, {"uid": "u"}])
def test_one_of_email_and_uid_is_enough(names: dict[str, str]) -> None:
    """OneOf means at least one; both together are taken too."""
    double = make_double(ref_ids=["anna"])

    assert signup(double, ref_id="anna", **names).status == 200
    assert signup(double, ref_id="anna", email="b@example.com", uid="v").status == 200


@pytest.mark.parametrize(
    "visitor",
    [
        {},
        {"tid": "", "ref_id": None},
        {"tid": str(uuid.uuid4())},
        {"tid": "nonsense"},
        {"tid": "nonsense", "ref_id": "anna"},
        {"ref_id": "nobody"},
        {"ref_id": "ANNA"},
    ],
)
def test_a_visitor_who_never_came_is_not_found(visitor: dict[str, str | None]) -> None:
    """A tid that was never issued, an unknown promoter, or neither: 404."""
    double = make_double(ref_ids=["anna"])

    answer = signup(double, email="a@example.com", **visitor)

    assert (answer.status, answer.json()) == (404, UNKNOWN)
    assert double.leads == ()


def test_the_tid_decides_whose_lead_it_is() -> None:
    """With both a tid and a ref_id, the click's promoter gets the lead."""
    double = make_double(ref_ids=["bea"])
    tid = double.click("anna").tid

    signup(double, uid="1", tid=tid, ref_id="bea")
    signup(double, uid="2", ref_id="bea")

    assert [lead.promoter for lead in double.leads] == ["anna", "bea"]


def test_a_click_makes_its_promoter_known() -> None:
    """A ref_id is known once somebody came by its link."""
    double = make_double()
    assert signup(double, uid="u", ref_id="anna").status == 404

    double.click("anna")

    assert signup(double, uid="u", ref_id="anna").status == 200


@pytest.mark.parametrize(
    ("again", "status"),
    [
        ({"email": "a@example.com", "uid": "u"}, 422),
        ({"email": "a@example.com"}, 422),
        ({"uid": "u"}, 422),
        ({"email": "a@example.com", "uid": "v"}, 422),
        ({"email": "b@example.com", "uid": "v"}, 200),
        ({"email": "u"}, 200),
    ],
)
def test_a_lead_signs_up_once(again: dict[str, str], status: int) -> None:
    """The same e-mail or the same uid is the same lead; its second sign-up is 422."""
    double = make_double()
    tid = double.click("anna").tid
    signup(double, tid=tid, email="a@example.com", uid="u")

    answer = signup(double, tid=double.click("bea").tid, **again)

    assert answer.status == status
    if status == 422:
        assert answer.json() == DUPLICATE
        assert len(double.leads) == 1


def test_a_refused_signup_leaves_the_lead_free() -> None:
    """A 404 registers nothing: the same lead may come again with a good tid."""
    double = make_double()
    assert signup(double, email="a@example.com", tid="unknown").status == 404

    assert signup(double, email="a@example.com", tid=double.click("anna").tid).status == 200


def test_a_tid_is_a_version_4_uuid() -> None:
    """Tids look like the real ones, and no two are alike."""
    double = make_double()

    first, second = double.click("anna", "127.0.0.1"), double.click("anna", "127.0.0.1")

    assert uuid.UUID(first.tid).version == 4
    assert str(uuid.UUID(first.tid)) == first.tid
    assert first.tid != second.tid
    assert double.clicks == (first, second)
    assert (first.ref_id, first.ip, first.created_at) == ("anna", "127.0.0.1", NOW)


def test_a_click_needs_a_promoter() -> None:
    """A blank ref_id is the caller's mistake."""
    with pytest.raises(ValueError, match="needs a ref_id"):
        make_double().click("  ")


@pytest.mark.parametrize("option", ["api_key", "account_id"])
def test_blank_credentials_are_refused_at_start(option: str) -> None:
    """A double that any caller could satisfy would hide a missing setting."""
    with pytest.raises(ValueError, match="must not be blank"):
        make_double(**{option: " "})


def test_attempts_say_why() -> None:
    """Every call is kept with its status, the reason, and the beginning of what was sent."""
    double = make_double()

    double.signup({}, b"x")
    double.signup(HEADERS, "é".encode() * 100_000)
    signup(double, uid="u", tid="t")

    unauthorized, bad, unknown = double.attempts
    assert (unauthorized.status, unauthorized.sent, unauthorized.answer) == (401, "x", "")
    assert (bad.status, bad.note) == (400, "the body is not a JSON object")
    assert bad.sent == "é" * 4_000
    assert (unknown.status, unknown.note) == (404, "no click here was given this tid")
    assert json.loads(unknown.answer) == UNKNOWN


def test_only_the_newest_are_kept() -> None:
    """The memory is bounded, and what was forgotten counts as never seen."""
    double = make_double(limit=2)
    tids = [double.click(name).tid for name in ("anna", "bea", "cleo")]
    assert [click.ref_id for click in double.clicks] == ["bea", "cleo"]
    assert signup(double, uid="0", tid=tids[0]).status == 404
    assert signup(double, uid="0", ref_id="anna").status == 404

    for uid in ("1", "2", "3"):
        assert signup(double, uid=uid, tid=tids[2]).status == 200

    assert [lead.uid for lead in double.leads] == ["2", "3"]
    assert len(double.attempts) == 2
    assert signup(double, uid="3", tid=tids[2]).status == 422
    assert signup(double, uid="1", tid=tids[2]).json()["id"] == 4


def test_large_records_are_forgotten_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are bounded too, whichever field holds them; the newest of a kind is kept."""
    monkeypatch.setattr("fprom_middleware.sandbox.books.MAX_BYTES", 100_000)
    double = make_double(ref_ids=["anna"])
    for number in range(12):
        double.click("r" * 20_000)
        assert signup(double, uid=f"{number}" + "u" * 20_000, ref_id="anna").status == 200

    assert [len(kept) for kept in (double.clicks, double.leads, double.attempts)] == [4, 4, 2]
    assert [lead.uid.rstrip("u") for lead in double.leads if lead.uid] == ["8", "9", "10", "11"]
    assert signup(double, uid="0" + "u" * 20_000, ref_id="anna").status == 200

    assert signup(double, uid="u" * 200_000, ref_id="anna").status == 200
    assert [len(kept) for kept in (double.leads, double.attempts)] == [1, 1]


def test_reset_forgets_all_but_the_named_promoters() -> None:
    """After a reset the double is as new."""
    double = make_double(ref_ids=["bea"])
    tid = double.click("anna").tid
    signup(double, uid="u", tid=tid)

    double.reset()

    assert (double.clicks, double.leads, double.attempts) == ((), (), ())
    assert signup(double, uid="u", tid=tid).status == 404
    assert signup(double, uid="u", ref_id="bea").json()["id"] == 1


def test_the_observer_hears_each_event_and_may_look() -> None:
    """It is called outside the lock, so it can read the double."""
    seen: list[tuple[Click | Attempt, int, int]] = []

    def observe(event: Click | Attempt) -> None:
        seen.append((event, len(double.clicks), len(double.attempts)))

    double = make_double(observer=observe)

    click = double.click("anna")
    double.signup({}, b"")

    assert seen == [(click, 1, 0), (double.attempts[0], 1, 1)]


def test_threads_that_race_make_one_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of simultaneous sign-ups of one lead exactly one is accepted."""
    double = make_double()
    tid = double.click("anna").tid
    start = threading.Barrier(8)
    statuses: list[int] = []
    look = Ledger.find_lead

    def look_and_dawdle(ledger: Ledger, email: str | None, uid: str | None) -> ReceivedLead | None:
        found = look(ledger, email, uid)
        time.sleep(0.005)
        return found

    def race() -> None:
        start.wait()
        statuses.append(signup(double, uid="u", tid=tid).status)

    monkeypatch.setattr(Ledger, "find_lead", look_and_dawdle)
    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [422] * 7
    assert [lead.id for lead in double.leads] == [1]
