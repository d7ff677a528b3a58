"""The page of what came of the leads, and what strangers cannot do to it."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.testclient import TestClient

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.app import create_app
from fprom_middleware.sandbox.page import render_page
from tests.sandbox.calling import call, make_customer, make_double

BASE_URL = "http://127.0.0.1:8750"


def read_page(double: FirstPromoterDouble) -> str:
    """Render the page."""
    return render_page(double, base_url=BASE_URL, api_url=f"{BASE_URL}/api/v2/track")


def read_table(page: str, head: str) -> list[list[str]]:
    """Return the rows of the table under a heading, each cell as its text."""
    part = page.partition(f"<h2>{head} ")[2].partition("<h2>")[0]
    rows = part.split("<tr>")[2:]
    return [[re.sub(r"<br>", " | ", cell).strip() for cell in _cells(row)] for row in rows]


def _cells(row: str) -> list[str]:
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    return [re.sub(r"</?(?:span|div)[^>]*>", "", cell) for cell in cells]


def test_a_customers_row_says_what_they_did() -> None:
    """Newest first, amounts as sent and as counted, and the sums of both."""
    double = make_double()
    make_customer(double, email="kim@example.com", uid="u-7")
    call(double, "sale", uid="u-7", event_id="in_1", amount=2000)
    call(double, "sale", uid="u-7", event_id="in_2", amount=1000, currency="JPY")
    call(double, "refund", uid="u-7", event_id="re_1", amount="550", currency="EUR")
    call(double, "cancellation", uid="u-7")

    ((email, uid, promoter, did, net, commission),) = read_table(read_page(double), "Customers")

    assert (email, uid, promoter) == ("kim@example.com", "u-7", "anna")
    now = "2026-11-02T09:30:00.250Z"
    assert did.split(" | ") == [
        "cancelled",
        f"{now} cancellation",
        f"{now} refund -5.50 EUR = -6.05 USD re_1",
        f"{now} sale 1000 JPY = 7.00 USD in_2",
        f"{now} sale 20.00 USD in_1",
    ]
    assert (net, commission) == ("20.95 USD", "4.19 USD")


def test_a_customer_who_came_back_is_not_cancelled() -> None:
    """The word stands for the present, the line for the past."""
    double = make_double()
    make_customer(double, uid="u-7")
    call(double, "cancellation", uid="u-7")
    call(double, "sale", uid="u-7", event_id="in_1", amount=2000)

    did = read_table(read_page(double), "Customers")[0][3]

    assert "cancelled" not in did
    assert "cancellation" in did


def test_the_last_to_act_stands_first() -> None:
    """Leads that did nothing yet are no customers."""
    now = iter(range(1_800_000_000, 1_800_000_100))
    double = make_double(clock=lambda: float(next(now)))
    for uid in ("1", "2", "3"):
        make_customer(double, uid=uid)
    for uid in ("1", "2", "1"):
        call(double, "cancellation", uid=uid)

    assert [row[1] for row in read_table(read_page(double), "Customers")] == ["1", "2"]


def test_a_promoters_row_has_the_sums() -> None:
    """Over all customers, in the account's currency, the best first."""
    double = make_double(currency="EUR", commission_rate=0.3, ref_ids=["bea", "cleo"])
    make_customer(double, uid="1")
    make_customer(double, uid="2")
    call(double, "sale", uid="1", event_id="in_1", amount=1000)
    call(double, "sale", uid="3", event_id="in_2", amount=1000, currency="USD", ref_id="bea")
    call(double, "sale", uid="2", event_id="in_3", amount=5)
    call(double, "refund", uid="1", event_id="re_1", amount=300)
    call(double, "sale", uid="4", event_id="in_4", amount=100, ref_id="cleo")
    call(double, "refund", uid="4", event_id="re_4", amount=200)

    assert read_table(read_page(double), "Promoters") == [
        ["bea", "1", "1", "0", "9.09 EUR", "2.73 EUR"],
        ["anna", "2", "2", "1", "7.05 EUR", "2.12 EUR"],
        ["cleo", "1", "1", "1", "-1.00 EUR", "-0.30 EUR"],
    ]


def test_a_long_history_stays_short() -> None:
    """Of one customer's many sales the newest twenty are shown, and how many there were before."""
    double = make_double()
    make_customer(double, uid="1")
    for number in range(25):
        call(double, "sale", uid="1", event_id=f"in_{number}", amount=100)

    did = read_table(read_page(double), "Customers")[0][3].split(" | ")

    assert len(did) == 21
    assert did[0].endswith("in_24")
    assert did[-2:] == ["2026-11-02T09:30:00.250Z sale 1.00 USD in_5", "and 5 before"]


def test_calls_are_told_apart() -> None:
    """What was refused, or was nothing to the program, is listed with its kind."""
    double = make_double()
    call(double, "sale", uid="1", event_id="in_1", amount=1)
    call(double, "cancellation", uid="1")

    rows = read_table(read_page(double), "Calls")

    assert [(kind, status) for _, kind, status, *_ in rows] == [
        ("cancellation", "204"),
        ("sale", "404"),
    ]


HOSTILE = "</td><script>alert(1)</script><img src=x onerror='x'>\"&\x00\x1b[2J\u202e\r\n$leads"


def test_a_hostile_value_is_only_text_on_the_page() -> None:
    """Markup, quotes, control characters and direction marks are shown, never obeyed."""
    double = FirstPromoterDouble(account_id=HOSTILE)
    click = double.click(HOSTILE, HOSTILE)
    fields: dict[str, Any] = {"tid": click.tid, "ref_id": HOSTILE, "ip": HOSTILE, "uid": HOSTILE}
    headers = {"authorization": "Bearer sandbox-key", "account-id": HOSTILE.strip()}
    double.signup(headers, json.dumps(fields | {"email": HOSTILE}).encode())
    double.signup(headers, HOSTILE.encode())
    names = ("uid", "event_id", "currency", "plan", "mrr", "promo_code", "sale_event_id", "tid")
    event = {**dict.fromkeys(names, HOSTILE), "amount": 1290}
    for kind in ("sale", "refund", "cancellation", "sale"):
        double.call(kind, headers, json.dumps(event).encode())
    statuses = [attempt.status for attempt in double.attempts]
    assert statuses == [200, 400, 200, 200, 200, 409]
    client = TestClient(create_app(double), base_url=BASE_URL, client=("127.0.0.1", 50_000))

    page = client.get("/")

    assert "<script" not in page.text.lower()
    assert "<img" not in page.text.lower()
    assert "onerror='" not in page.text.lower()
    assert not {"\x00", "\x1b", "\u202e", "\r"} & set(page.text)
    assert "\\x1b[2J\\u202e\\r\\n$leads" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    state = client.get("/state.json").json()
    assert state["leads"][0]["email"] == HOSTILE
    assert state["sales"][0]["event_id"] == state["refunds"][0]["currency"] == HOSTILE
