"""From what a program says of a payment to the event that is sent, or to why nothing is."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fprom_middleware import (
    Cancellation,
    Fprom,
    FpromSettings,
    Lead,
    Reason,
    Receipt,
    Refund,
    Sale,
    Status,
    TrackingContext,
)
from fprom_middleware.events.fields import NOT_GIVEN
from fprom_middleware.events.kinds import EVENTS
from fprom_middleware.events.prepare import as_said, prepare
from fprom_middleware.visitor.attach import attach_environ
from fprom_middleware.visitor.locate import Located, locate

if TYPE_CHECKING:
    from collections.abc import Callable

    from fprom_middleware.events.kinds import AnyEvent

NOW = 1745573391.973
VISITOR = TrackingContext(tid="tid-of-the-visitor", ref_id="anna", ip="93.184.216.34")
REF_ONLY = TrackingContext(ref_id="anna")
DISABLED = Receipt(Status.SKIPPED, Reason.DISABLED)
DROPPED = Receipt(Status.SKIPPED, Reason.DROPPED)
ORGANIC = Receipt(Status.SKIPPED, Reason.ORGANIC)
NO_CONSENT = Receipt(Status.SKIPPED, Reason.NO_CONSENT)
UNIDENTIFIED = Receipt(Status.SKIPPED, Reason.UNIDENTIFIED)
ZERO_AMOUNT = Receipt(Status.SKIPPED, Reason.ZERO_AMOUNT)
BAD_REQUEST = Receipt(Status.REJECTED, Reason.BAD_REQUEST)
LEAST: dict[type[Any], dict[str, Any]] = {
    Lead: {},
    Sale: {"event_id": "pi_1", "amount": 1290},
    Refund: {"event_id": "re_1", "amount": 1290},
    Cancellation: {},
}
PAYMENTS = [Sale, Refund, Cancellation]
WITH_AMOUNT = [Sale, Refund]


def said(kind: type[Any], **fields: Any) -> Any:
    """Say the least that a program says, and these fields."""
    return as_said(kind, **{"email": "ben@example.com", "uid": NOT_GIVEN, **LEAST[kind], **fields})


def decide(
    event: AnyEvent,
    visitor: TrackingContext | Located | None = None,
    **settings: Any,
) -> AnyEvent | Receipt:
    """Decide what is sent."""
    made = FpromSettings(api_key="k", account_id="a", **settings)
    located = Located(visitor, None) if isinstance(visitor, TrackingContext) else visitor
    return prepare(made, event, located, now=NOW)


def sent(event: AnyEvent, *args: Any, **kwargs: Any) -> Any:
    """Return the event, where one is to be sent."""
    decided = decide(event, *args, **kwargs)
    assert type(decided) is type(event)
    return decided


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said as an error."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


# --- Mistakes of a program ----------------------------------------------------------------


@pytest.mark.parametrize("kind", LEAST)
def test_neither_email_nor_uid(kind: type[Any]) -> None:
    """The text names the call, and what to hand in."""
    verb = f"track_{kind.kind}"
    with pytest.raises(ValueError, match=rf"^{verb} needs an email or a uid.*{verb}\(request, em"):
        said(kind, email=NOT_GIVEN)


def test_neither_comes_before_the_amount() -> None:
    """One mistake at a time, and always the same one."""
    with pytest.raises(ValueError, match="needs an email or a uid"):
        said(Sale, email=NOT_GIVEN, amount=12.9)


class Whole:
    """A number such as numpy has: no int, and one by its own word."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class WholeInt(int):
    """An int of a class of its own."""


@pytest.mark.parametrize("value", [12.9, 12.0, True, False, "1290", b"1290", [1], {}, object()])
@pytest.mark.parametrize(
    ("kind", "name"), [(Sale, "amount"), (Refund, "amount"), (Sale, "mrr")], ids=str
)
def test_an_amount_that_is_not_a_whole_number(kind: type[Any], name: str, value: object) -> None:
    """It raises where it was written, and shows the right form and nothing of the value."""
    with pytest.raises(TypeError) as refused:
        said(kind, **{name: value})
    assert str(refused.value) == (
        f"{name} is of type {type(value).__name__}, and is to be a whole number of the currency's "
        f"minor units: {name}=1290 for 12.90 EUR, 1290 for 1290 JPY."
    )


def test_a_decimal_is_told_of_the_helper() -> None:
    """What most people have in their hands."""
    with pytest.raises(TypeError, match=r"minor_units\(value, currency\) makes it of a Decimal"):
        said(Sale, amount=Decimal("12.90"))


def test_no_amount_at_all() -> None:
    """None is a mistake for the amount, and no value for the MRR."""
    for kind in WITH_AMOUNT:
        with pytest.raises(TypeError, match="amount is of type NoneType"):
            said(kind, amount=None)
    assert sent(said(Sale, mrr=None)).mrr is None


@pytest.mark.parametrize("value", [1290, Whole(1290), WholeInt(1290)])
@pytest.mark.parametrize("kind", WITH_AMOUNT)
def test_a_whole_number_of_any_class(kind: type[Any], value: Any) -> None:
    """Those of numpy and others are taken, and become plain ones."""
    event = sent(said(kind, amount=value))
    assert event.amount == 1290
    assert type(event.amount) is int
    assert sent(said(Sale, mrr=value)).to_json()["mrr"] == "1290"


# --- What a webhook can hold --------------------------------------------------------------


@pytest.mark.parametrize("kind", PAYMENTS)
def test_a_payment_needs_no_visitor(kind: type[Any]) -> None:
    """It is the customer's, whom the app knows by itself."""
    assert sent(said(kind)).to_json() == {
        "email": "ben@example.com",
        **({"amount": LEAST[kind]["amount"]} if kind is Sale else {}),
        **({"amount": "1290"} if kind is Refund else {}),
        **{name: value for name, value in LEAST[kind].items() if name == "event_id"},
    }


@pytest.mark.parametrize("kind", WITH_AMOUNT)
def test_nothing_was_paid(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """A free invoice is no sale, and nothing to tell."""
    assert decide(said(kind, amount=0)) == ZERO_AMOUNT
    assert not caplog.records


@pytest.mark.parametrize("blank", [None, "", " \t", "\u2003"])
@pytest.mark.parametrize("kind", PAYMENTS)
def test_a_customer_without_a_name(
    kind: type[Any], blank: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, which says of what; the amount and the rest are not looked at."""
    wrong = {"event_id": "", "amount": -1} if kind is not Cancellation else {}
    assert decide(said(kind, email=blank, **wrong)) == UNIDENTIFIED
    (line,) = errors(caplog)
    assert line.startswith(f"A {kind.kind} is not sent: ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": -1},
        {"amount": 2**63},
        {"event_id": " "},
        {"event_id": None},
        {"event_id": "x" * 256},
        {"event_id": "CANARY\n"},
        {"event_id": ["CANARY"]},
        {"currency": "CANARY"},
        {"currency": ""},
        {"quantity": 0},
        {"quantity": -2},
        {"quantity": "CANARY"},
        {"quantity": 1.5},
        {"uid": object()},
        {"email": "x" * 321},
        {"skip_email_notification": "CANARY"},
    ],
)
@pytest.mark.parametrize("kind", WITH_AMOUNT)
def test_what_fails_no_webhook(
    kind: type[Any], wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Data that cannot be sent is refused at the door, in one line that shows nothing of it."""
    assert decide(said(kind, **wrong)) == BAD_REQUEST
    (line,) = errors(caplog)
    assert line.startswith(
        f"A {kind.kind} is not sent, and nothing of it kept: {next(iter(wrong))}"
    )
    assert "CANARY" not in caplog.text


ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.uuids(),
    st.decimals(),
    st.just(NOT_GIVEN),
    st.lists(st.text()),
    st.builds(object),
)


@given(st.sampled_from(PAYMENTS), st.data())
def test_whatever_a_webhook_holds_is_a_row_or_a_receipt(
    kind: type[Any], data: st.DataObject
) -> None:
    """But for the amounts nothing raises; what is sent reads back as the same event."""
    names = [field.name for field in dataclasses.fields(kind)]
    fields = {name: data.draw(ANYTHING, name) for name in names}
    fields |= {
        name: data.draw(st.integers() | st.integers().map(Whole), name)
        for name in ("amount", "mrr")
        if name in fields
    }
    assume(fields["email"] is not NOT_GIVEN or fields["uid"] is not NOT_GIVEN)
    event = decide(as_said(kind, **fields))
    if not isinstance(event, Receipt):
        assert EVENTS[event.kind].from_json(event.to_json()) == event


# --- The order of the checks --------------------------------------------------------------


def refuse(_connection: object) -> bool:
    """Agree to nothing."""
    return False


ORDER: list[tuple[Receipt, dict[str, Any], dict[str, Any], Located]] = [
    # Each row is wrong in all that comes after it, too.
    (
        DISABLED,
        {"enabled": False, "consent": refuse},
        {"email": " "},
        Located(TrackingContext(), {}),
    ),
    (NO_CONSENT, {"consent": refuse}, {"email": " "}, Located(TrackingContext(), {})),
    (ORGANIC, {}, {"email": " "}, Located(TrackingContext(), {})),
    (UNIDENTIFIED, {}, {"email": " ", "uid": ""}, Located(VISITOR, {})),
    (BAD_REQUEST, {}, {"email": "x" * 321}, Located(VISITOR, {})),
]


@pytest.mark.parametrize(("expected", "settings", "fields", "visitor"), ORDER)
def test_the_order_of_a_sign_up_s_checks(
    expected: Receipt, settings: dict[str, Any], fields: dict[str, Any], visitor: Located
) -> None:
    """The first that applies is the one that is told."""
    before_send = MagicMock()
    assert decide(said(Lead, **fields), visitor, before_send=before_send, **settings) == expected
    before_send.assert_not_called()


@pytest.mark.parametrize("kind", WITH_AMOUNT)
@pytest.mark.parametrize(
    ("expected", "settings", "fields"),
    [
        (DISABLED, {"enabled": False}, {"email": " ", "amount": 0, "event_id": ""}),
        (UNIDENTIFIED, {}, {"email": " ", "amount": 0, "event_id": ""}),
        (ZERO_AMOUNT, {}, {"amount": 0, "event_id": ""}),
        (BAD_REQUEST, {}, {"event_id": ""}),
    ],
)
def test_the_order_of_a_payment_s_checks(
    kind: type[Any], expected: Receipt, settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    """Consent and visitors are not asked for."""
    before_send, consent = MagicMock(), MagicMock()
    decided = decide(said(kind, **fields), before_send=before_send, consent=consent, **settings)
    assert decided == expected
    before_send.assert_not_called()
    consent.assert_not_called()


# --- Lead and sale in one -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("visitor", "fields"),
    [
        (VISITOR, {"tid": "tid-of-the-visitor"}),
        (REF_ONLY, {"ref_id": "anna"}),
        (TrackingContext(tid=" ", ref_id="anna"), {"ref_id": "anna"}),
        (TrackingContext(), {}),
        (None, {}),
    ],
)
def test_the_visitor_of_a_sale(visitor: TrackingContext | None, fields: dict[str, str]) -> None:
    """The tid, else the ref_id; never the address, and an organic one's sale is sent as well."""
    assert sent(said(Sale), visitor).to_json() == {
        "email": "ben@example.com",
        "event_id": "pi_1",
        "amount": 1290,
        **fields,
    }


@pytest.mark.parametrize("kind", [Refund, Cancellation])
def test_no_visitor_of_any_other_payment(kind: type[Any]) -> None:
    """Nothing of one is sent."""
    assert sent(said(kind), VISITOR) == sent(said(kind))


def test_a_visitor_made_by_hand_is_checked_too() -> None:
    """A sale that cannot be made into a row is refused alone."""
    assert decide(said(Sale), TrackingContext(tid=5)) == BAD_REQUEST  # type: ignore[arg-type]


@pytest.mark.parametrize("agreed", [True, False])
def test_consent_decides_about_the_visitor(agreed: bool) -> None:
    """The sale goes without the tid: the customer is known without it."""
    consent, environ = MagicMock(return_value=agreed), {"REQUEST_METHOD": "GET"}
    sale = sent(said(Sale), Located(VISITOR, environ), consent=consent)

    consent.assert_called_once_with(environ)
    assert (sale.tid, sale.ref_id) == ("tid-of-the-visitor" if agreed else None, None)


def test_a_bare_visitor_counts_as_asked() -> None:
    """One that was made by hand, or carried by a token."""
    assert sent(said(Sale), VISITOR, consent=refuse).tid == "tid-of-the-visitor"


def test_a_context_without_its_request(caplog: pytest.LogCaptureFixture) -> None:
    """The hook cannot be asked about it: no consent, and one line that says what to hand in."""
    settings = {"api_key": "k", "account_id": "a", "delivery": "inline"}
    environ = {"HTTP_COOKIE": "_fprom_tid=tid-of-the-visitor"}
    context = attach_environ(environ, Fprom(FpromSettings(**settings)))
    assert sent(said(Sale), locate(context)).tid == "tid-of-the-visitor"
    assert not caplog.records

    sale = sent(said(Sale), locate(context), consent=lambda _connection: True)
    assert (sale.tid, sale.ref_id) == (None, None)
    (line,) = errors(caplog)
    assert "hand in the request" in line
    assert sent(said(Sale), locate(environ), consent=lambda _connection: True).tid is not None


# --- before_send --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEAST)
def test_before_send_sees_each_kind(kind: type[Any]) -> None:
    """Checked as it will be sent; and what it returns is what is sent."""
    seen: list[AnyEvent] = []

    def before_send(event: AnyEvent) -> AnyEvent:
        seen.append(event)
        return dataclasses.replace(event, email=None, uid=7)  # type: ignore[arg-type]

    event = sent(said(kind), VISITOR, before_send=before_send)
    assert (event.email, event.uid) == (None, "7")
    assert [type(one) for one in seen] == [kind]
    assert seen[0] == seen[0].checked()
    assert seen[0].email == "ben@example.com"


@pytest.mark.parametrize("kind", LEAST)
def test_before_send_drops_any_kind(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """None, and there is nothing to tell."""
    assert decide(said(kind), VISITOR, before_send=lambda _event: None) == DROPPED
    assert not caplog.records


def fail(_event: object) -> None:
    """Raise with what must not be told."""
    msg = "CANARY"
    raise LookupError(msg)


def another(kind: type[Any]) -> Any:
    """Return an event of another kind."""
    return said(Refund if kind is Sale else Sale, email="CANARY@example.com")


@pytest.mark.parametrize("kind", LEAST)
def test_before_send_returns_something_else(
    kind: type[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An event of another kind included: nothing is sent, and the types are told."""

    class Of(kind):  # type: ignore[misc]
        """A subclass, which has no reader of its own."""

    wrong: list[Any] = [True, "CANARY", {"email": "CANARY"}, kind, another(kind), Of(**LEAST[kind])]
    for number, returned in enumerate(wrong, start=1):
        hook: Callable[..., Any] = lambda _event, returned=returned: returned  # noqa: E731
        assert decide(said(kind), VISITOR, before_send=hook) == DROPPED
        assert len(errors(caplog)) == number
        assert errors(caplog)[-1] == (
            f"FPROM_BEFORE_SEND returned a {type(returned).__name__}, not a {kind.__name__} or "
            f"None: the {kind.kind.noun} is dropped."
        )
    assert decide(said(kind), VISITOR, before_send=fail) == DROPPED
    assert f"raised LookupError: the {kind.kind.noun} is dropped" in caplog.text
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": 0}, ZERO_AMOUNT),
        ({"amount": -5}, BAD_REQUEST),
        ({"amount": 12.9}, BAD_REQUEST),
        ({"amount": True}, BAD_REQUEST),
        ({"amount": False}, BAD_REQUEST),
        ({"amount": 0.0}, BAD_REQUEST),
        ({"amount": Decimal("12.90")}, BAD_REQUEST),
        ({"amount": None}, BAD_REQUEST),
        ({"amount": "12.90"}, BAD_REQUEST),
        ({"amount": 10**30}, BAD_REQUEST),
        ({"event_id": None}, BAD_REQUEST),
        ({"currency": "euro"}, BAD_REQUEST),
        ({"email": " "}, UNIDENTIFIED),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", WITH_AMOUNT)
def test_what_before_send_returns_is_checked(
    kind: type[Any], changes: dict[str, Any], expected: Receipt, caplog: pytest.LogCaptureFixture
) -> None:
    """As what a webhook's data holds is; here a float raises nothing, for no program said it."""
    hook = lambda event: dataclasses.replace(event, **changes)  # noqa: E731
    assert decide(said(kind), before_send=hook) == expected
    assert len(errors(caplog)) == (expected != ZERO_AMOUNT)
