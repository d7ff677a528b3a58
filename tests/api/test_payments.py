"""Sale, refund and cancellation on the wire: the call, and what each answer means."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fprom_middleware
from fprom_middleware import Cancellation, Fprom, Lead, Reason, Receipt, Refund, Sale, Status
from fprom_middleware.api.protocol import Outcome, build_call, read_answer
from tests.api.conftest import calling
from tests.support.accounts import KEY, make_settings
from tests.support.misbehaving import answer, serving
from tests.support.tracking_schema import REQUESTS, problems

if TYPE_CHECKING:
    from fprom_middleware.events.kinds import AnyEvent

PACKAGE = str(Path(fprom_middleware.__file__).parent)
LEAD = Lead(email="visitor@example.com", tid="tid-of-the-visitor")
SALE = Sale(email="visitor@example.com", event_id="pi_of_the_visitor", amount=1290, currency="EUR")
SALE_WITH_TID = Sale(uid="7", event_id="pi_of_the_visitor", amount=1290, tid="tid-of-the-visitor")
SALE_WITH_REF = Sale(uid="7", event_id="pi_of_the_visitor", amount=1290, ref_id="anna")
REFUND = Refund(uid="7", event_id="re_of_the_visitor", amount=90, sale_event_id="pi_of_the_visitor")
CANCELLATION = Cancellation(email="visitor@example.com", uid="7")
PAYMENTS = [SALE, SALE_WITH_TID, SALE_WITH_REF, REFUND, CANCELLATION]
EVERY = [LEAD, *PAYMENTS]
OBJECT = b'{"id": 1}'

SECRETS = {"temp_password": "pass-CANARY", "auth_token": "token-CANARY"}
PROMOTER = {
    "id": 1,
    "type": "refund",
    "amount_cents": -90,
    "lead": {"id": 2, "email": "visitor@example.com"},
    "promoter": {"id": 3, "email": "promoter@example.com", **SECRETS},
}
"""What the API answers to a refund, cut to what must not be kept."""


def name(event: object) -> str | None:
    """Name an event among the parameters."""
    if isinstance(event, Sale) and (event.tid or event.ref_id):
        return f"sale with {'tid' if event.tid else 'ref'}"
    return getattr(getattr(event, "kind", None), "value", None)


# --- The call -----------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVERY, ids=name)
def test_each_kind_has_its_call(event: AnyEvent) -> None:
    """One path a kind, the same headers, and a body as the document has it."""
    call = build_call(make_settings(base_url="http://127.0.0.1:9/api/v2/track"), event)

    assert call.url == f"http://127.0.0.1:9/api/v2/track/{event.kind}"
    assert call.headers == build_call(make_settings(), LEAD).headers
    assert json.loads(call.body) == event.to_json()
    assert problems(REQUESTS[f"/{event.kind}"], json.loads(call.body)) == []


@pytest.mark.parametrize(
    ("event", "line", "body"),
    [
        (
            SALE,
            "POST /api/v2/track/sale HTTP/1.1",
            {
                "email": "visitor@example.com",
                "event_id": "pi_of_the_visitor",
                "amount": 1290,
                "currency": "EUR",
            },
        ),
        (
            REFUND,
            "POST /api/v2/track/refund HTTP/1.1",
            {
                "uid": "7",
                "event_id": "re_of_the_visitor",
                "amount": "90",
                "sale_event_id": "pi_of_the_visitor",
            },
        ),
        (
            CANCELLATION,
            "POST /api/v2/track/cancellation HTTP/1.1",
            {"email": "visitor@example.com", "uid": "7"},
        ),
    ],
    ids=["sale", "refund", "cancellation"],
)
def test_the_request_over_a_socket(event: AnyEvent, line: str, body: dict[str, Any]) -> None:
    """Path, credentials and body, as a server reads them."""
    with serving(answer(200, OBJECT)) as server, calling(server.url) as call:
        assert call(event) == Outcome(Status.SENT, code=200)
    (request,) = server.requests
    assert request.line == line
    assert request.get("authorization") == f"Bearer {KEY}"
    assert request.get("account-id") == "account-7"
    assert request.get("content-type") == "application/json"
    assert request.json == body


@pytest.mark.parametrize("event", [REFUND, CANCELLATION], ids=name)
def test_a_204_over_a_socket(event: AnyEvent) -> None:
    """It has no body, and the connection goes on being used."""
    with serving(answer(204, b"")) as server, calling(server.url) as call:
        for _ in range(2):
            assert call(event) == Outcome(Status.SKIPPED, Reason.NOT_REFERRED, code=204)
    assert len(server.talks) == 1


# --- What an answer means -----------------------------------------------------------------

ALIKE: list[tuple[int, Status, Reason | None]] = [
    (200, Status.SENT, None),
    *((code, Status.REJECTED, Reason.BAD_REQUEST) for code in (400, 413, 414, 431)),
    *((code, Status.FAILED, Reason.UNAUTHORIZED) for code in (401, 403)),
    *((code, Status.FAILED, Reason.SERVER_ERROR) for code in (408, 500, 502, 503, 504, 599)),
    (429, Status.FAILED, Reason.RATE_LIMITED),
    *((code, Status.FAILED, Reason.UNEXPECTED) for code in (201, 202, 206, 301, 302, 307, 402)),
    *((code, Status.FAILED, Reason.UNEXPECTED) for code in (405, 406, 410, 418, 425, 451, 600)),
]
NOT_REFERRED = (Status.SKIPPED, Reason.NOT_REFERRED)
UNEXPECTED = (Status.FAILED, Reason.UNEXPECTED)
DUPLICATE = (Status.DUPLICATE, None)
OF_ITS_OWN: list[tuple[int, tuple[Status, Reason | None], tuple[Status, Reason | None]]] = [
    # status: of a sign-up, of a payment
    (204, UNEXPECTED, NOT_REFERRED),
    (404, (Status.REJECTED, Reason.UNKNOWN_VISITOR), NOT_REFERRED),
    (409, UNEXPECTED, DUPLICATE),
    (422, DUPLICATE, UNEXPECTED),
]


@pytest.mark.parametrize(("code", "status", "reason"), ALIKE)
@pytest.mark.parametrize("event", EVERY, ids=name)
def test_what_every_kind_is_answered_alike(
    event: AnyEvent, code: int, status: Status, reason: Reason | None
) -> None:
    """Credentials, pace, servers, and what is refused for good."""
    assert read_answer(event, code, OBJECT) == Outcome(status, reason, code=code)


@pytest.mark.parametrize(("code", "of_signup", "of_payment"), OF_ITS_OWN)
@pytest.mark.parametrize("event", EVERY, ids=name)
def test_what_each_kind_is_answered_in_its_own_way(
    event: AnyEvent, code: int, of_signup: Any, of_payment: Any
) -> None:
    """A customer who was not referred is an answer; a visitor who is not known yet is none."""
    outcome = read_answer(event, code, OBJECT)
    assert (outcome.status, outcome.reason) == (of_signup if event is LEAD else of_payment)
    assert outcome.early == (code == 404 and event in (LEAD, SALE_WITH_TID))


@pytest.mark.parametrize("body", [None, b"", b"null", b"[]", b"<html>", b"{", b"\xff", b'"x"'])
@pytest.mark.parametrize("event", EVERY, ids=name)
def test_what_a_web_server_answers(event: AnyEvent, body: bytes | None) -> None:
    """Without an object it is not the API's word, and nothing ends by it."""
    for code, reason in [
        (200, Reason.UNREADABLE),
        (403, Reason.SERVER_ERROR),
        (404, Reason.UNEXPECTED),
    ]:
        assert read_answer(event, code, body) == Outcome(Status.FAILED, reason, code=code)


@pytest.mark.parametrize("body", [None, b"", b"<html>", OBJECT])
@pytest.mark.parametrize("event", PAYMENTS, ids=name)
def test_a_204_and_a_409_need_no_body(event: AnyEvent, body: bytes | None) -> None:
    """The status is enough."""
    assert read_answer(event, 204, body) == Outcome(*NOT_REFERRED, code=204)
    assert read_answer(event, 409, body) == Outcome(*DUPLICATE, code=409)


@given(st.sampled_from(EVERY), st.integers(100, 999), st.none() | st.binary(max_size=64), st.text())
def test_any_answer_has_a_meaning(
    event: AnyEvent, code: int, body: bytes | None, wait: str
) -> None:
    """Nothing that a server answers raises; what fails is not early, and what is early is a 404."""
    outcome = read_answer(event, code, body, retry_after=wait)
    assert outcome.code == code
    assert outcome.reason is None or outcome.reason in Reason
    assert not outcome.early or (code == 404 and outcome.status is not Status.FAILED)


# --- The secrets of promoters -------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(PROMOTER).encode(),
        json.dumps([PROMOTER]).encode(),
        json.dumps(PROMOTER).encode()[:-1],
        json.dumps(PROMOTER).encode() + b"\xff",
        b"token-CANARY pass-CANARY",
    ],
    ids=["an object", "a list", "cut off", "not UTF-8", "text"],
)
@pytest.mark.parametrize("code", [200, 204, 400, 401, 403, 404, 409, 422, 429, 500, 302])
@pytest.mark.parametrize("event", [REFUND, CANCELLATION], ids=name)
def test_the_secrets_of_an_answer_are_nowhere(
    event: AnyEvent, code: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the outcome, nor in a receipt, a hook, or a record of any library at DEBUG."""
    caplog.set_level(logging.DEBUG)
    told: list[Receipt] = []
    body = b"" if code == 204 else body
    with serving(answer(code, body)) as server:
        fprom = Fprom(
            make_settings(
                base_url=server.url,
                delivery="inline",
                on_outcome=lambda _event, receipt: told.append(receipt),
            )
        )
        receipt = fprom.delivery.accept(event)
        fprom.close()
    outcome = read_answer(event, code, body)
    shown = [repr(outcome), str(outcome), repr(receipt), repr(told), repr(vars(fprom))]
    shown += [str(vars(record)) for record in caplog.records]

    assert len(server.requests) == len(told) == 1
    assert [text for text in shown if "CANARY" in text or "promoter@" in text] == []


def test_no_frame_below_a_hook_shows_anything_of_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What raises there is handed the receipt, in which there is nothing of the answer."""
    frames: list[str] = []

    def fail(*_: object) -> None:
        stack = traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True)
        # The frames above it are the test runner's, which know the names of other tests.
        ours = [frame for frame in stack if frame.filename.startswith(PACKAGE)]
        frames.extend(traceback.StackSummary.from_list(ours).format())
        raise LookupError

    with serving(answer(200, json.dumps(PROMOTER).encode())) as server:
        fprom = Fprom(make_settings(base_url=server.url, delivery="inline", on_outcome=fail))
        receipt = fprom.track_refund(uid="7", event_id="re_1", amount=90)
        fprom.close()
    assert receipt.status is Status.SENT
    assert frames
    assert "CANARY" not in "".join(frames) + caplog.text
