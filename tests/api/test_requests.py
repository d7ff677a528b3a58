"""What goes over the wire, byte by byte, whoever's client carries it."""

from __future__ import annotations

import httpx
import pytest

from fprom_middleware import Lead, Status
from fprom_middleware.api.client import TrackingApi
from tests.api.conftest import NO_ANSWER, calling
from tests.support.accounts import make_settings
from tests.support.misbehaving import SENT, answer, hang, serving


def test_the_request_is_the_documented_one(lead: Lead) -> None:
    """Path, both credentials, JSON, and not one header that nobody needs."""
    with serving(answer(200, SENT)) as server, calling(server.url) as call:
        assert call(lead).status is Status.SENT
    (request,) = server.requests
    assert request.line == "POST /api/v2/track/signup HTTP/1.1"
    agent = request.get("user-agent")
    assert agent is not None
    assert agent.startswith("fprom-middleware/")
    assert sorted((name.lower(), value) for name, value in request.headers) == [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("account-id", "account-7"),
        ("authorization", "Bearer key-of-the-account"),
        ("connection", "keep-alive"),
        ("content-length", str(len(request.body))),
        ("content-type", "application/json"),
        ("host", f"127.0.0.1:{server.port}"),
        ("user-agent", agent),
    ]
    assert request.json == {
        "email": "visitor@example.com",
        "tid": "tid-of-the-visitor",
        "ip": "203.0.113.77",
        "created_at": "2025-04-25T09:29:51.973Z",
    }


@pytest.mark.parametrize(
    ("lead", "body"),
    [
        (Lead(uid="7"), {"uid": "7"}),
        (Lead(email="a@b.c", ref_id="anna"), {"email": "a@b.c", "ref_id": "anna"}),
        (
            Lead(email="ü@exämple.com", tid='"\\\n', skip_email_notification=False),
            {"email": "ü@exämple.com", "tid": '"\\\n', "skip_email_notification": False},
        ),
        (Lead(uid="\ud800", tid="\x00"), {"uid": "\ud800", "tid": "\x00"}),
    ],
)
def test_a_field_without_a_value_is_absent(lead: Lead, body: dict[str, object]) -> None:
    """No null, no empty text; every text survives JSON."""
    with serving(answer(200, SENT)) as server, calling(server.url) as call:
        assert call(lead).status is Status.SENT
    assert server.requests[0].json == body


def test_cookies_of_the_api_are_not_sent_back(lead: Lead) -> None:
    """The vendor's load balancer may set cookies; they are no part of the API."""
    cookies = {"Set-Cookie": "__cf_bm=abc; Path=/"}
    with serving(answer(200, SENT, cookies)) as server, calling(server.url) as call:
        call(lead)
        call(lead)
    assert [request.get("cookie") for request in server.requests] == [None, None]


def test_an_injected_client_carries_the_same_request(lead: Lead) -> None:
    """Its own credentials, redirects and types give way to ours."""
    client = httpx.Client(
        auth=("somebody", "else"),
        follow_redirects=True,
        headers={"Authorization": "Basic x", "Account-ID": "other", "Content-Type": "text/plain"},
        base_url="http://127.0.0.1:1/elsewhere/",
        timeout=None,  # noqa: S113 - the settings' own holds
    )
    with (
        serving(answer(200, SENT)) as elsewhere,
        serving(answer(308, headers={"Location": elsewhere.url})) as server,
        calling(server.url, client=client) as call,
    ):
        assert call(lead).code == 308
    (request,) = server.requests
    assert request.get("authorization") == "Bearer key-of-the-account"
    assert request.get("account-id") == "account-7"
    assert request.get("content-type") == "application/json"
    assert request.line == "POST /api/v2/track/signup HTTP/1.1"
    assert elsewhere.talks == []


def test_closing_leaves_an_injected_client_open(lead: Lead) -> None:
    """It stays the caller's to close."""
    with serving(answer(200, SENT)) as server, httpx.Client() as client:
        api = TrackingApi(make_settings(base_url=server.url), client=client)
        assert api.send(lead).status is Status.SENT
        api.close()
        assert not client.is_closed
        assert api.send(lead).status is Status.SENT
        assert len(server.talks) == 1


@pytest.mark.slow
def test_an_injected_client_keeps_its_time_out_per_answer(lead: Lead) -> None:
    """The time-out of the settings holds for a client that has none."""
    client = httpx.Client(timeout=None)  # noqa: S113 - which is the point
    with serving(hang) as server, calling(server.url, timeout=0.5, client=client) as call:
        assert call(lead) == NO_ANSWER


def test_a_mocked_transport_is_enough(lead: Lead) -> None:
    """Httpx's own stand-in for a network works, whose answers are read already."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v2/track/signup"
        return httpx.Response(200, json={"id": 1})

    client = httpx.Client(transport=httpx.MockTransport(handle))
    with calling("https://api.invalid/api/v2/track", client=client) as call:
        assert call(lead).status is Status.SENT


def test_a_large_mocked_answer_is_unreadable(lead: Lead) -> None:
    """The bound on an answer's size holds where no connection can be given up."""
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"a": "x" * 100_000}))
    )
    with calling("https://api.invalid", client=client) as call:
        assert call(lead).status is Status.FAILED


def test_what_is_not_the_network_s_is_raised(lead: Lead) -> None:
    """A mistake in a client that was handed in, or a job's time limit: no word about the lead."""

    def explode(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    client = httpx.Client(transport=httpx.MockTransport(explode))
    with (
        calling("https://api.invalid", client=client) as call,
        pytest.raises(ZeroDivisionError),
    ):
        call(lead)
