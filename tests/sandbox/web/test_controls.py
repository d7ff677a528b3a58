"""What switches the sandbox, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.app import create_app
from fprom_middleware.sandbox.trouble import Trouble

BASE_URL = "http://127.0.0.1:8750"
SWITCHES = [
    ("POST", "/reset"),
    ("POST", "/undo"),
    ("POST", "/journey"),
    ("PUT", "/trouble"),
    ("POST", "/trouble"),
    ("DELETE", "/trouble"),
]


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a fresh double."""
    return FirstPromoterDouble()


@pytest.fixture
def client(double: FirstPromoterDouble, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Make a client on this machine; the journey is made at once."""
    monkeypatch.setattr("fprom_middleware.sandbox.web.controls.STEP_SECONDS", 0)
    return TestClient(
        create_app(double),
        base_url=BASE_URL,
        client=("127.0.0.1", 50_000),
        follow_redirects=False,
    )


@pytest.mark.parametrize(("method", "path"), SWITCHES)
@pytest.mark.parametrize(
    "origin", ["http://localhost:8750", "http://127.0.0.1:5000", "http://127.0.0.1"]
)
def test_pages_of_other_apps_switch_nothing(
    client: TestClient, double: FirstPromoterDouble, method: str, path: str, origin: str
) -> None:
    """An app on the same machine may click, but neither clear nor break anything."""
    double.click("anna")
    double.trouble = Trouble("500")

    answer = client.request(method, path, headers={"origin": origin}, json={"answer": 404})

    assert answer.status_code == 403
    assert (len(double.clicks), double.trouble) == (1, Trouble("500"))


def test_trouble_is_switched_by_json(client: TestClient, double: FirstPromoterDouble) -> None:
    """PUT says what is wrong from now on, GET what is, DELETE ends it."""
    assert client.get("/trouble").json() == {"answer": "200"}

    put = client.put("/trouble", json={"answer": 500, "next": 3})

    assert put.status_code == 200
    assert put.json() == client.get("/trouble").json()
    assert double.trouble == Trouble("500", next=3)
    assert client.delete("/trouble").status_code == 204
    assert client.get("/trouble").json() == {"answer": "200"}


@pytest.mark.parametrize("body", ["", "[]", '{"answer": 200.5}', '{"answer": 500, "next": -1}'])
def test_a_wrong_trouble_is_refused_in_words(client: TestClient, body: str) -> None:
    """The one that was in force stays."""
    client.put("/trouble", json={"answer": "slow"})

    answer = client.put("/trouble", content=body)

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert client.get("/trouble").json()["answer"] == "slow"


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_json_is_json_whatever_it_is_called(
    client: TestClient, double: FirstPromoterDouble, method: str
) -> None:
    """A curl without a content type says that its body is a form."""
    body = b' {"answer": 503, "next": 3}'

    answer = client.request(method, "/trouble", content=body, headers=FORM)

    assert (answer.status_code, answer.json()["answer"]) == (200, "503")
    assert double.trouble == Trouble("503", next=3)
    foreign = FORM | {"origin": "http://evil.example"}
    assert client.request(method, "/trouble", content=body, headers=foreign).status_code == 403
    own = FORM | {"origin": "http://localhost:5000"}
    assert client.request(method, "/trouble", content=body, headers=own).status_code == 403


@pytest.mark.parametrize("headers", [FORM, {"content-type": "application/json"}])
def test_a_misspelt_field_is_named(client: TestClient, headers: dict[str, str]) -> None:
    """Beside those that there are."""
    answer = client.put("/trouble", content=b'{"anwser": 503}', headers=headers)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("there is no field 'anwser'; there are answer, next")


def test_the_pages_form_switches_trouble(client: TestClient, double: FirstPromoterDouble) -> None:
    """Blank fields count as not given; a browser without a script comes back to the page."""
    form = {"answer": "429", "next": "2", "percent": "", "delay": "0.5", "retry_after": "1"}

    answer = client.post("/trouble", data=form, headers={"accept": "text/html", "origin": BASE_URL})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert double.trouble == Trouble("429", next=2, delay=0.5, retry_after=1)
    assert client.post("/trouble", data={"answer": "200"}).status_code == 204
    assert client.get("/trouble").json() == {"answer": "200"}
    assert client.post("/trouble", content=b"\xff", headers=FORM).status_code == 400


def test_trouble_hits_calls_over_http(client: TestClient) -> None:
    """The answer comes with its status and Retry-After."""
    client.put("/trouble", json={"answer": 503, "next": 1, "retry_after": 9})

    answer = client.post("/api/v2/track/signup", json={})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "9")
    assert client.post("/api/v2/track/signup", json={}).status_code == 401


def test_a_clearing_can_be_undone(client: TestClient, double: FirstPromoterDouble) -> None:
    """As long as nothing has arrived since; afterwards the answer says so."""
    tid = double.click("anna").tid
    client.post("/api/v2/track/signup", json={})
    client.post("/reset")
    assert (double.clicks, double.attempts) == ((), ())
    assert "Undo, bring back 2" in client.get("/").text

    assert client.post("/undo").status_code == 204

    assert [click.tid for click in double.clicks] == [tid]
    assert len(double.attempts) == 1
    assert client.post("/undo").status_code == 409
    client.post("/reset")
    double.click("bea")
    assert client.post("/undo").status_code == 409
    assert [click.ref_id for click in double.clicks] == ["bea"]


def test_the_journey_is_a_whole_one(client: TestClient, double: FirstPromoterDouble) -> None:
    """Click, sign-up, sale and refund of a customer who is another each time."""
    for _ in range(2):
        assert client.post("/journey").status_code == 204

    assert [attempt.kind for attempt in double.attempts] == ["signup", "sale", "refund"] * 2
    assert {attempt.status for attempt in double.attempts} == {200}
    assert len({lead.email for lead in double.leads}) == 2
    assert {lead.ip for lead in double.leads} == {"203.0.113.7"}


def test_the_document_names_every_switch(client: TestClient) -> None:
    """What is served at /openapi.json has all paths and methods that there are."""
    document: dict[str, Any] = client.get("/openapi.json").json()

    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": BASE_URL}]
    paths = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    own = {one for one in SWITCHES if one != ("POST", "/trouble")}
    calls = {("POST", f"/api/v2/track/{kind}") for kind in ("signup", "sale", "refund")}
    assert own | calls | {("GET", "/trouble"), ("GET", "/state.json"), ("POST", "/click")} <= paths
