"""track_sale, track_refund, track_cancellation: in all their forms, from a call to a receipt."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import httpx
import pytest

import fprom_middleware
from fprom_middleware import (
    Cancellation,
    Fprom,
    FpromNotInstalled,
    Reason,
    Receipt,
    Refund,
    Sale,
    Status,
    TrackingContext,
)
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.delivery.memory import MemoryDelivery
from fprom_middleware.events.payments import DOUBLE_COMMISSION
from fprom_middleware.verbs import TrackingVerbs
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.accounts import Account, make_settings
from tests.support.leads import VISITOR

if TYPE_CHECKING:
    from fprom_middleware.events.kinds import AnyEvent

Say = Callable[..., Receipt]

EMAIL = "ben.CANARY@example.com"
COOKIES = "_fprom_tid=tid-CANARY-of-the-buyer; _fprom_ref=CANARY-anna"
LEAST: dict[str, dict[str, Any]] = {
    "track_sale": {"event_id": "pi_CANARY_0001", "amount": 1290},
    "track_refund": {"event_id": "re_CANARY_0001", "amount": 90},
    "track_cancellation": {},
}
KINDS: dict[str, type[AnyEvent]] = {
    "track_sale": Sale,
    "track_refund": Refund,
    "track_cancellation": Cancellation,
}
VERBS = list(LEAST)
WITH_AMOUNT = VERBS[:2]
NOT_FOUND = httpx.Response(404, json={"message": "Not found", "code": "not_found"})


@pytest.fixture(params=["sync", "asyncio", "trio"])
def say(request: pytest.FixtureRequest) -> Say:
    """Call a verb of a module or of an Fprom: sync, or async on either event loop."""
    if request.param == "sync":
        return lambda place, verb, *args, **kwargs: getattr(place, verb)(*args, **kwargs)

    def over_async(place: object, verb: str, *args: Any, **kwargs: Any) -> Receipt:
        async def work() -> Receipt:
            receipt: Receipt = await getattr(place, f"{verb}_async")(*args, **kwargs)
            return receipt

        return anyio.run(work, backend=request.param)

    return over_async


def environ_of(fprom: Fprom) -> dict[str, Any]:
    """Return an environ that the middleware has seen."""
    environ: dict[str, Any] = {"HTTP_COOKIE": COOKIES, "REMOTE_ADDR": "93.184.216.34"}
    WsgiMiddleware(lambda *_: [], fprom)(environ, lambda *_: print)
    return environ


def scope_of(fprom: Fprom) -> dict[str, Any]:
    """Return a scope that the middleware has seen."""
    headers = [(b"cookie", COOKIES.encode())]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": ("93.184.216.34", 1)}

    async def app(*_: object) -> None:
        """Answer nothing."""

    async def work() -> None:
        await AsgiMiddleware(app, fprom)(scope, app, app)  # type: ignore[arg-type]

    anyio.run(work)
    return scope


def loud(caplog: pytest.LogCaptureFixture, least: int = logging.INFO) -> list[str]:
    """Return what was said, but for the warning of the first sale."""
    found = [r.getMessage() for r in caplog.records if r.levelno >= least]
    return [text for text in found if DOUBLE_COMMISSION not in text]


# --- The way through ----------------------------------------------------------------------

EVERYTHING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "track_sale": (
        {
            "uid": UUID(int=7),
            "event_id": 17,
            "amount": 1290,
            "currency": "eur",
            "quantity": 2,
            "plan": 5,
            "mrr": 107,
            "promo_code": "SPRING",
            "visitor": TrackingContext(tid="t", ref_id="r", ip="93.184.216.34"),
            "skip_email_notification": True,
            "session": object(),
        },
        {
            "email": EMAIL,
            "uid": "00000000-0000-0000-0000-000000000007",
            "event_id": "17",
            "amount": 1290,
            "currency": "EUR",
            "quantity": 2,
            "plan": "5",
            "mrr": "107",
            "promo_code": "SPRING",
            "tid": "t",
            "skip_email_notification": True,
        },
    ),
    "track_refund": (
        {
            "uid": 7,
            "event_id": UUID(int=8),
            "amount": 90,
            "currency": "JPY",
            "quantity": 3,
            "sale_event_id": 17,
            "skip_email_notification": False,
            "session": object(),
        },
        {
            "email": EMAIL,
            "uid": "7",
            "event_id": "00000000-0000-0000-0000-000000000008",
            "amount": "90",
            "currency": "JPY",
            "quantity": "3",
            "sale_event_id": "17",
            "skip_email_notification": False,
        },
    ),
    "track_cancellation": ({"uid": 7, "session": object()}, {"email": EMAIL, "uid": "7"}),
}


@pytest.mark.parametrize("place", ["module", "fprom"])
@pytest.mark.parametrize("request_of", [environ_of, scope_of])
@pytest.mark.parametrize("verb", VERBS)
def test_every_argument(say: Say, verb: str, request_of: Any, place: str) -> None:
    """All that a program may say arrives under the API's names, and nothing of its request."""
    account = Account()
    request = request_of(account.fprom)
    given, expected = EVERYTHING[verb]
    receipt = say(
        fprom_middleware if place == "module" else account.fprom, verb, request, EMAIL, **given
    )

    assert account.leads == [expected]
    assert account.api.seen[0].url.endswith(f"/track/{verb.removeprefix('track_')}")
    assert (receipt.status, receipt.reason, receipt.durable) == (Status.SENT, None, False)
    assert type(receipt.event) is KINDS[verb]
    assert receipt.event.to_json() == expected
    assert receipt.lead is None


@pytest.mark.parametrize("verb", VERBS)
def test_a_job_needs_no_request(say: Say, verb: str) -> None:
    """The account is all that it takes."""
    account = Account()
    for whom in ({"email": EMAIL}, {"uid": 7}, {"email": EMAIL, "uid": 7}):
        assert say(account.fprom, verb, **whom, **LEAST[verb]).status is Status.SENT
        assert say(account.fprom, verb, None, **whom, **LEAST[verb]).status is Status.SENT
    assert len(account.leads) == 6


@pytest.mark.parametrize("place", ["module", "fprom"])
def test_the_visitor_of_a_sale(say: Say, place: str) -> None:
    """A context, or a request of the buyer's browser; its tid is sent, or else its ref_id."""
    account = Account()
    environ = environ_of(account.fprom)
    for visitor, fields in [
        (VISITOR, {"tid": "tid-of-a-visitor"}),
        (TrackingContext(ref_id="anna"), {"ref_id": "anna"}),
        (environ, {"tid": "tid-CANARY-of-the-buyer"}),
        (account.fprom.get_tracking(environ), {"tid": "tid-CANARY-of-the-buyer"}),
        (TrackingContext(), {}),
        (None, {}),
    ]:
        where = fprom_middleware if place == "module" else account.fprom
        say(where, "track_sale", environ, uid=7, event_id="1", amount=1, visitor=visitor)
        assert account.leads.pop() == {"uid": "7", "event_id": "1", "amount": 1, **fields}
        account.api.seen.clear()


def test_a_visitor_carried_through_a_checkout(say: Say) -> None:
    """As a token in the provider's own data, which its webhook brings back."""
    account = Account()
    token = account.fprom.dump_tracking(environ_of(account.fprom), purpose="checkout")
    visitor = account.fprom.load_tracking(token, purpose="checkout")
    say(account.fprom, "track_sale", uid=7, event_id="1", amount=1, visitor=visitor)
    assert account.leads[0]["tid"] == "tid-CANARY-of-the-buyer"


@pytest.mark.parametrize("verb", VERBS)
def test_consent_is_asked_about_a_visitor_alone(say: Say, verb: str) -> None:
    """A payment is the customer's own business with the app."""
    asked: list[object] = []

    def consent(connection: object) -> bool:
        asked.append(connection)
        return False

    account = Account(consent=consent)
    environ = environ_of(account.fprom)
    assert say(account.fprom, verb, environ, uid=7, **LEAST[verb]).status is Status.SENT
    assert asked == []
    if verb == "track_sale":
        say(account.fprom, verb, environ, uid=7, **LEAST[verb], visitor=environ)
        assert [connection is environ for connection in asked] == [True]
        assert "tid" not in account.leads[-1]


# --- Mistakes of a program ----------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("verb", VERBS)
def test_neither_email_nor_uid(say: Say, verb: str, enabled: bool) -> None:
    """It raises at once, whatever the account is set to."""
    account = Account(enabled=enabled)
    environ = environ_of(account.fprom)
    for place, request in [
        (account.fprom, None),
        (account.fprom, environ),
        (fprom_middleware, environ),
    ]:
        with pytest.raises(ValueError, match=f"^{verb} needs an email or a uid"):
            say(place, verb, request, **LEAST[verb])


@pytest.mark.parametrize("amount", [12.9, Decimal("12.90"), True, "1290", None])
@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_an_amount_that_is_not_a_whole_number(say: Say, verb: str, amount: Any) -> None:
    """It raises at once; no frame of the exception holds whose payment it was."""
    account = Account(enabled=False)
    environ = environ_of(account.fprom)
    said = {**LEAST[verb], "amount": amount}
    for place in (account.fprom, fprom_middleware):
        with pytest.raises(TypeError, match="whole number of the currency's minor") as refused:
            say(place, verb, environ, EMAIL, **said)
        ours = [
            f"{frame.filename} {frame.locals}"
            for frame in traceback.TracebackException.from_exception(
                refused.value, capture_locals=True
            ).stack
            if "fprom_middleware" in frame.filename
        ]
        assert "CANARY" not in "".join(ours)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("verb", VERBS)
def test_the_module_needs_a_request(say: Say, verb: str, enabled: bool) -> None:
    """None, and a context made by hand, know no account; the text shows the call that does."""
    account = Account(enabled=enabled)
    with pytest.raises(FpromNotInstalled, match=rf"fprom\.{verb}\(email=\.\.\., \.\.\.\)"):
        say(fprom_middleware, verb, None, EMAIL, **LEAST[verb])
    with pytest.raises(FpromNotInstalled, match=rf"fprom\.{verb}\(email=\.\.\., \.\.\.\)"):
        say(fprom_middleware, verb, email=EMAIL, **LEAST[verb])
    with pytest.raises(FpromNotInstalled, match=rf"fprom\.{verb}\(context, email\)"):
        say(fprom_middleware, verb, VISITOR, EMAIL, **LEAST[verb])
    for place in (fprom_middleware, account.fprom):
        with pytest.raises(FpromNotInstalled, match="FpromMiddleware"):
            say(place, verb, {"REQUEST_METHOD": "POST"}, EMAIL, **LEAST[verb])
    if verb == "track_sale":
        with pytest.raises(FpromNotInstalled, match="FpromMiddleware"):
            say(account.fprom, verb, None, EMAIL, **LEAST[verb], visitor=object())


@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_what_is_required_is_the_language_s_to_say(verb: str) -> None:
    """event_id and amount have no default, and no argument but the first two is positional."""
    fprom = Account().fprom
    for missing in LEAST[verb]:
        said = {name: value for name, value in LEAST[verb].items() if name != missing}
        with pytest.raises(TypeError, match=missing):
            getattr(fprom, verb)(None, EMAIL, **said)
    with pytest.raises(TypeError, match="positional"):
        getattr(fprom, verb)(None, EMAIL, 7, **LEAST[verb])


def test_verbs_alone_hand_nothing_in(say: Say) -> None:
    """An account says where an event goes."""
    with pytest.raises(NotImplementedError):
        say(TrackingVerbs(), "track_cancellation", uid=7)


# --- What is not sent ---------------------------------------------------------------------

SKIPPED: list[tuple[dict[str, Any], dict[str, Any], Reason]] = [
    ({"enabled": False}, {}, Reason.DISABLED),
    ({}, {"email": " "}, Reason.UNIDENTIFIED),
    ({}, {"email": None}, Reason.UNIDENTIFIED),
    ({}, {"amount": 0}, Reason.ZERO_AMOUNT),
    ({"before_send": lambda _event: None}, {}, Reason.DROPPED),
]


@pytest.mark.parametrize(("settings", "fields", "reason"), SKIPPED)
@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_what_is_skipped(
    say: Say, verb: str, settings: dict[str, Any], fields: dict[str, Any], reason: Reason
) -> None:
    """Nothing leaves the view, and the hook hears nothing of it."""
    told: list[object] = []
    account = Account(**settings, on_outcome=lambda *said: told.append(said))
    said = {"email": EMAIL, **LEAST[verb], **fields}
    assert say(account.fprom, verb, **said) == Receipt(Status.SKIPPED, reason)
    assert account.leads == told == []


@pytest.mark.parametrize(
    "fields", [{"amount": -1}, {"event_id": ""}, {"currency": "E"}, {"quantity": "two"}], ids=str
)
@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_what_is_refused_at_the_door(
    say: Say, verb: str, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A webhook's data fails no view: one ERROR that shows nothing of it."""
    told: list[object] = []
    account = Account(on_outcome=lambda *said: told.append(said))
    receipt = say(account.fprom, verb, None, EMAIL, **{**LEAST[verb], **fields})
    assert receipt == Receipt(Status.REJECTED, Reason.BAD_REQUEST)
    assert account.leads == told == []
    (line,) = loud(caplog)
    assert line.startswith(f"A {verb.removeprefix('track_')} is not sent")
    assert "CANARY" not in line


# --- What the log says --------------------------------------------------------------------


def test_the_first_sale_says_what_to_know_once(caplog: pytest.LogCaptureFixture) -> None:
    """Once an Fprom, at a sale that is sent, and of no other kind."""
    for _ in range(2):
        account = Account()
        caplog.clear()
        account.fprom.track_refund(uid=7, event_id="1", amount=1)
        account.fprom.track_cancellation(uid=7)
        account.fprom.track_signup(VISITOR, uid=7)
        account.fprom.track_sale(uid=7, event_id="1", amount=0)
        assert not caplog.records
        for number in range(3):
            account.fprom.track_sale(uid=7, event_id=number, amount=1)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "credited twice" in record.getMessage()
        assert "stripe_metadata" in record.getMessage()


@pytest.mark.parametrize("verb", VERBS)
def test_answers_become_receipts_inline(say: Say, verb: str) -> None:
    """Each answer of its own, handed to FPROM_ON_OUTCOME too."""
    answers: list[tuple[int | httpx.Response | Exception, Status, Reason | None]] = [
        (200, Status.SENT, None),
        (204, Status.SKIPPED, Reason.NOT_REFERRED),
        (NOT_FOUND, Status.SKIPPED, Reason.NOT_REFERRED),
        (409, Status.DUPLICATE, None),
        (400, Status.REJECTED, Reason.BAD_REQUEST),
        (422, Status.FAILED, Reason.UNEXPECTED),
        (503, Status.FAILED, Reason.SERVER_ERROR),
        (httpx.ConnectError("CANARY"), Status.FAILED, Reason.NETWORK),
    ]
    for answer, status, reason in answers:
        told: list[tuple[AnyEvent, Receipt]] = []
        account = Account(
            on_outcome=lambda event, receipt, told=told: told.append((event, receipt))
        )
        account.api.says = answer
        receipt = say(account.fprom, verb, None, EMAIL, **LEAST[verb])
        assert (receipt.status, receipt.reason, receipt.durable) == (status, reason, False)
        assert told == [(receipt.event, receipt)]
        assert len(account.leads) == 1


@pytest.mark.parametrize("answer", [200, 204, NOT_FOUND, 409, 400, 401, 429, 503], ids=str)
@pytest.mark.parametrize("verb", VERBS)
def test_nobody_is_shown(
    say: Say, verb: str, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No e-mail, id or tid stands in a log record or a repr."""
    caplog.set_level(logging.DEBUG)
    account = Account()
    account.api.says = answer
    more = {"visitor": environ_of(account.fprom)} if verb == "track_sale" else {}
    uid = "customer-CANARY-0001"
    receipt = say(account.fprom, verb, None, EMAIL, uid=uid, **LEAST[verb], **more)
    texts = [repr(receipt), repr(receipt.event), str(receipt.event)]
    texts += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert [text for text in texts if "CANARY" in text] == []


@pytest.mark.parametrize("verb", VERBS)
def test_inline_delivery_says_what_was_lost(verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line, by the event's own name."""
    account = Account()
    account.api.says = 503
    getattr(account.fprom, verb)(None, EMAIL, **LEAST[verb])
    (line,) = loud(caplog)
    assert line.startswith(f"A {verb.removeprefix('track_')} was not delivered (server_error")


@pytest.mark.parametrize("verb", VERBS)
def test_memory_delivery_keeps_every_kind(say: Say, verb: str) -> None:
    """For an app's own tests: as the outbox would answer."""
    fprom = Fprom(make_settings(delivery="memory", base_url="http://127.0.0.1:9"))
    receipt = say(fprom, verb, None, EMAIL, **LEAST[verb])
    assert receipt == Receipt(Status.QUEUED, durable=True, event=receipt.event)
    assert isinstance(fprom.delivery, MemoryDelivery)
    assert fprom.delivery.events == [receipt.event]
    assert type(receipt.event) is KINDS[verb]
    fprom.close()
