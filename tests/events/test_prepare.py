"""From a sign-up in a view to the lead that is sent, or to the reason why nothing is."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from ipaddress import ip_address
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fprom_middleware import FpromSettings, Lead, Receipt, Status, TrackingContext
from fprom_middleware.delivery.outcome_hook import tell_outcome
from fprom_middleware.events.fields import NOT_GIVEN
from fprom_middleware.events.prepare import as_said, prepare
from fprom_middleware.events.receipt import Reason
from fprom_middleware.settings.choices import SendIp
from fprom_middleware.visitor.client_ip import sendable_ip
from fprom_middleware.visitor.consent import may_track
from fprom_middleware.visitor.locate import Located

TID = "f3a1b2c4-1111-4222-8333-abcdefab1234"
IP = "93.184.216.34"
NOW = 1745573391.973412
MOMENT = datetime(2025, 4, 25, 9, 29, 51, 973_412, UTC)
ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.uuids(),
    st.just(NOT_GIVEN),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
    st.builds(object),
)
VISITOR = TrackingContext(tid=TID, ref_id="anna", ip=IP)


def said(**fields: Any) -> Lead:
    """Say what a view says."""
    return as_said(Lead, **{"email": NOT_GIVEN, "uid": NOT_GIVEN, **fields})


def signup(email: object = "ben@example.com", **more: Any) -> Lead:
    """Say what a view says of somebody with an address."""
    return said(email=email, **more)


def decide(
    said: Lead | None = None,
    context: TrackingContext = VISITOR,
    connection: dict[str, Any] | None = None,
    **settings: Any,
) -> Lead | Receipt:
    """Decide what is sent."""
    made = FpromSettings(api_key="k", account_id="a", **settings)
    decided = prepare(made, said or signup(), Located(context, connection), now=NOW)
    assert isinstance(decided, Lead | Receipt)
    return decided


def lead_of(*args: Any, **kwargs: Any) -> Lead:
    """Return the lead, where one is to be sent."""
    lead = decide(*args, **kwargs)
    assert isinstance(lead, Lead)
    return lead


# --- Who signed up ------------------------------------------------------------------------


BLANK = [None, "", " ", "\t\r\n", "\xa0", "\u2003"]


def rejected(said: Lead, context: TrackingContext = VISITOR, **settings: Any) -> bool:
    """Say whether a sign-up is refused at the door."""
    return decide(said, context, **settings) == Receipt(Status.REJECTED, Reason.BAD_REQUEST)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said as an error."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_neither_email_nor_uid() -> None:
    """A sign-up that names neither is a programming mistake, and the text says what to do."""
    with pytest.raises(ValueError, match=r"needs an email or a uid.*track_signup\(request, email"):
        said()


@pytest.mark.parametrize("uid", [NOT_GIVEN, *BLANK])
@pytest.mark.parametrize("email", [NOT_GIVEN, *BLANK])
def test_given_but_blank(email: object, uid: object, caplog: pytest.LogCaptureFixture) -> None:
    """An account without an address is the app's business: nothing raises, one line says it."""
    if email is NOT_GIVEN and uid is NOT_GIVEN:
        return
    assert decide(said(email=email, uid=uid)) == Receipt(Status.SKIPPED, Reason.UNIDENTIFIED)
    assert len(errors(caplog)) == 1
    assert decide(said(email=email, uid=uid), TrackingContext()) == Receipt(
        Status.SKIPPED, Reason.ORGANIC
    )
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize("blank", BLANK)
def test_one_of_the_two_is_enough(blank: str | None) -> None:
    """The blank one is left out."""
    assert lead_of(signup(blank, uid="7")).email is None
    assert lead_of(signup("a@b.example", uid=blank)).uid is None


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (0, "0"),
        (17, "17"),
        (-1, "-1"),
        (10**254, f"{10**254}"),
        ("u-1", "u-1"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (" x ", " x "),
        (Status.SENT, "sent"),
        ("u" * 255, "u" * 255),
    ],
)
def test_a_uid_becomes_text(uid: object, expected: str) -> None:
    """The app's own id is text, an int or a UUID; zero is an id."""
    lead = lead_of(said(uid=uid))
    assert lead.uid == expected
    assert type(lead.uid) is str


def test_email_and_uid_may_both_be_sent() -> None:
    """What the view says is sent as it is."""
    lead = lead_of(signup("Ben+x@Example.com", uid=7, skip_email_notification=False))

    assert (lead.email, lead.uid, lead.skip_email_notification) == ("Ben+x@Example.com", "7", False)


# --- What is refused at the door ----------------------------------------------------------

NO_TEXT = [0, 1.5, True, b"a@b.example", ["a@b.example"], {"email": "a"}, object(), MagicMock()]
NO_LINE = ["a\r\nb", "a\x00", "\x1ba", "a\x7f", "a\x85", "a@b.example\n"]


@pytest.mark.parametrize("email", [*NO_TEXT, *NO_LINE, "x" * 321, "x" * 10_000_000])
def test_an_email_that_is_refused(email: object, caplog: pytest.LogCaptureFixture) -> None:
    """No text, too long, or control characters: one line, which shows nothing of it."""
    assert rejected(signup(email, uid=7))
    (line,) = errors(caplog)
    assert "email" in line
    assert len(line) < 200
    assert "a@b" not in line
    assert lead_of(signup("x" * 320)).email == "x" * 320


NO_UID = [value for value in NO_TEXT if type(value) is not int]


@pytest.mark.parametrize(
    "uid", [*NO_UID, *NO_LINE, "x" * 256, 10**255, -(10**254), pytest.param(10**5000, id="huge")]
)
def test_a_uid_that_is_refused(uid: object, caplog: pytest.LogCaptureFixture) -> None:
    """A user object is no id: its text may be its address."""
    assert rejected(signup(uid=uid))
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize("ref_id", [*NO_TEXT, *NO_LINE, "x" * 513])
def test_a_ref_id_that_is_refused(ref_id: object) -> None:
    """As the others, for an organic visitor too."""
    assert rejected(signup(ref_id=ref_id))
    assert rejected(signup(ref_id=ref_id), TrackingContext())
    assert lead_of(signup(ref_id="x" * 512)).ref_id == "x" * 512


@pytest.mark.parametrize("flag", ["false", "", 0, 1, "\x1b[31m", [], object()])
def test_a_flag_that_is_refused(flag: object) -> None:
    """A form's text is neither true nor false."""
    assert rejected(signup(skip_email_notification=flag))


@pytest.mark.parametrize("name", ["email", "uid"])
def test_a_text_of_another_class_is_sent_as_plain_text(name: str) -> None:
    """What a template or an enum makes of it does not count."""

    class Shouting(str):
        __slots__ = ()

        def __str__(self) -> str:
            return self.upper()

    value = getattr(lead_of(said(**{name: Shouting("quiet")})), name)
    assert value == "quiet"
    assert type(value) is str


@pytest.mark.parametrize(
    "visitor",
    [
        *({"tid": tid} for tid in (uuid4(), 5, b"t", ["t"])),
        *({"tid": TID, "ip": ip} for ip in (5, b"1.2.3.4", object(), ["203.0.113.7"])),
        *({"ref_id": ref_id} for ref_id in (5, b"anna", ["anna"])),
    ],
)
def test_a_visitor_made_by_hand_is_checked_too(visitor: dict[str, Any]) -> None:
    """A lead that cannot be made into a row is refused alone."""
    assert rejected(signup(), TrackingContext(**visitor))


def test_an_address_made_by_hand_may_be_an_object() -> None:
    """It is one bare address, too."""
    context = TrackingContext(TID, ip=ip_address(IP))  # type: ignore[arg-type]
    assert lead_of(signup(), context).ip == IP


@given(
    st.fixed_dictionaries(
        dict.fromkeys(("email", "uid", "ref_id", "skip_email_notification"), ANYTHING)
    )
)
def test_whatever_a_view_hands_in_is_a_row_or_a_receipt(said: dict[str, Any]) -> None:
    """Nothing raises, and a lead is JSON that reads back as the same lead."""
    assume(said["email"] is not NOT_GIVEN or said["uid"] is not NOT_GIVEN)
    lead = decide(as_said(Lead, **said))
    if isinstance(lead, Lead):
        read = Lead.from_json(json.loads(json.dumps(lead.to_json())))
        assert read.to_json() == lead.to_json()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tid": uuid4()}, Receipt(Status.REJECTED, Reason.BAD_REQUEST)),
        ({"email": "x" * 321}, Receipt(Status.REJECTED, Reason.BAD_REQUEST)),
        ({"ip": "nowhere"}, Receipt(Status.REJECTED, Reason.BAD_REQUEST)),
        ({"created_at": "2025-04-25"}, Receipt(Status.REJECTED, Reason.BAD_REQUEST)),
        ({"created_at": MOMENT.replace(tzinfo=None)}, Lead(created_at=MOMENT)),
        ({"skip_email_notification": "yes"}, Receipt(Status.REJECTED, Reason.BAD_REQUEST)),
        ({"email": " ", "uid": None}, Receipt(Status.SKIPPED, Reason.UNIDENTIFIED)),
        ({"tid": None}, Receipt(Status.SKIPPED, Reason.ORGANIC)),
        ({"uid": 7}, Lead(uid="7")),
        ({"ip": "[2001:db8::1]:443"}, Lead(ip="2001:db8::1")),
        ({"ip": ""}, Lead()),
    ],
)
def test_the_same_holds_for_what_before_send_returns(
    changes: dict[str, Any], expected: Receipt | Lead
) -> None:
    """It is checked as what the view says is."""
    got = decide(before_send=lambda lead: dataclasses.replace(lead, **changes))
    if isinstance(expected, Lead):
        assert isinstance(got, Lead)
        assert {name: getattr(got, name) or None for name in changes} == {
            name: getattr(expected, name) for name in changes
        }
    else:
        assert got == expected


# --- Which fields -------------------------------------------------------------------------


def test_a_referred_visitor() -> None:
    """The tid is sent; the ref of the cookie is not sent beside it."""
    assert lead_of() == Lead(email="ben@example.com", tid=TID, ip=IP, created_at=MOMENT)


def test_a_ref_without_a_tid() -> None:
    """The ref of the cookie is sent where there is no tid."""
    lead = lead_of(context=TrackingContext(ref_id="anna"))

    assert lead.to_json() == {
        "email": "ben@example.com",
        "ref_id": "anna",
        "created_at": "2025-04-25T09:29:51.973Z",
    }


@pytest.mark.parametrize(
    ("context", "tid"),
    [(VISITOR, TID), (TrackingContext(ref_id="anna"), None), (TrackingContext(), None)],
    ids=["beside a tid", "in place of the cookie's ref", "for an organic visitor"],
)
def test_an_explicit_ref(context: TrackingContext, tid: str | None) -> None:
    """A ref_id that the view names is always sent."""
    lead = lead_of(signup(ref_id="carla"), context)

    assert (lead.tid, lead.ref_id) == (tid, "carla")


@pytest.mark.parametrize("blank", ["", "  ", "undefined", " null ", "[object Object]"])
def test_a_blank_ref_is_none(blank: str) -> None:
    """A form field that was left empty names nobody."""
    assert lead_of(signup(ref_id=blank)).ref_id is None
    assert decide(signup(ref_id=blank), TrackingContext()) == Receipt(
        Status.SKIPPED, Reason.ORGANIC
    )


def test_an_organic_visitor() -> None:
    """Without tid and ref nothing is sent."""
    assert decide(context=TrackingContext(ip=IP)) == Receipt(Status.SKIPPED, Reason.ORGANIC)


def test_disabled() -> None:
    """FPROM_ENABLED=false sends nothing, and asks nobody."""
    consent = MagicMock()

    receipt = decide(connection={}, enabled=False, consent=consent)

    assert receipt == Receipt(Status.SKIPPED, Reason.DISABLED)
    consent.assert_not_called()


# --- The moment ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, MOMENT),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2024, 2, 29, 12, tzinfo=UTC)),
        (datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 12, tzinfo=UTC)),  # noqa: DTZ001 - naive on purpose
        (
            datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2))),
            datetime(2024, 2, 29, 10, tzinfo=UTC),
        ),
    ],
)
def test_the_moment(given: datetime | None, expected: datetime) -> None:
    """The moment of the call, or the one given; a naive one is UTC."""
    moment = lead_of(signup(created_at=given)).created_at

    assert moment == expected
    assert moment is not None
    assert moment.utcoffset() == timedelta(0)


class Broken(tzinfo):
    """A time zone that cannot say its offset."""

    def refuse(self, _moment: datetime | None) -> Any:
        """Raise what no view expects of a datetime."""
        msg = "CANARY"
        raise RuntimeError(msg)

    utcoffset = dst = tzname = refuse


@pytest.mark.parametrize(
    "given",
    [
        "2024-02-29T12:00:00Z",
        "CANARY",
        1745573391,
        date(2024, 2, 29),
        time(12, 0),
        timedelta(1),
        MagicMock(),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
        datetime(2024, 2, 29, tzinfo=Broken()),
    ],
    ids=lambda given: type(given).__name__,
)
def test_no_moment(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is no datetime in use gives way to the moment of the call, and is told."""
    lead = lead_of(signup(created_at=given))

    assert lead.to_json()["created_at"] == "2025-04-25T09:29:51.973Z"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "the moment of the call is sent" in caplog.text
    assert "CANARY" not in caplog.text


# --- The address --------------------------------------------------------------------------

SENT = {
    # address: what public, any, truncated and never send of it
    "93.184.216.34": ("93.184.216.34", "93.184.216.34", "93.184.216.0"),
    "203.0.113.77": ("203.0.113.77", "203.0.113.77", "203.0.113.0"),
    "198.51.100.7": ("198.51.100.7", "198.51.100.7", "198.51.100.0"),
    "2001:db8:1:2::3": ("2001:db8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::"),
    "2606:4700:4700::1111": ("2606:4700:4700::1111", "2606:4700:4700::1111", "2606:4700:4700::"),
    "127.0.0.1": (None, "127.0.0.1", None),
    "::1": (None, "::1", None),
    "10.1.2.3": (None, "10.1.2.3", None),
    "172.16.0.1": (None, "172.16.0.1", None),
    "192.168.1.1": (None, "192.168.1.1", None),
    "fd00::1": (None, "fd00::1", None),
    "169.254.1.1": (None, "169.254.1.1", None),
    "fe80::1": (None, "fe80::1", None),
    "100.64.0.1": (None, "100.64.0.1", None),
    "224.0.0.1": (None, "224.0.0.1", None),
    "ff02::1": (None, "ff02::1", None),
    "255.255.255.255": (None, "255.255.255.255", None),
    "240.0.0.1": (None, "240.0.0.1", None),
}


@pytest.mark.parametrize(("ip", "public", "whole", "truncated"), [(k, *v) for k, v in SENT.items()])
def test_what_of_an_address_is_sent(
    ip: str, public: str | None, whole: str, truncated: str | None
) -> None:
    """FPROM_SEND_IP filters what goes into the lead, never what the context says."""
    context = TrackingContext(tid=TID, ip=ip)

    for rule, expected in zip(
        ("public", "any", "truncated", "never"), (public, whole, truncated, None), strict=True
    ):
        lead = lead_of(context=context, send_ip=rule)
        assert lead.ip == expected
        assert ("ip" in lead.to_json()) == (expected is not None)
    assert lead_of(context=context).ip == public
    assert context.ip == ip


@pytest.mark.parametrize("rule", SendIp)
def test_no_address(rule: SendIp) -> None:
    """An address that is not known is sent by no rule."""
    assert sendable_ip(None, rule) is None


# --- Hooks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "agreed"), [(True, True), (1, True), ("yes", True), (False, False), (None, False)]
)
def test_consent(answer: object, agreed: bool) -> None:
    """FPROM_CONSENT is handed the environ or scope, and decides."""
    consent, connection = MagicMock(return_value=answer), {"type": "http"}

    decision = decide(connection=connection, consent=consent)

    consent.assert_called_once_with(connection)
    assert consent.call_args.args[0] is connection
    assert isinstance(decision, Lead) == agreed
    if not agreed:
        assert decision == Receipt(Status.SKIPPED, Reason.NO_CONSENT)


def test_a_bare_context_counts_as_asked() -> None:
    """Where no request is at hand, nobody is asked."""
    consent = MagicMock(return_value=False)

    assert isinstance(decide(connection=None, consent=consent), Lead)
    consent.assert_not_called()


def test_no_consent_hook() -> None:
    """Where no hook is set, the app has decided for everyone."""
    assert may_track(FpromSettings(enabled=False), {})


def test_a_consent_hook_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """A hook that raises means no, and is told by its type only."""
    consent = MagicMock(side_effect=KeyError("CANARY"))

    assert decide(connection={}, consent=consent) == Receipt(Status.SKIPPED, Reason.NO_CONSENT)
    assert "FPROM_CONSENT raised KeyError: taken as no consent." in caplog.text
    assert "CANARY" not in caplog.text


def test_before_send_changes_a_lead() -> None:
    """What FPROM_BEFORE_SEND returns is what is sent."""
    seen: list[Lead] = []

    def before_send(lead: Lead) -> Lead:
        seen.append(lead)
        return dataclasses.replace(lead, email=None, uid="hashed")

    lead = lead_of(before_send=before_send)

    assert lead.to_json() == {
        "uid": "hashed",
        "tid": TID,
        "ip": IP,
        "created_at": "2025-04-25T09:29:51.973Z",
    }
    assert seen[0].email == "ben@example.com"


def test_before_send_drops_a_lead(caplog: pytest.LogCaptureFixture) -> None:
    """None drops the lead, which is nothing to tell."""
    receipt = decide(before_send=lambda _lead: None)

    assert receipt == Receipt(Status.SKIPPED, Reason.DROPPED)
    assert not caplog.records


@pytest.mark.parametrize("returned", [True, {"email": "CANARY"}, "CANARY"])
def test_before_send_returns_something_else(
    returned: object, caplog: pytest.LogCaptureFixture
) -> None:
    """What is neither a Lead nor None drops the lead, and is told by its type only."""
    receipt = decide(before_send=lambda _lead: returned)

    assert receipt == Receipt(Status.SKIPPED, Reason.DROPPED)
    assert f"FPROM_BEFORE_SEND returned a {type(returned).__name__}" in caplog.text
    assert "CANARY" not in caplog.text


def test_before_send_raises(caplog: pytest.LogCaptureFixture) -> None:
    """A hook that raises drops the lead: it may have been there to protect somebody."""

    def before_send(lead: Lead) -> Lead:
        raise ValueError(lead.email)

    assert decide(before_send=before_send) == Receipt(Status.SKIPPED, Reason.DROPPED)
    assert "FPROM_BEFORE_SEND raised ValueError" in caplog.text
    assert "ben@" not in caplog.text


def test_before_send_is_not_asked_about_nobody() -> None:
    """Where nothing is sent, there is no lead to look at."""
    before_send = MagicMock()

    decide(context=TrackingContext(), before_send=before_send)
    decide(connection={}, consent=lambda _connection: False, before_send=before_send)

    before_send.assert_not_called()


def test_an_outcome_is_told() -> None:
    """FPROM_ON_OUTCOME is handed the lead and its receipt."""
    hook = MagicMock()
    receipt = Receipt(Status.SENT, event=Lead(email="ben@example.com"))

    tell_outcome(FpromSettings(enabled=False, on_outcome=hook), receipt)
    tell_outcome(FpromSettings(enabled=False), receipt)

    hook.assert_called_once_with(receipt.lead, receipt)


def test_an_outcome_hook_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """What the hook raises is logged, by its type only."""
    hook = MagicMock(side_effect=RuntimeError("CANARY"))

    tell_outcome(FpromSettings(enabled=False, on_outcome=hook), Receipt(Status.SENT))

    assert "FPROM_ON_OUTCOME raised RuntimeError" in caplog.text
    assert "CANARY" not in caplog.text
