"""Trouble on purpose: what can be asked for, and which calls it hits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.sandbox import Kind
from fprom_middleware.sandbox.contract.openapi import TROUBLE
from fprom_middleware.sandbox.contract.schemas import MESSAGE
from fprom_middleware.sandbox.fields import BadCallError
from fprom_middleware.sandbox.records import Ending
from fprom_middleware.sandbox.trouble import Special, Trouble, TroubleSwitch, read_trouble
from tests.sandbox.calling import NOW, call, make_double, signup
from tests.support.tracking_schema import ANSWERS, problems

START = NOW.timestamp()
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([*Special, 200, 404, 500, "503"]),
)


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        ({"answer": 200}, None),
        ({"answer": "200"}, None),
        ({"answer": 500}, Trouble("500")),
        ({"answer": "599", "next": 3}, Trouble("599", next=3)),
        ({"answer": "404", "next": "3", "percent": ""}, Trouble("404", next=3)),
        ({"answer": "slow"}, Trouble("slow", delay=3.0)),
        ({"answer": "slow", "delay": 0.5}, Trouble("slow", delay=0.5)),
        ({"answer": "cut", "percent": 20}, Trouble("cut", percent=20)),
        ({"answer": 429, "retry_after": 0}, Trouble("429", retry_after=0)),
        ({"answer": "rate-limit", "per_minute": "10"}, Trouble("rate-limit", per_minute=10)),
    ],
)
def test_what_can_be_asked_for(fields: dict[str, Any], trouble: Trouble | None) -> None:
    """A status or a word, for some calls or a share of them; forms send figures as text."""
    assert read_trouble(fields) == trouble


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"answer": ""},
        {"answer": None},
        {"answer": 201},
        {"answer": 399},
        {"answer": 600},
        {"answer": "4040"},
        {"answer": "٤٠٤"},
        {"answer": "SLOW"},
        {"answer": 500, "next": 0},
        {"answer": 500, "next": 1.5},
        {"answer": 500, "next": True},
        {"answer": 500, "next": "9" * 5_000},
        {"answer": 500, "percent": 101},
        {"answer": 500, "percent": -1},
        {"answer": 500, "delay": -1},
        {"answer": 500, "delay": 121},
        {"answer": 500, "delay": "nan"},
        {"answer": 500, "delay": True},
        {"answer": 500, "delay": [1]},
        {"answer": 500, "for": 3},
    ],
)
def test_what_cannot_be_asked_for(fields: dict[str, Any]) -> None:
    """A mistake is told, not guessed at."""
    with pytest.raises(BadCallError):
        read_trouble(fields)


@given(st.dictionaries(st.sampled_from([*Trouble.__dataclass_fields__, "x"]), VALUES))
def test_the_reader_takes_anything(fields: dict[str, Any]) -> None:
    """Whatever JSON holds is a trouble of the schema, or refused."""
    try:
        trouble = read_trouble(fields)
    except BadCallError:
        return
    if trouble is not None:
        shown = {name: getattr(trouble, name) for name in Trouble.__dataclass_fields__}
        assert problems(TROUBLE, shown) == []
        assert trouble.words


def test_the_next_calls_are_counted() -> None:
    """After the last of them everything is as usual, by itself."""
    switch = TroubleSwitch()
    switch.set(Trouble("500", next=2))

    hit = [switch.choose(START) for _ in range(4)]

    assert [fault.status if fault else None for fault in hit] == [500, 500, None, None]
    assert switch.current is None


def test_a_share_is_spread_evenly() -> None:
    """Of 20 percent every fifth call is hit, so that a test can rely on it."""
    switch = TroubleSwitch()
    switch.set(Trouble("503", percent=20))

    hit = [switch.choose(START) is not None for _ in range(15)]

    assert hit == ([False] * 4 + [True]) * 3


def test_the_rate_limit_is_the_real_one() -> None:
    """400 calls in a minute pass, the next is 429, and a minute later there is room again."""
    now = [START]
    double = make_double(ref_ids=["anna"], clock=lambda: now[0])
    double.trouble = Trouble("rate-limit")

    statuses = [signup(double, uid=f"{n}", ref_id="anna").status for n in range(402)]
    assert statuses == [200] * 400 + [429] * 2
    now[0] += 60
    assert signup(double, uid="400", ref_id="anna").status == 200
    assert [lead.uid for lead in double.leads][-1] == "400"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_answers_on_purpose_are_as_the_schema_says(kind: Kind, status: int) -> None:
    """What the document has for a call and a status is answered so, and nothing is taken."""
    double = make_double(ref_ids=["anna"])
    double.trouble = Trouble(str(status), retry_after=7)
    fields: dict[str, Any] = {"uid": "1", "ref_id": "anna", "event_id": "1", "amount": 1}

    answer = call(double, kind, **fields)

    schema = ANSWERS.get((f"/{kind}", status), MESSAGE)
    assert answer.status == status
    assert problems(schema, answer.json()) == []
    assert answer.headers["retry-after"] == "7"
    assert (double.leads, double.sales) == ((), ())
    assert double.attempts[0].note == f"answered {status} as asked"


@pytest.mark.parametrize(
    ("special", "ending", "taken", "status"),
    [
        ("slow", Ending.WHOLE, True, 200),
        ("cut", Ending.CUT, True, 200),
        ("reset", Ending.RESET, False, 0),
        ("nothing", Ending.NOTHING, False, 0),
    ],
)
def test_what_is_lost_on_the_way_back_was_taken(
    special: str, ending: Ending, taken: bool, status: int
) -> None:
    """A cut answer leaves a lead behind: the next try is a repeat, as with the real service."""
    double = make_double(ref_ids=["anna"])
    double.trouble = Trouble(special, next=1)

    answer = signup(double, uid="1", ref_id="anna")

    assert (answer.status, answer.ending) == (status, ending)
    assert bool(double.leads) is taken
    assert signup(double, uid="1", ref_id="anna").status == (422 if taken else 200)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble("500"), "500 to every call"),
        (Trouble("500", next=1), "500 to the next call"),
        (Trouble("404", next=3, percent=50), "404 to 50 % of the next 3 calls"),
        (Trouble("slow", percent=20, delay=3), "slow to 20 % of the calls, after 3 s"),
        (Trouble("rate-limit"), "429 beyond 400 calls a minute"),
    ],
)
def test_trouble_in_words(trouble: Trouble, words: str) -> None:
    """The page says what is going on."""
    assert trouble.words == words
