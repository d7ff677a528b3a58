"""The script that browsers get: fetched, kept, validated; or a file of the user's."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import FpromConfigError
from fprom_middleware.script_proxy.script import (
    FRESH_SECONDS,
    RETRY_SECONDS,
    Copy,
    FetchedScript,
    FileScript,
    answer_script,
)
from fprom_middleware.script_proxy.vendor import MAX_SCRIPT, SCRIPT_URLS, Reply, Vendor
from tests.support.accounts import make_settings
from tests.support.misbehaving import answer, at_once, compose, say, serving
from tests.support.vendor import ETAG, SCRIPT, play
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.clock import Clock
    from tests.support.misbehaving import Talk


def make(base_url: str, clock: Clock) -> FetchedScript:
    """A script of the server's."""
    return FetchedScript(Vendor(make_settings(base_url=base_url), lambda: True), clock)


def load(script: FetchedScript | FileScript) -> bytes | None:
    """Do as a request does."""
    if script.is_due():
        script.load()
    return None if script.copy is None else script.copy.body


def test_a_copy_is_fetched_once_and_validated_after_a_day(clock: Clock) -> None:
    """The vendor's ETag goes back to it; 304 keeps the copy for another day."""
    with serving(play) as vendor:
        script = make(vendor.url, clock)
        assert [load(script) for _ in range(3)] == [SCRIPT] * 3
        clock.now += FRESH_SECONDS - 1
        load(script)
        assert len(vendor.requests) == 1
        clock.now += 1
        assert load(script) == SCRIPT
        clock.now += FRESH_SECONDS - 1
        load(script)

    first, second = vendor.requests
    assert first.line == second.line == "GET /fpr.js HTTP/1.1"
    assert (first.get("if-none-match"), second.get("if-none-match")) == (None, ETAG)
    assert {name.lower() for name, _ in first.headers} == {"host", "user-agent"}


def test_a_new_one_takes_the_old_one_s_place(clock: Clock) -> None:
    """One without an ETag is asked for whole."""
    script_2 = SCRIPT + b"2"
    with serving(answer(200, SCRIPT), answer(200, script_2, {"ETag": '"\u00e4"'}), play) as vendor:
        script = make(vendor.url, clock)
        assert load(script) == SCRIPT
        first = script.copy
        clock.now += FRESH_SECONDS
        assert load(script) == script_2
        clock.now += FRESH_SECONDS
        assert load(script) == SCRIPT
        assert script.copy == first
    assert [request.get("if-none-match") for request in vendor.requests] == [None] * 3


BAD = {
    "gone": answer(404, b"not found"),
    "an error": answer(503),
    "a page": answer(200, b"<html>", {"Content-Type": "text/html"}),
    "empty": answer(200, b""),
    "too long": answer(200, b"x" * (MAX_SCRIPT + 1)),
    "packed": answer(200, b"x", {"Content-Encoding": "gzip"}),
    "moved": answer(301, b"", {"Location": "/other.js"}),
    "not changed": answer(304),
    "no HTTP": say(b"hello\r\n\r\n"),
    "reset": at_once("reset"),
    "cut": say(compose(200, SCRIPT, length=len(SCRIPT) + 9)),
}


@pytest.mark.parametrize("name", BAD)
def test_without_a_copy_pages_go_without(
    name: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no script is not served; it is said once, and tried again after a minute."""
    with serving(BAD[name], play) as vendor:
        script = make(vendor.url, clock)
        assert [load(script) for _ in range(3)] == [None] * 3
        assert len(vendor.requests) == (0 if name == "reset" else 1)
        (record,) = caplog.records
        assert "could not be fetched" in record.message
        assert "pages go without it" in record.message
        clock.now += RETRY_SECONDS
        assert load(script) == SCRIPT


def test_a_script_that_stays_away_is_said_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """And once more when it has been there in between."""
    caplog.set_level(logging.WARNING)
    with serving(answer(503), answer(503), play, answer(503)) as vendor:
        script = make(vendor.url, clock)
        for _ in range(2):
            assert load(script) is None
            clock.now += RETRY_SECONDS
        assert len(caplog.records) == 1
        for _ in range(3):
            assert load(script) == SCRIPT
            clock.now += FRESH_SECONDS
        assert len(caplog.records) == 2


@pytest.mark.parametrize("name", [name for name in BAD if name != "not changed"])
def test_a_stale_copy_is_served_on(
    name: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the vendor cannot be had, for as long as that takes."""
    with serving(play, BAD[name]) as vendor:
        script = make(vendor.url, clock)
        for _ in range(3):
            assert load(script) == SCRIPT
            clock.now += FRESH_SECONDS
    assert "the copy in memory is served on" in caplog.text


def test_one_thread_fetches_and_the_others_serve_what_there_is(clock: Clock) -> None:
    """Without a copy they wait for it; with one they do not."""
    go, asked = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        asked.set()
        go.wait(PATIENCE)
        play(talk)

    with serving(slow, slow) as vendor:
        script = make(vendor.url, clock)
        found: list[bytes | None] = []
        threads = [threading.Thread(target=lambda: found.append(load(script))) for _ in range(4)]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert found == [SCRIPT] * 4
        assert len(vendor.requests) == 1

        go.clear()
        asked.clear()
        clock.now += FRESH_SECONDS
        fetching = threading.Thread(target=script.load)
        fetching.start()
        assert asked.wait(PATIENCE)
        assert load(script) == SCRIPT
        go.set()
        fetching.join(PATIENCE)
    assert len(vendor.requests) == 2


class Fixed(Vendor):
    """The live addresses, answered from a table."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        super().__init__(make_settings(), lambda: True)
        self.replies = replies
        self.asked: list[str] = []

    def get(self, url: str, headers: Iterable[tuple[str, str]]) -> Reply:
        """Answer from the table."""
        self.asked.append(url)
        return self.replies[url]


def test_the_live_script_may_be_had_at_two_addresses(clock: Clock) -> None:
    """The second one is asked where the first has no script."""
    first, second = SCRIPT_URLS
    vendor = Fixed({first: Reply(403), second: Reply(200, body=SCRIPT)})
    assert load(FetchedScript(vendor, clock)) == SCRIPT
    assert vendor.asked == [first, second]

    vendor = Fixed({first: Reply(200, body=SCRIPT)})
    assert load(FetchedScript(vendor, clock)) == SCRIPT
    assert vendor.asked == [first]


def test_a_script_that_cannot_be_told_its_addresses_is_said(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is served all the same: it may know them by another name."""
    vendor = Fixed(dict.fromkeys(SCRIPT_URLS, Reply(200, body=b"var x;")))
    with caplog.at_level(logging.WARNING):
        assert load(FetchedScript(vendor, clock)) == b"var x;"
    assert "does not read proxy_fpr_tr_url" in caplog.text


def test_tests_send_nothing(clock: Clock) -> None:
    """Where a test's stand-in takes the events the live addresses are not called."""
    vendor = Vendor(make_settings(), lambda: False)
    assert vendor.get(SCRIPT_URLS[0], ()) == Reply(0, error="tests send nothing")
    assert load(FetchedScript(vendor, clock)) is None


# --- A file of the user's -----------------------------------------------------------------


def test_a_file_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    """A file that is gone, or has become empty, is served on as it was."""
    path = tmp_path / "fpr-prox.js"
    path.write_bytes(SCRIPT)
    script = FileScript(str(path))
    assert not script.is_due()
    assert load(script) == SCRIPT

    path.write_bytes(b"changed")
    assert load(script) == b"changed"
    path.write_bytes(b"")
    assert load(script) == b"changed"
    assert not script.is_due()
    path.unlink()
    assert not script.is_due()
    script.load()
    assert load(script) == b"changed"


def test_a_relative_path_is_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app may change its folder later."""
    monkeypatch.chdir(tmp_path)
    Path("a.js").write_bytes(SCRIPT)
    script = FileScript("a.js")
    monkeypatch.chdir(os.sep)
    (tmp_path / "a.js").write_bytes(b"changed")
    assert load(script) == b"changed"


@pytest.mark.parametrize("body", [b"", b"x" * (MAX_SCRIPT + 1)])
def test_a_file_that_is_no_script_is_refused_at_start(tmp_path: Path, body: bytes) -> None:
    """The key is named."""
    path = tmp_path / "a.js"
    path.write_bytes(body)
    with pytest.raises(FpromConfigError, match="FPROM_SCRIPT_FILE"):
        FileScript(str(path))


# --- What browsers get --------------------------------------------------------------------


def test_what_browsers_get() -> None:
    """A type of ours, an ETag, an hour in caches; where visitors are asked, no cache's answer."""
    copy = Copy.of(SCRIPT)
    answer = answer_script(copy, "", asks_consent=False)
    assert (answer.status, answer.body) == (200, SCRIPT)
    assert dict(answer.headers) == {
        "Content-Type": "text/javascript; charset=utf-8",
        "ETag": copy.etag,
        "Cache-Control": "public, max-age=3600",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(SCRIPT)),
    }
    asked = dict(answer_script(copy, "", asks_consent=True).headers)
    assert asked["Cache-Control"] == "private, no-cache"
    assert answer_script(copy, f"W/{copy.etag}", asks_consent=False).status == 304
    assert answer_script(None, "", asks_consent=False).status == 204
    assert Copy.of(b"another").etag != copy.etag
