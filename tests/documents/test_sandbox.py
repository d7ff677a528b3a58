"""docs/sandbox.md: its tables are those of the program."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from fprom_middleware.sandbox import FirstPromoterDouble, Kind
from fprom_middleware.sandbox.command import PORT, sandbox
from fprom_middleware.sandbox.page.outcomes import MARKS, judge_outcome
from fprom_middleware.sandbox.trouble import Trouble
from tests.sandbox.serving import serving
from tests.support.services import missing
from tests.support.waiting import PATIENCE

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "sandbox.md").read_text(encoding="utf-8")


def read_names(head: str) -> list[str]:
    """Return the names in the first column of a table."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    return re.findall(r"`([\w-]+)", " ".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)))


def test_each_option_is_described() -> None:
    """The command's options, no more and no fewer."""
    options = [option for parameter in sandbox.params for option in parameter.opts]
    assert sorted(read_names("option")) == sorted(options)


def test_each_field_of_trouble_is_described() -> None:
    """What PUT /trouble takes."""
    assert read_names("field") == list(Trouble.__dataclass_fields__)


def test_curl_makes_the_trouble_that_is_written() -> None:
    """The lines are run as they stand: the first switches, the second looks, the third ends it."""
    if shutil.which("curl") is None:
        missing("no curl on PATH")
    lines = re.findall(r"^\$ (curl .*)$", TEXT, re.MULTILINE)
    double = FirstPromoterDouble()
    seen, answers = [], []
    with serving(double) as url:
        for line in lines:
            words = shlex.split(line.replace(f"http://127.0.0.1:{PORT}", url))
            command = [*words, "--noproxy", "*"]
            done = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
            seen.append(double.trouble)
            answers.append(done.stdout)

    trouble = Trouble("503", next=3, retry_after=2)
    assert seen == [trouble, trouble, None]
    assert answers[0] == answers[1] != answers[2] == b""


def test_each_mark_means_what_is_said() -> None:
    """The table of outcomes agrees with the page."""
    rows = re.findall(r"^\| (\S) \w+ \| .*? \| (.*?) \|$", TEXT, re.MULTILINE)
    assert [mark for mark, _ in rows] == list(MARKS.values())
    for mark, statuses in rows[:3]:
        for status in map(int, re.findall(r"\b[2-5]\d\d\b", statuses)):
            tries = 5 if mark == "✗" else 1
            outcome = judge_outcome(Kind.SIGNUP, status, tries=tries, has_tid=True)
            assert MARKS[outcome.look] == mark


def test_the_lines_to_paste_are_the_defaults() -> None:
    """What the page and the terminal show, without options."""
    double = FirstPromoterDouble()
    assert f"FPROM_BASE_URL=http://127.0.0.1:{PORT}/api/v2/track" in TEXT
    assert f"FPROM_API_KEY={double.api_key}\nFPROM_ACCOUNT_ID={double.account_id}\n" in TEXT


def test_the_pictures_are_there() -> None:
    """`make pictures` makes them."""
    pictures = re.findall(r"\]\((pictures/[\w.-]+)\)", TEXT)
    assert len(pictures) == 3
    assert all((DOCS / picture).is_file() for picture in pictures)
