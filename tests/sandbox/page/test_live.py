"""What an open page is told, over a real socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.page.live import PACE, Closing, Stream
from fprom_middleware.sandbox.page.query import Query
from fprom_middleware.sandbox.trouble import Trouble
from tests.sandbox.calling import HEADERS, call, signup
from tests.sandbox.page.reading import PLACE
from tests.sandbox.serving import serving
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


class Page:
    """An open page's stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.headers = answer.headers
        self.id = ""
        self._lines = answer.iter_lines()

    def read(self) -> dict[str, Any]:
        """Wait for the next message."""
        for line in self._lines:
            if line.startswith("id: "):
                self.id = line.removeprefix("id: ")
            if line.startswith("data: {"):
                message: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return message
        pytest.fail("the stream has ended")

    def read_until(self, part: str, text: str) -> str:
        """Wait until a part of the page holds a text."""
        while True:
            html: str = self.read()["parts"].get(part, "")
            if text in html:
                return html

    def read_rows(self, count: int) -> list[str]:
        """Wait for so many rows; return the events' ids, the newest last."""
        ids: list[str] = []
        while len(ids) < count:
            ids += [name for name, _ in reversed(self.read()["rows"])]
        return ids


@contextmanager
def watching(url: str, seen: str = "", header: str = "", **query: str) -> Iterator[Page]:
    """Open a page's stream."""
    headers = {"last-event-id": header} if header else {}
    with httpx.stream(
        "GET",
        f"{url}/events",
        params=query | {"seen": seen},
        headers=headers,
        trust_env=False,
        timeout=PATIENCE,
    ) as answer:
        yield Page(answer)


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a double that knows a promoter."""
    return FirstPromoterDouble(ref_ids=["anna"])


def test_what_arrives_is_pushed(double: FirstPromoterDouble) -> None:
    """The first message is the list as it is, the next ones what is new."""
    signup(double, uid="1", ref_id="anna")
    with serving(double) as url, watching(url) as page:
        assert page.headers["content-type"].startswith("text/event-stream")
        first = page.read()
        assert (first["whole"], [name for name, _ in first["rows"]]) == (True, ["call-1"])
        assert first["title"] == "1 leads, 0 sales · FirstPromoter sandbox"

        call(double, "sale", uid="1", event_id="in_1", amount=700)
        second = page.read()

    assert second["whole"] is False
    ((name, row),) = second["rows"]
    assert name == "call-2"
    assert "sale 7.00 USD" in row
    assert "1.40 USD" in second["parts"]["promoters"]
    assert "setup" not in second["parts"]


def test_a_quiet_page_is_told_at_once(
    double: FirstPromoterDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two messages it rests; what comes after the rest waits for nothing."""
    rests: list[float] = []
    now = 100.0

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    async def listen() -> None:
        nonlocal now
        messages = Stream(double, lambda: PLACE, Query(), "", Closing()).messages()
        assert "retry" in await anext(messages)
        assert "data" in await anext(messages)
        now += 1.0
        signup(double, uid="1", ref_id="anna")
        assert "call-1" in await anext(messages)
        assert rests == []
        signup(double, uid="2", ref_id="anna")
        assert "call-2" in await anext(messages)

    monkeypatch.setattr("fprom_middleware.sandbox.page.live.time.perf_counter", lambda: now)
    monkeypatch.setattr("fprom_middleware.sandbox.page.live.asyncio.sleep", rest)
    asyncio.run(listen())

    assert rests == [pytest.approx(PACE)]


def test_a_repeat_takes_its_rows_place(double: FirstPromoterDouble) -> None:
    """The same event again comes under the name of the row that it replaces."""
    with serving(double) as url, watching(url) as page:
        page.read()
        signup(double, uid="1", ref_id="bea")
        ((first, _),) = page.read()["rows"]
        signup(double, uid="1", ref_id="bea")
        ((second, row),) = page.read()["rows"]

    assert first == second == "call-1"
    assert "404 &times; 2" in row


def test_a_page_that_knows_all_is_told_nothing_twice(double: FirstPromoterDouble) -> None:
    """After a break the browser says what it has seen, and gets what it missed."""
    signup(double, uid="1", ref_id="anna")
    with serving(double) as url:
        with watching(url) as page:
            page.read()
            seen = page.id
        signup(double, uid="2", ref_id="anna")
        with watching(url, header=seen) as page:
            message = page.read()

    assert message["whole"] is False
    assert [name for name, _ in message["rows"]] == ["call-2"]


@pytest.mark.parametrize("seen", ["", "another:7", "\u00e9:x", ":", "a:b:c"])
def test_a_page_of_another_sandbox_gets_the_whole(double: FirstPromoterDouble, seen: str) -> None:
    """After a restart the numbers mean nothing any more."""
    signup(double, uid="1", ref_id="anna")
    with serving(double) as url, watching(url, seen) as page:
        message = page.read()

    assert (message["whole"], len(message["rows"])) == (True, 1)


def test_a_clearing_and_its_undoing_are_pushed(double: FirstPromoterDouble) -> None:
    """The list is replaced as a whole."""
    signup(double, uid="1", ref_id="anna")
    with serving(double) as url, watching(url) as page:
        page.read()
        double.reset()
        cleared = page.read()
        double.undo_reset()
        undone = page.read()

    assert (cleared["whole"], cleared["rows"]) == (True, [])
    assert "Undo, bring back 1" in cleared["parts"]["clear"]
    assert (undone["whole"], len(undone["rows"])) == (True, 1)


def test_trouble_is_pushed(double: FirstPromoterDouble) -> None:
    """A page shows what another page, or a test, has switched."""
    with serving(double) as url, watching(url) as page:
        page.read()
        double.trouble = Trouble("500", next=2)
        assert "Now: 500 to the next 2 calls" in page.read_until("now", "Now")
        double.signup(HEADERS, b"{}")
        page.read_until("now", "the next call")


def test_a_search_goes_on_live(double: FirstPromoterDouble) -> None:
    """What arrives and is not asked for is not pushed."""
    with serving(double) as url, watching(url, q="kim") as page:
        page.read()
        signup(double, email="lou@example.com", ref_id="anna")
        signup(double, email="kim@example.com", ref_id="anna")
        assert page.read_rows(1) == ["call-2"]


def test_the_end_is_said(double: FirstPromoterDouble, capfd: pytest.CaptureFixture[str]) -> None:
    """A page that is open does not hold up the end, and knows of it."""
    with serving(double) as url:
        answer = httpx.Client(trust_env=False, timeout=PATIENCE)
        request = answer.build_request("GET", f"{url}/events")
        stream = answer.send(request, stream=True)
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("data: "))
    rest = list(lines)
    answer.close()

    assert "event: bye" in rest
    assert capfd.readouterr().err == ""
