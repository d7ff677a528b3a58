"""The sandbox over HTTP: its paths, its page, and whom it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.app import create_app
from fprom_middleware.sandbox.web.limits import MAX_BODY
from fprom_middleware.sandbox.web.loopback import (
    is_local_host,
    is_loopback_host,
    is_loopback_origin,
)

BASE_URL = "http://127.0.0.1:8750"
HEADERS = {"authorization": "Bearer sandbox-key", "account-id": "sandbox-account"}
PEER = ("127.0.0.1", 50_000)
SHOP = "http://localhost:5000"


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a fresh double."""
    return FirstPromoterDouble()


@pytest.fixture
def client(double: FirstPromoterDouble) -> TestClient:
    """Make a client on this machine that calls the sandbox by its address."""
    return TestClient(create_app(double), base_url=BASE_URL, client=PEER)


def register_click(client: TestClient, ref: str = "anna") -> str:
    """Visit by a referral link; answer the tid."""
    answer = client.post("/click", json={"cid": "sandbox-account", "ref": ref})
    assert answer.status_code == 200
    tid = answer.json()["tid"]
    assert isinstance(tid, str)
    return tid


def test_a_signup_goes_through_the_real_path(
    client: TestClient, double: FirstPromoterDouble
) -> None:
    """The API stands where FPROM_BASE_URL plus /signup leads."""
    tid = register_click(client)

    answer = client.post(
        "/api/v2/track/signup", headers=HEADERS, json={"email": "kim@example.com", "tid": tid}
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["referral"] == {"id": 1, "email": "kim@example.com", "uid": None}
    assert double.leads[0].tid == tid


def test_every_call_has_its_path(client: TestClient, double: FirstPromoterDouble) -> None:
    """The other three stand beside /signup, and answer as the double does."""
    call = {"uid": "u-7", "event_id": "in_1", "amount": 2000}
    register_click(client)

    def post(path: str, **more: str) -> tuple[int, Any]:
        answer = client.post(f"/api/v2/track{path}", headers=HEADERS, json=call | more)
        assert answer.headers.get("content-type") in {None, "application/json; charset=utf-8"}
        return answer.status_code, answer.json() if answer.content else None

    assert post("/cancellation") == (204, None)
    status, sale = post("/sale", ref_id="anna")
    assert (status, sale["etype"]) == (200, "sale")
    assert post("/sale")[0] == 409
    status, refund = post("/refund")
    assert (status, refund["type"]) == (200, "refund")
    status, cancellation = post("/cancellation")
    assert (status, cancellation["type"]) == (200, "cancellation")
    assert client.post("/api/v2/track/sales", headers=HEADERS, json=call).status_code == 404
    assert client.get("/api/v2/track/sale", headers=HEADERS).status_code == 405
    assert [attempt.path for attempt in double.attempts] == [
        "/cancellation",
        "/sale",
        "/sale",
        "/refund",
        "/cancellation",
    ]


def test_a_call_beside_the_path_says_what_is_missing(
    client: TestClient, double: FirstPromoterDouble
) -> None:
    """FPROM_BASE_URL without its path: the answer, the page and the observer have the right one."""
    for path in ("/signup", "/signup", "/api/v2/sale"):
        answer = client.post(path, headers=HEADERS, json={"email": "kim@example.com"})
        assert answer.status_code == 404
        assert f"below {BASE_URL}/api/v2/track" in answer.json()["message"]
        assert f"Nothing is at {path}." in answer.json()["message"]
    assert client.get("/signup").status_code == client.post("/other").status_code == 404

    assert double.strays == {"/signup": 2, "/api/v2/sale": 1}
    page = client.get("/").text
    assert "2 calls came at <b>/signup</b>, where nothing is" in page
    assert f"FPROM_BASE_URL is to be <b>{BASE_URL}/api/v2/track</b>" in page
    client.post("/reset")
    assert double.strays == {}


def test_stray_calls_fill_no_memory(client: TestClient, double: FirstPromoterDouble) -> None:
    """Nor can they write on the page what they like."""
    for number in range(50):
        client.post(f"/{number}/{'x' * 5000}/signup")
    client.post("/<script>/signup")

    assert len(double.strays) == 20
    assert max(map(len, double.strays)) == 255
    assert "<script>/signup" not in client.get("/").text


def test_the_links_lead_to_the_app_that_is_named(double: FirstPromoterDouble) -> None:
    """Without a name, to the one whose page called last."""
    pages = []
    for app_url in (None, "http://localhost:8000/shop"):
        app = create_app(double, app_url=app_url)
        with TestClient(app, base_url=BASE_URL, client=PEER) as client:
            click = {"cid": "sandbox-account", "ref": "anna"}
            client.post("/click", json=click, headers={"origin": "http://127.0.0.1:9000"})
            pages.append(client.get("/").text)

    assert 'href="http://127.0.0.1:9000/?fpr=anna"' in pages[0]
    assert 'href="http://localhost:8000/shop/?fpr=anna"' in pages[1]


def test_an_unauthorized_answer_has_no_body_at_all(client: TestClient) -> None:
    """401 comes without JSON, as the real service's does."""
    answer = client.post("/api/v2/track/signup", json={"email": "kim@example.com"})

    assert (answer.status_code, answer.content) == (401, b"")
    assert "content-type" not in answer.headers


def test_a_body_without_end_is_cut_off(client: TestClient, double: FirstPromoterDouble) -> None:
    """What is too long to be a call is refused before it is read to its end."""
    body = b'{"ref": "' + b"a" * MAX_BODY + b'"}'

    assert client.post("/api/v2/track/signup", headers=HEADERS, content=body).status_code == 413
    assert client.post("/click", content=body).status_code == 400
    assert double.attempts == ()


def test_the_script_s_own_two_calls(client: TestClient, double: FirstPromoterDouble) -> None:
    """A form each; a proxy may say whose call it is, and what is not an address is not."""
    form = {"cid": "sandbox-account", "event": "click", "ref_id": "anna"}
    answer = client.post("/tr", data=form, headers={"x-forwarded-for": "203.0.113.7"})
    client.post("/tr", data=form, headers={"x-forwarded-for": "203.0.113.7, 10.0.0.1"})

    first, second = double.clicks
    assert answer.json() == {
        "tid": first.tid,
        "ref_id": "anna",
        "cookie_life": 60,
        "clean_url": False,
        "details": None,
    }
    assert (first.ref_id, first.ip, second.ip) == ("anna", "203.0.113.7", "127.0.0.1")
    known = client.post("/get_details", data={"tid": first.tid}).json()
    unknown = client.post("/get_details", content=b"\xff").json()
    assert (known["ref_id"], unknown["ref_id"]) == ("anna", None)
    assert client.post("/tr", data={"cid": "sandbox-account"}).status_code == 400
    assert client.post("/tr", data=form | {"cid": "another"}).status_code == 404


def test_a_click_remembers_the_ref_and_the_peer(
    client: TestClient, double: FirstPromoterDouble
) -> None:
    """The script's call gets the tid that its cookie should hold."""
    answer = client.post("/click", json={"cid": "sandbox-account", "ref": "anna"})

    (click,) = double.clicks
    assert answer.json() == {"tid": click.tid, "ref": "anna"}
    assert (click.ref_id, click.ip) == ("anna", "127.0.0.1")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("[]", 400),
        ('{"cid": "sandbox-account"}', 400),
        ('{"cid": "sandbox-account", "ref": " "}', 400),
        ('{"cid": "sandbox-account", "ref": 7}', 400),
        ('{"cid": "other", "ref": "anna"}', 404),
        ('{"ref": "anna"}', 404),
    ],
)
def test_a_click_that_says_nothing_is_not_registered(
    client: TestClient, double: FirstPromoterDouble, body: str, status: int
) -> None:
    """No ref, or another account's id: refused with a message for the browser's console."""
    answer = client.post("/click", content=body, headers={"origin": SHOP})

    assert answer.status_code == status
    assert answer.json()["message"]
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert double.clicks == ()


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5000",
        "http://127.0.0.1",
        "http://127.8.9.1:80",
        "https://[::1]:8443",
        "http://www.shop.localhost:5000",
        "http://LOCALHOST:5000",
    ],
)
def test_pages_of_this_machine_may_click(client: TestClient, origin: str) -> None:
    """CORS is open for whatever runs on loopback."""
    preflight = client.options(
        "/click",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert preflight.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://evil.example#localhost",
        "http://localhost@evil.example",
        "http://evil.example\\.localhost",
        "http://127.0.0.1.evil.example",
        "http://notlocalhost",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::1",
        "file://localhost",
        "localhost",
        "http://löcalhost",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", "/click"), ("POST", "/click"), ("POST", "/reset"), ("GET", "/state.json")],
)
def test_pages_from_elsewhere_may_nothing(
    client: TestClient, double: FirstPromoterDouble, method: str, path: str, origin: str
) -> None:
    """A foreign page in the developer's browser can neither write nor read."""
    double.click("anna")

    answer = client.request(method, path, headers=[(b"origin", origin.encode())])

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert len(double.clicks) == 1


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("127.0.0.1", 200),
        ("127.200.0.9", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("10.0.0.5", 403),
        ("203.0.113.7", 403),
        ("::ffff:10.0.0.5", 403),
        ("fe80::1", 403),
        ("0.0.0.0", 403),
        ("", 403),
        ("testclient", 403),
    ],
)
def test_other_machines_are_refused(double: FirstPromoterDouble, peer: str, status: int) -> None:
    """The socket's peer must be loopback, whatever the headers say."""
    client = TestClient(create_app(double), base_url=BASE_URL, client=(peer, 50_000))
    headers = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}

    assert client.get("/state.json", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8750", 200),
        ("LocalHost.:8750", 200),
        ("fp.localhost:8750", 200),
        ("[::1]:8750", 200),
        ("evil.example", 403),
        ("evil.example:8750", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("evil.example/localhost", 403),
        ("0.0.0.0:8750", 403),
        ("127.1", 403),
        ("2130706433", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/state.json", "/fpr.js", "/nowhere"])
def test_a_rebound_name_is_refused(client: TestClient, path: str, host: str, status: int) -> None:
    """A foreign name that resolves to 127.0.0.1 opens nothing."""
    expected = 404 if path == "/nowhere" and status == 200 else status

    assert client.get(path, headers={"host": host}).status_code == expected


def test_two_host_lines_are_refused(client: TestClient) -> None:
    """Of two names it is unclear which one the browser meant."""
    headers = [("host", "127.0.0.1"), ("host", "evil.example")]

    assert client.get("/", headers=headers).status_code == 403


def test_loopback_names_are_known_without_dns() -> None:
    """Names that only DNS could make loopback are not."""
    assert is_loopback_host("::1")
    assert not is_loopback_host("lvh.me")
    assert not is_loopback_origin("http://127.0.0.1/path")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("sandbox", True),
        ("my-pc.local", True),
        ("host.docker.internal", True),
        ("192.168.1.7", True),
        ("fe80::1", True),
        ("LOCALHOST.", True),
        ("evil.example", False),
        ("local.evil.example", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("", False),
        (".", False),
    ],
)
def test_a_local_name_is_one_that_no_public_dns_has(host: str, local: bool) -> None:
    """With --allow-remote a foreign page still cannot bring a name of its own."""
    assert is_local_host(host) is local


def test_the_script_knows_where_to_call(client: TestClient, double: FirstPromoterDouble) -> None:
    """fpr.js carries the sandbox's own address, and is never cached."""
    answer = client.get("/fpr.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-store"
    assert f'"{BASE_URL}/tr"' in answer.text

    elsewhere = TestClient(
        create_app(double, base_url="http://[::1]:99/"), base_url=BASE_URL, client=PEER
    )
    assert '"http://[::1]:99/tr"' in elsewhere.get("/fpr.js").text


def test_the_state_is_json(client: TestClient) -> None:
    """/state.json lists what arrived, oldest first, refused calls included."""
    tid = register_click(client)
    call = {"email": "kim@example.com", "tid": tid, "ip": "93.184.216.34"}
    client.post("/api/v2/track/signup", headers=HEADERS, json=call)
    client.post("/api/v2/track/signup", json=call)

    state = client.get("/state.json").json()

    assert set(state) == {"clicks", "leads", "sales", "refunds", "cancellations", "attempts"}
    assert state["clicks"][0]["tid"] == tid
    assert state["clicks"][0]["created_at"].endswith("Z")
    lead = state["leads"][0]
    assert (lead["email"], lead["tid"], lead["ip"]) == ("kim@example.com", tid, "93.184.216.34")
    assert [attempt["status"] for attempt in state["attempts"]] == [200, 401]
    assert state["attempts"][0]["lead"] == lead
    assert json.loads(state["attempts"][1]["sent"]) == call


def test_the_state_holds_what_customers_did(client: TestClient) -> None:
    """Sales, refunds and cancellations with their customers and their sums."""
    register_click(client)
    call = {"uid": "u-7", "event_id": "in_1", "amount": 2000, "ref_id": "anna"}
    for kind in ("sale", "refund", "cancellation"):
        client.post(f"/api/v2/track/{kind}", headers=HEADERS, json=call)

    state = client.get("/state.json").json()

    (lead,) = state["leads"]
    for events, sums in (("sales", (2000, 400)), ("refunds", (-2000, -400))):
        (event,) = state[events]
        assert event["customer"] == lead
        assert (event["account_amount"], event["commission"]) == sums
        assert event["received_at"].endswith("Z")
    assert state["cancellations"][0]["promoter"] == "anna"
    assert [attempt["kind"] for attempt in state["attempts"]] == ["sale", "refund", "cancellation"]
    assert [attempt["event"]["id"] for attempt in state["attempts"]] == [1, 1, 1]
    assert state["attempts"][0]["lead"] == lead


def test_the_page_is_locked_up(client: TestClient) -> None:
    """It runs its own script only, is never cached, and loads nothing from elsewhere."""
    page = client.get("/")

    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.text.count("<script") == 1
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
        assert f'"/{name}"' in page.text
        asset = client.get(f"/{name}")
        assert asset.headers["content-type"].startswith(kind)
        assert "http:" not in asset.text
        assert "https:" not in asset.text


def test_the_state_can_be_saved(client: TestClient) -> None:
    """The page's export is the same state, as a file."""
    register_click(client)

    saved = client.get("/state.json?download=1")

    assert saved.headers["content-disposition"] == 'attachment; filename="fprom-sandbox.json"'
    assert saved.json() == client.get("/state.json").json()


def test_reset_forgets_what_arrived(client: TestClient, double: FirstPromoterDouble) -> None:
    """A script gets 204, the page's button comes back to the page."""
    register_click(client)

    assert client.post("/reset").status_code == 204
    assert double.clicks == ()

    register_click(client)
    button = client.post(
        "/reset",
        headers={"accept": "text/html,*/*", "origin": BASE_URL},
        follow_redirects=False,
    )
    assert (button.status_code, button.headers["location"]) == (303, "/")
    assert double.clicks == ()
