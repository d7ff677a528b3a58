"""The page: one list of what arrived, and what strangers cannot do to it."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from fprom_middleware import FpromSettings
from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.app import create_app
from fprom_middleware.sandbox.page.document import ROWS
from fprom_middleware.sandbox.page.query import Query, read_query
from fprom_middleware.sandbox.page.rows import write_curl
from fprom_middleware.sandbox.page.setup import SNIPPET, write_settings, write_snippet
from fprom_middleware.snippet import fprom_script
from tests.sandbox.calling import HEADERS, NOW, call, make_customer, make_double, signup
from tests.sandbox.page.reading import (
    BASE_URL,
    PLACE,
    read_body,
    read_page,
    read_part,
    read_rows,
    read_text,
)


def test_a_story_is_one_list() -> None:
    """Sign-up, sale, refund and cancellation stand in one list, the newest first."""
    double = make_double()
    tid = double.click("anna").tid
    signup(double, email="kim@example.com", uid="u-7", tid=tid, ip="93.184.216.34")
    call(double, "sale", uid="u-7", event_id="in_1", amount=4900, currency="EUR")
    call(double, "refund", uid="u-7", event_id="re_1", amount="1000", currency="JPY")
    call(double, "cancellation", uid="u-7")

    rows = read_rows(read_page(double, now=NOW + timedelta(seconds=12)))

    assert [row["who"] for row in rows] == [
        "kim@example.com cancellation",
        "kim@example.com refund 1000 JPY",
        "kim@example.com sale 49.00 EUR",
        "kim@example.com sign-up",
    ]
    assert {row["promoter"] for row in rows} == {"anna"}
    assert {row["when"] for row in rows} == {"12 s ago"}
    assert rows[-1]["address"] == "93.184.216.34"
    assert {row["outcome"] for row in rows} == {"✓ 200 delivered"}


def test_tries_of_one_event_stand_together() -> None:
    """The same bytes again are the same event; what came before the last answer is counted."""
    double = make_double()
    fields = {"email": "kim@example.com", "tid": "11111111-2222-4333-8444-555555555555"}
    for _ in range(3):
        signup(double, **fields)
    signup(double, **fields | {"email": "lou@example.com"})

    rows = read_rows(read_page(double))

    assert [(row["who"], row["outcome"]) for row in rows] == [
        ("lou@example.com sign-up", "↻ 404 unknown visitor, comes again"),
        ("kim@example.com sign-up", "↻ 404 \N{MULTIPLICATION SIGN} 3 unknown visitor, comes again"),
    ]
    for _ in range(2):
        signup(double, **fields)
    first = read_rows(read_page(double))[0]
    assert (first["who"], first["outcome"]) == (
        "kim@example.com sign-up",
        "✗ 404 \N{MULTIPLICATION SIGN} 5 unknown visitor",
    )


def test_an_answer_after_others_says_so() -> None:
    """A lead that got through at last shows what it took."""
    double = make_double(ref_ids=["anna"])
    signup(double, uid="1", ref_id="bea")
    double.click("bea")
    signup(double, uid="1", ref_id="bea")

    (row,) = read_rows(read_page(double))

    assert row["who"] == "uid 1 sign-up"
    assert row["outcome"] == "✓ 200 delivered after 404"


def test_a_row_opens_to_click_request_and_answer() -> None:
    """Every field with its judgement, the raw texts, and the call as curl."""
    double = make_double()
    tid = double.click("anna", "127.0.0.1").tid
    signup(double, email="kim@example.com", tid=tid, ip="93.184.216.34")

    text = read_body(read_page(double))

    assert "now on the link of anna from 127.0.0.1 (loopback, not sent by default)" in text
    assert f"…{tid[-4:]} {tid}" in text
    assert "ip 93.184.216.34 ✓ public" in text
    assert "tid" in text
    assert "known: a click on anna's link" in text
    assert '{"email": "kim@example.com"' in text
    assert "now : 200 accepted" in text
    assert '"etype":"signup"' in text
    assert f"curl -i {BASE_URL}/api/v2/track/signup" in text


def test_an_address_that_should_not_have_come_says_so() -> None:
    """FPROM_SEND_IP=any sends the developer's own; the row says what is wrong with it."""
    double = make_double(ref_ids=["anna"])
    signup(double, uid="1", ref_id="anna", ip="127.0.0.1")
    signup(double, uid="2", ref_id="anna")

    rows = read_rows(read_page(double))

    assert [row["address"] for row in rows] == [
        "no address sent",
        "127.0.0.1 (loopback, not sent by default)",
    ]


def test_curl_makes_the_same_call() -> None:
    """The command has the address, the headers and the body, whatever quotes are in it."""
    double = make_double(ref_ids=["anna"])
    signup(double, email="o'neil@example.com", ref_id="anna")

    words = shlex.split(write_curl(double.attempts[0], double, PLACE.api_url).replace("\\\n", ""))

    assert words[:3] == ["curl", "-i", f"{BASE_URL}/api/v2/track/signup"]
    assert words[4::2][:3] == [
        "Authorization: Bearer sandbox-key",
        "Account-ID: sandbox-account",
        "Content-Type: application/json",
    ]
    assert json.loads(words[-1]) == {"email": "o'neil@example.com", "ref_id": "anna"}


def test_what_cannot_be_read_is_listed_too() -> None:
    """A body that is no object names no customer, and its row says what it is."""
    double = make_double()
    double.signup(HEADERS, b"[" * 3_000)

    page = read_page(double)

    assert read_rows(page)[0]["who"] == "not readable sign-up"
    assert "The body is no JSON object." in read_body(page)


def test_another_account_is_noticed() -> None:
    """Two projects on one port: the page says whose calls came, and to whom."""
    double = make_double()
    for _ in range(2):
        double.signup(HEADERS | {"Account-ID": "another"}, b'{"email": "kim@example.com"}')

    page = read_page(double)

    notice = read_part(page, "notices")
    assert notice.startswith("⚠ 2 calls came for the account another , not sandbox-account")
    assert "It names the account another , not sandbox-account ." in read_body(page)
    assert read_rows(page)[0]["outcome"] == "✗ 401 \N{MULTIPLICATION SIGN} 2 wrong key or account"


def test_an_empty_page_says_what_to_do() -> None:
    """Settings by five ways, the script, referral links, and a way to try."""
    page = read_page(make_double())

    text = read_text(page)
    assert read_part(page, "steps").startswith("Nothing has arrived yet for sandbox-account.")
    assert '<details id="setup" open>' in page
    assert f"FPROM_BASE_URL={BASE_URL}/api/v2/track FPROM_API_KEY=sandbox-key" in text
    assert f'FPROM_BASE_URL="{BASE_URL}/api/v2/track", ' in text
    assert 'FPROM_ACCOUNT_ID = "sandbox-account"' in text
    assert "export FPROM_ACCOUNT_ID=sandbox-account" in text
    assert f'"FPROM_BASE_URL": "{BASE_URL}/api/v2/track", ' in text
    assert "The package reads the environment, and no file" in text
    assert '<a href="http://localhost:5000/?fpr=anna"' in page
    assert 'action="/journey"' in page


def test_the_steps_have_the_numbers_of_what_is_below() -> None:
    """Each step in the sentence stands below under the same number."""
    page = read_page(make_double())

    heads = re.findall(r"<h3>(\d)\. [^<]*?(\w+)(?: of your app| on your pages)?</h3>", page)
    assert heads == [("1", "settings"), ("2", "script"), ("3", "link")]
    steps = re.findall(r"(\d)\. ([^.,]*)", read_part(page, "steps"))
    assert [number for number, _ in steps] == [number for number, _ in heads]
    assert all(word in text for (_, word), (_, text) in zip(heads, steps, strict=True))


def test_the_script_is_the_package_s_own() -> None:
    """Letter for letter what fprom_script() writes, and what README shows."""
    account = 'a"quoted"</script>'
    settings = FpromSettings(
        api_key="k", account_id=account, base_url=f"{BASE_URL}/api/v2/track", delivery="memory"
    )
    snippet = write_snippet(FirstPromoterDouble(account_id=account), BASE_URL)

    assert snippet.replace("\n", "") == str(fprom_script(settings))
    readme = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
    assert SNIPPET % ('"YOUR-ACCOUNT-ID"', "https://cdn.firstpromoter.com") in readme


def test_the_shell_s_lines_are_quoted() -> None:
    """Whatever an account is called."""
    lines = write_settings({"FPROM_ACCOUNT_ID": "it's mine"})["shell"]
    assert shlex.split(lines) == ["export", "FPROM_ACCOUNT_ID=it's mine"]


def test_an_address_breaks_after_its_at_sign() -> None:
    """Nowhere else is a break offered."""
    double = make_double(ref_ids=["anna"])
    signup(double, email="kim@example.com", ref_id="anna")
    assert '<span class="email">kim@<wbr>example.com</span>' in read_page(double)


def test_the_steps_fold_away() -> None:
    """Once something has arrived the list comes first; the settings are one click away."""
    double = make_double()
    double.click("anna")
    assert "✓ a visit has arrived" in read_part(read_page(double), "steps")

    make_customer(double)
    page = read_page(double)
    assert read_part(page, "steps") == ""
    assert '<details id="setup">' in page


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

    text = read_part(read_page(double), "promoters").removeprefix(
        "promoter leads sales refunds net sales commission "
    )

    assert text == (
        "bea 1 1 0 9.09 EUR 2.73 EUR anna 2 2 1 7.05 EUR 2.12 EUR cleo 1 1 1 -1.00 EUR -0.30 EUR"
    )


def test_the_list_can_be_searched() -> None:
    """By any word of the call, its promoter or its reason; by kind; by outcome."""
    double = make_double()
    make_customer(double, email="Kim@example.com", uid="u-7")
    call(double, "sale", uid="u-7", event_id="in_1", amount=100)
    signup(double, email="lou@example.com", tid="unknown")
    call(double, "cancellation", uid="u-9")

    def find(**parameters: str) -> list[str]:
        return [row["who"] for row in read_rows(read_page(double, read_query(parameters)))]

    signup_of_kim, sale = "Kim@example.com sign-up", "Kim@example.com sale 1.00 USD"
    assert find(q="KIM") == [sale, signup_of_kim]
    assert find(q=" anna ") == [sale, signup_of_kim]
    assert find(q="in_1") == [sale]
    assert find(q="no click here") == ["lou@example.com sign-up"]
    assert find(kind="signup") == ["lou@example.com sign-up", signup_of_kim]
    assert find(outcome="again") == ["lou@example.com sign-up"]
    assert find(outcome="neutral") == ["uid u-9 cancellation"]
    assert find(kind="signup", outcome="delivered", q="kim") == [signup_of_kim]
    assert find(q="nothing of the kind") == []
    assert ">No event matches; clear the search.<" in read_page(
        double, Query("nothing of the kind")
    )
    assert len(find(kind="no kind", outcome="no look")) == 4


def test_a_query_is_kept_in_the_form() -> None:
    """Without a script the form is sent, and shows what it asked for."""
    page = read_page(make_double(), Query('"kim', "sale", "act"))

    assert 'value="&quot;kim"' in page
    assert '<option value="sale" selected>' in page
    assert '<option value="act" selected>' in page


def test_the_page_stays_short() -> None:
    """Of thousands of calls the newest are written; of many visits too."""
    double = make_double(ref_ids=["anna"])
    for number in range(ROWS + 50):
        double.click(f"ref-{number}")
        signup(double, uid=f"{number}", ref_id="anna")

    page = read_page(double)

    rows = read_rows(page)
    assert len(rows) == ROWS
    assert rows[0]["who"] == f"uid {ROWS + 49} sign-up"
    assert len(re.findall(r"<b>ref-\d+</b>", page)) == 20
    assert read_part(page, "shown") == "200 of"
    assert read_part(page, "count") == "250 events · 250 visits"


def test_what_is_counted_are_events() -> None:
    """Their calls, where they are more; of a search, how many are shown."""
    double = make_double(ref_ids=["anna"])
    for email in ("kim@example.com", "kim@example.com", "lou@example.com"):
        signup(double, email=email, ref_id="anna")

    assert "<span></span>" in re.sub(r' id="shown"', "", read_page(double))
    assert read_part(read_page(double), "count") == "2 events · 3 calls · 0 visits"
    assert read_part(read_page(double, Query("lou")), "shown") == "1 of"


HOSTILE = "</td><script>alert(1)</script><img src=x onerror='x'>\"&\x00\x1b[2J\u202e\r\n$rows"


def test_a_hostile_value_is_only_text_on_the_page() -> None:
    """Markup, quotes, control characters and direction marks are shown, never obeyed."""
    double = FirstPromoterDouble(account_id=HOSTILE)
    click = double.click(HOSTILE, HOSTILE)
    fields: dict[str, Any] = {"tid": click.tid, "ref_id": HOSTILE, "ip": HOSTILE, "uid": HOSTILE}
    headers = {"authorization": "Bearer sandbox-key", "account-id": HOSTILE.strip()}
    double.signup(headers, json.dumps(fields | {"email": HOSTILE, HOSTILE: HOSTILE}).encode())
    double.signup(headers, HOSTILE.encode())
    names = ("uid", "event_id", "currency", "plan", "mrr", "promo_code", "sale_event_id", "tid")
    event = {**dict.fromkeys(names, HOSTILE), "amount": 1290}
    for kind in ("sale", "refund", "cancellation", "sale"):
        double.call(kind, headers, json.dumps(event).encode())
    double.signup(headers | {"account-id": HOSTILE + "x"}, b"{}")
    statuses = [attempt.status for attempt in double.attempts]
    assert statuses == [200, 400, 200, 200, 200, 409, 401]
    client = TestClient(create_app(double), base_url=BASE_URL, client=("127.0.0.1", 50_000))

    page = client.get("/", params={"q": HOSTILE[:30]})
    whole = client.get("/")

    for text in (page.text, whole.text):
        assert text.lower().count("<script") == 1
        assert "<img" not in text.lower()
        assert "onerror='" not in text.lower()
        assert not {"\x00", "\x1b", "\u202e", "\r"} & set(text)
    assert "\\x1b[2J\\u202e\\r\\n$rows" in whole.text
    state = client.get("/state.json").json()
    assert state["leads"][0]["email"] == HOSTILE
    assert state["sales"][0]["event_id"] == state["refunds"][0]["currency"] == HOSTILE
