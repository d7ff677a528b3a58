"""``check``: what it finds out before the first visitor does."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fprom_middleware import FpromSettings
from fprom_middleware.cli import check as module
from fprom_middleware.cli.settings_view import set_values
from fprom_middleware.events.payments import DOUBLE_COMMISSION
from fprom_middleware.outbox.admin import inspect_outbox
from tests.cli.conftest import run_fprom
from tests.support.accounts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk
    from tests.support.api import LoopbackApi

SECRET = "a-signing-key-of-this-test"


def test_all_is_well(desk: Desk, tmp_path: Path) -> None:
    """Settings, a row that was really written, the state of the outbox, and where it is."""
    answer = desk("check", "--write", trusted_proxies="loopback,10.0.0.0/8", worker="thread")

    lines = answer.splitlines()
    assert lines[0] == "Settings of the test; everything else is at its default:"
    assert "FPROM_TRUSTED_PROXIES  loopback, 10.0.0.0/8" in lines
    assert "database: ok, a row was written and deleted in " in answer
    assert f"outbox: 0 pending, 0 rejected, in {tmp_path}/outbox.db" in lines


def test_a_look_makes_nothing(desk: Desk, tmp_path: Path) -> None:
    """Not the file, not its folder; where they will be is said."""
    place = tmp_path / "mistyped" / "outbox.db"

    answer = desk("check", outbox_url=f"sqlite:///{place}")

    assert re.search(
        rf"^outbox: .*there is no outbox yet.*{place}|{place}.*no outbox yet", answer, re.MULTILINE
    )
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_behind(desk: Desk) -> None:
    """The test row is gone, and neither another row nor a drain ever met it."""
    desk.put("ann@example.com")
    assert desk.fprom.drain()["sent"] == 1

    desk("check", "--write")

    with inspect_outbox(desk.fprom.settings, desk.fprom.clock) as inspection:
        assert [row.state for row in inspection.everything()] == ["delivered"]
    assert desk.fprom.drain() == {
        "sent": 0,
        "duplicate": 0,
        "skipped": 0,
        "rejected": 0,
        "failed": 0,
    }


def test_no_secret_is_shown(desk: Desk) -> None:
    """A screen may be shared."""
    answer = desk("check", secret_keys=[SECRET], keep_days=3)

    assert KEY not in answer
    assert SECRET not in answer
    assert "FPROM_API_KEY      set, not shown" in answer
    assert "FPROM_SECRET_KEYS  1 set, not shown" in answer


def test_every_kind_of_value_can_be_shown() -> None:
    """Hooks by their names, switches as they are written, a database without its password."""
    values = dict(
        set_values(
            FpromSettings(
                enabled=False,
                before_send="tests.support.leads.make_lead",
                outbox_url="postgresql://shop:geheim@db/shop?sslkey=x",
                respect_gpc=False,
                send_ip="never",
            )
        )
    )

    assert values == {
        "FPROM_ENABLED": "false",
        "FPROM_BEFORE_SEND": "tests.support.leads.make_lead",
        "FPROM_OUTBOX_URL": "postgresql://db/shop",
        "FPROM_RESPECT_GPC": "false",
        "FPROM_SEND_IP": "never",
    }


def test_hints_name_what_is_often_forgotten(desk: Desk) -> None:
    """They are hints: the exit code stays 0."""
    answer = desk("check", enabled=False)

    for key in ("FPROM_ENABLED=false", "FPROM_TRUSTED_PROXIES=0", "FPROM_WORKER=none"):
        assert f"hint: {key}: " in answer


@pytest.mark.parametrize("options", [(), ("--write",)])
def test_the_double_commission_is_told_once(options: tuple[str, ...], desk: Desk) -> None:
    """One note, which changes nothing: whether it concerns this account no setting says."""
    answer = desk("check", *options)

    assert answer.splitlines().count(f"note: {DOUBLE_COMMISSION}") == 1
    assert answer.count("credited twice") == 1


def test_inline_delivery_needs_no_database(desk: Desk, tmp_path: Path) -> None:
    """And none is made."""
    assert "database: none" in desk("check", delivery="inline")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_database_that_refuses_is_named(desk: Desk) -> None:
    """The driver's own words, what to look at, and exit code 1."""
    url = "postgresql://shop:geheim@127.0.0.1:1/shop"

    answer = desk("check", code=1, outbox_url=url)

    assert "database: FAILED (OperationalError): " in answer
    assert "port 1 failed: Connection refused" in answer
    assert "check that the server runs" in answer
    assert "geheim" not in answer


def test_a_folder_that_cannot_be_made_is_named(desk: Desk, tmp_path: Path) -> None:
    """A disk's refusal is no traceback either."""
    (tmp_path / "file").write_text("")

    answer = desk("check", "--write", code=1, outbox_url=f"sqlite:///{tmp_path}/file/outbox.db")

    assert re.search(r"database: FAILED \((Not a directory|File exists): .*/file", answer)
    assert "check that the folder exists" in answer


def test_tables_of_another_version_are_the_operators(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, and what to do."""
    desk("check", "--write")
    monkeypatch.setattr("fprom_middleware.database.tables.VERSION", 1)

    assert "of a newer version of fprom_middleware" in desk("check", code=2)


@pytest.mark.parametrize(
    ("mounts", "told"),
    [
        ("/dev/sda / ext4 rw 0 0", None),
        ("srv:/x / nfs4 rw 0 0", "a network file system (nfs4)"),
        ("overlay / overlay rw 0 0", "it is gone with the container"),
        (None, None),
    ],
)
def test_a_disk_that_cannot_keep_it_is_named(
    mounts: str | None,
    told: str | None,
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A warning, for the leads are not lost yet."""
    file = tmp_path / "mounts"
    if mounts is not None:
        file.write_text(mounts)
    monkeypatch.setattr(module, "MOUNTS", file)

    answer = desk("check")

    assert (told or "WARNING") in answer if told else "WARNING" not in answer


def test_a_pause_is_seen(desk: Desk) -> None:
    """Who checks wants to know why nothing arrives."""
    desk.put("ann@example.com")
    desk.api.says = 401
    desk.fprom.drain()

    assert "WARNING: paused since 2027-01-15T08:00:00Z: unauthorized." in desk("check")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (200, 0, "HTTP 200, sent\napi: the API took the lead."),
        (422, 0, "HTTP 422, duplicate\napi: the API has this lead already"),
        (
            404,
            0,
            "HTTP 404, rejected (unknown_visitor)\napi: the API was reached and the key is right",
        ),
        (400, 1, "HTTP 400, rejected (bad_request)\napi: the API refuses this e-mail."),
        (401, 1, "HTTP 401, failed (unauthorized)\napi: check FPROM_API_KEY"),
        (429, 1, "HTTP 429, failed (rate_limited)\napi: too many calls"),
        (503, 1, "HTTP 503, failed (server_error)\napi: FirstPromoter has a problem."),
        (301, 1, "HTTP 301, failed (unexpected)\napi: the API's documentation"),
    ],
)
def test_the_apis_answer_is_explained(
    status: int, code: int, told: str, desk: Desk, loopback: LoopbackApi
) -> None:
    """A made-up test lead, the answer, and what to do about it."""
    loopback.says = status

    answer = desk(
        "check", "--send", "--email", "test-of-ours@example.com", "--tid", "t1",
        code=code, base_url=loopback.url,
    )  # fmt: skip

    assert f"api: t***@example.com → {told}" in answer
    (lead,) = loopback.leads
    assert lead == {
        "email": "test-of-ours@example.com",
        "tid": "t1",
        "created_at": "2027-01-15T08:00:00.000Z",
    }
    assert desk.fprom.stats().pending == 0


def test_no_answer_is_explained_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port, and the made-up lead by default."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    answer = desk("check", "--send", code=1, base_url="http://127.0.0.1:1")

    assert "api: f***@example.com → no answer, failed (network)" in answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(404, text="<h1>Not Found</h1>"), "HTTP 404, failed (unexpected)"),
        (httpx.Response(403, text="<h1>Blocked</h1>"), "HTTP 403, failed "),
        (httpx.Response(200, text="<h1>Welcome</h1>"), "HTTP 200, failed (unreadable)"),
    ],
    ids=["404", "403", "200"],
)
def test_what_is_not_the_api_is_not_the_keys_word(
    answer: httpx.Response, told: str, desk: Desk, loopback: LoopbackApi
) -> None:
    """A page of HTML neither takes the key nor refuses it: the address may be wrong."""
    loopback.says = answer

    shown = desk("check", "--send", code=1, base_url=loopback.url)

    assert told in shown
    assert "FPROM_API_KEY" not in shown.partition("api: ")[2]
    if answer.status_code != 403:
        assert "Check FPROM_BASE_URL" in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE"),
        ({"HTTPS_PROXY": "nonsense://127.0.0.1:1"}, "HTTPS_PROXY"),
        ({"ALL_PROXY": "nonsense://127.0.0.1:1"}, "PROXY"),
    ],
)
def test_what_is_wrong_with_this_machine_is_named(
    environment: dict[str, str], named: str, environ: dict[str, str], tmp_path: Path
) -> None:
    """It is neither the network's fault nor FirstPromoter's."""
    environ |= environment | {"FPROM_BASE_URL": "https://api.invalid/api/v2/track"}

    done = run_fprom("check --send", environ, tmp_path)

    assert done.returncode == 1
    first, line = done.stdout.splitlines()[-2:]
    assert first == "api: f***@example.com → no answer, failed (local)"
    assert re.match(r"api: \w+: this machine cannot make the call\.", line)
    assert named in line


def test_without_an_outbox_the_api_is_tested_all_the_same(
    desk: Desk, loopback: LoopbackApi
) -> None:
    """There is no pause to end."""
    told = desk("check", "--send", delivery="inline", base_url=loopback.url)

    assert "HTTP 200, sent" in told
    assert "pause" not in told


def test_a_disabled_account_sends_no_test(desk: Desk, loopback: LoopbackApi) -> None:
    """Disabled is disabled."""
    more: dict[str, Any] = {"base_url": loopback.url, "enabled": False}

    assert "nothing is sent while FPROM_ENABLED=false" in desk("check", "--send", code=1, **more)
    assert loopback.leads == []
