"""Thousands of requests of any kind: no failure, no markup, nothing shared.

``FPROM_FUZZ`` says how many; ten thousand take a minute.
"""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from fprom_middleware.sandbox import FirstPromoterDouble, Kind
from fprom_middleware.sandbox.app import create_app
from fprom_middleware.sandbox.contract.schemas import MESSAGE
from tests.sandbox.calling import HEADERS
from tests.support.tracking_schema import ANSWERS, REQUESTS, problems

REQUEST_COUNT = int(os.environ.get("FPROM_FUZZ", "2000"))
SCRIPT = "<script>alert('x')</script>"
TEXTS = (
    SCRIPT,
    f'"{SCRIPT}',
    "'><img src=x onerror=alert(1)>",
    "\u202e\x00\x1b[2J\r\n",
    "\ud800",
    "kim@example.com",
    "anna",
    "u" * 3_000,
    "$rows ${rows}",
    "127.0.0.1",
    "2026-11-02T09:30:00Z",
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00-23:59",
    "",
)
VALUES: tuple[Any, ...] = (
    *TEXTS,
    None,
    True,
    0,
    1,
    -1,
    2**63,
    10**400,
    1.5,
    float("nan"),
    [],
    {},
    [[SCRIPT]],
)
SWITCHES: tuple[dict[str, Any], ...] = (
    {"answer": 500, "next": 1},
    {"answer": 404, "percent": 50, "next": 3},
    {"answer": "rate-limit"},
    {"answer": SCRIPT},
    {"answer": 200},
)
PEER = ("127.0.0.1", 50_000)


def deep(depth: int) -> str:
    """Return JSON that is nested so deep that a reader may give up."""
    return '{"email":' + "[" * depth + "]" * depth + "}"


class Fuzzer:
    """Makes requests by a seed, so that a failure can be seen again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret is made here
        self.double = FirstPromoterDouble(limit=300, ref_ids=["anna", SCRIPT])
        self.client = TestClient(
            create_app(self.double), base_url="http://127.0.0.1:8750", client=PEER
        )

    def body(self, kind: Kind) -> bytes:
        """Make a body: a call with anything in its fields, or something else."""
        pick = self.random.random()
        if pick < 0.05:
            return self.random.randbytes(self.random.randrange(60))
        if pick < 0.08:
            return deep(self.random.choice([10, 900, 1_100, 5_000])).encode()
        if pick < 0.2:
            valid = {"uid": self.tag(), "ref_id": SCRIPT, "amount": 700, "event_id": self.tag()}
            return json.dumps(valid).encode()
        names = [*REQUESTS[f"/{kind}"]["properties"], SCRIPT]
        fields = {name: self.value() for name in names if self.random.random() < 0.7}
        clicks = self.double.clicks
        if clicks and self.random.random() < 0.5:
            fields["tid"] = self.random.choice(clicks).tid
        if self.random.random() < 0.5:
            fields |= {"amount": self.random.randrange(1, 10**6), "event_id": SCRIPT + self.tag()}
            fields |= {"uid": self.tag(), "ip": SCRIPT, "email": SCRIPT + self.tag()}
        return json.dumps(fields).encode()

    def value(self) -> Any:
        """Make a field's value."""
        return self.random.choice(VALUES)

    def tag(self) -> str:
        """Make one of a few ids, so that repeats happen."""
        return str(self.random.randrange(200))

    def step(self) -> int:
        """Make one request; return its status."""
        pick = self.random.random()
        if pick < 0.85:
            return self.call()
        if pick < 0.95:
            click = {"cid": "sandbox-account", "ref": self.value()}
            return self.client.post("/click", content=json.dumps(click)).status_code
        if pick < 0.97:
            switch = json.dumps(self.random.choice(SWITCHES))
            return self.client.put("/trouble", content=switch).status_code
        if pick < 0.99:
            query = {
                "q": self.random.choice(TEXTS[:4] + TEXTS[5:]),
                "kind": SCRIPT,
                "outcome": "act",
            }
            return self.look(query)
        return self.client.post(self.random.choice(["/reset", "/undo"])).status_code

    def call(self) -> int:
        """Make a call of the API, and hold its answer to the schema."""
        kind = self.random.choice(list(Kind))
        headers = dict(HEADERS)
        if self.random.random() < 0.1:
            headers["Account-ID"] = self.random.choice([SCRIPT, "", "other", "a" * 5_000])
        asked = self.double.trouble
        answer = self.client.post(f"/api/v2/track/{kind}", content=self.body(kind), headers=headers)
        schema = ANSWERS.get((f"/{kind}", answer.status_code), MESSAGE)
        assert problems(schema, answer.json() if answer.content else None) == []
        return (
            200 if asked is not None and answer.status_code == asked.status else answer.status_code
        )

    def look(self, query: dict[str, str]) -> int:
        """Open the page, and find nothing in it that a browser would obey."""
        for answer in (self.client.get("/"), self.client.get("/", params=query)):
            assert answer.status_code == 200
            text = answer.text
            assert len(re.findall("<script", text, re.IGNORECASE)) == 1
            assert "<img" not in text
            assert not {"\x00", "\x1b", "\u202e", "\r"} & set(text)
        return 200


@pytest.mark.slow
def test_no_request_makes_the_sandbox_fail() -> None:
    """No answer of 500 that was not asked for, no unescaped output, each answer of the schema."""
    fuzzer = Fuzzer(8)

    statuses = [fuzzer.step() for _ in range(REQUEST_COUNT)]

    assert {status for status in statuses if status >= 500} == set()
    assert {200, 400, 401, 404, 409, 422} <= set(statuses)
    assert fuzzer.client.get("/state.json").status_code == 200


def test_instances_share_nothing() -> None:
    """What one is told, another does not know: books, trouble, accounts, clearing."""
    one, other = Fuzzer(1), Fuzzer(1)
    before = other.client.get("/state.json").content
    for _ in range(200):
        one.step()
    one.client.put("/trouble", json={"answer": 503})
    one.double.note_account("foreign")

    assert other.client.get("/state.json").content == before
    assert other.double.trouble is None
    assert other.double.accounts == {}
    assert other.double.books != one.double.books
