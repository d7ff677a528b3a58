"""``fprom sandbox`` as a real process on a real socket."""

from __future__ import annotations

import queue
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click
import httpx
import pytest
from click.testing import CliRunner

from fprom_middleware.cli.main import main
from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.command import describe, sandbox
from fprom_middleware.sandbox.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FPROM = (
    sys.executable,
    "-c",
    "from fprom_middleware.cli.main import main; main(prog_name='fprom')",
)
WAIT = 20
KEY = {"authorization": "Bearer sandbox-key", "account-id": "sandbox-account"}


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command; end it, whatever the test did."""
    process = subprocess.Popen(
        [*FPROM, "sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_greeting(process: subprocess.Popen[str]) -> list[str]:
    """Read the five lines that the command prints before it serves."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(5)]


def read_address(process: subprocess.Popen[str]) -> str:
    """Read where the page stands."""
    return read_greeting(process)[0].removeprefix("FirstPromoter sandbox: ").rstrip("/")


def post(url: str, lead: dict[str, str]) -> int:
    """Make a sign-up call; answer its status."""
    answer = httpx.post(f"{url}/api/v2/track/signup", json=lead, headers=KEY, trust_env=False)
    return answer.status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signup_arrives_over_a_real_socket(number: signal.Signals) -> None:
    """Start, click, sign up, stop: exit 0, one line for each event, nothing on stderr."""
    with running() as process:
        page, base_url, key, account, hint = read_greeting(process)
        address = re.fullmatch(r"FirstPromoter sandbox: (http://127\.0\.0\.1:([1-9]\d*))/", page)
        assert address is not None
        assert base_url == f"FPROM_BASE_URL={address[1]}/api/v2/track"
        assert (key, account) == ("FPROM_API_KEY=sandbox-key", "FPROM_ACCOUNT_ID=sandbox-account")
        assert hint == "Ctrl-C stops it."

        with httpx.Client(base_url=address[1], trust_env=False) as client:
            tid = client.post("/click", json={"cid": "sandbox-account", "ref": "anna"}).json()[
                "tid"
            ]
            lead = {"email": "kim@example.com", "tid": tid, "ip": "93.184.216.34"}
            url = base_url.removeprefix("FPROM_BASE_URL=") + "/signup"
            statuses = [
                client.post(url, json=lead, headers=headers).status_code
                for headers in (KEY, KEY, {})
            ]
            assert client.get("/", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 200
            assert client.get("/", headers={"host": "evil.example"}).status_code == 403
            # The connection stays open: stopping must not wait for it.
            process.send_signal(number)
            out, err = process.communicate(timeout=WAIT)

    assert statuses == [200, 422, 401]
    assert out.splitlines() == [
        f"click   ref=anna tid=…{tid[-4:]}",
        "signup  200 email=k***@example.com ref=anna ip=IPv4",
        "signup  422 email=k***@example.com this email or uid has signed up before",
        "signup  401 email=k***@example.com Authorization is not Bearer with the API key",
        "stopped",
    ]
    assert err == ""
    assert process.returncode == 0


def test_a_signal_right_after_the_greeting_stops_it_too() -> None:
    """There is no moment at which Ctrl-C is lost or ends in a traceback."""
    with running() as process:
        read_greeting(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)

    assert (out, err, process.returncode) == ("stopped\n", "", 0)


def test_a_client_that_hangs_up_or_talks_nonsense_makes_no_noise() -> None:
    """Half a request and no HTTP at all leave the sandbox serving, with nothing on stderr."""
    with running() as process:
        port = int(read_greeting(process)[0].rstrip("/").rpartition(":")[2])
        for start in (
            b"POST /api/v2/track/signup HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
            b"\x16\x03\x01 hello\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
                connection.sendall(start)
        state = httpx.get(f"http://127.0.0.1:{port}/state.json", trust_env=False)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT)

    assert not any(state.json().values())
    assert (err, process.returncode) == ("", 0)


def test_own_credentials_and_ipv6() -> None:
    """Key, account and loopback address can be chosen."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with running("--host", "::1", "--api-key", "k", "--account-id", "a") as process:
        page, _, key, account, _ = read_greeting(process)
        url = page.removeprefix("FirstPromoter sandbox: ")
        answer = httpx.post(
            f"{url}api/v2/track/signup",
            headers={"authorization": "Bearer k", "account-id": "a"},
            json={},
            trust_env=False,
        )

    assert url.startswith("http://[::1]:")
    assert (key, account) == ("FPROM_API_KEY=k", "FPROM_ACCOUNT_ID=a")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.2", "203.0.113.7", "example.com", "127.1", "", "\x1b[2J"],
)
def test_a_host_that_others_can_reach_is_refused(host: str) -> None:
    """What the page shows is personal data: the sandbox listens on loopback only."""
    result = CliRunner().invoke(sandbox, ["--host", host])

    assert result.exit_code == 2
    assert "--host" in result.output
    assert "127.0.0.1" in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    "url", ["localhost:8000", "javascript:alert(1)", "http://", "http://[::1", "http://a/?b=c", ""]
)
def test_an_app_url_that_is_none_is_refused(url: str) -> None:
    """It becomes a link on the page."""
    result = CliRunner().invoke(main, ["sandbox", "--port", "0", "--app-url", url])

    assert result.exit_code == 2
    assert "such as http://localhost:8000" in result.output


def test_the_links_of_the_page_lead_to_the_app_url() -> None:
    """With a path or without."""
    with running("--app-url", "http://localhost:8000/shop/") as process:
        page = httpx.get(read_address(process), trust_env=False).text

    assert 'href="http://localhost:8000/shop/?fpr=anna"' in page


@pytest.mark.parametrize("option", ["--api-key", "--account-id"])
def test_blank_credentials_are_a_usage_error(option: str) -> None:
    """An empty variable in a shell script is told, not served."""
    result = CliRunner().invoke(main, ["sandbox", "--port", "0", option, ""])

    assert result.exit_code == 2
    assert "must not be blank" in result.output


def test_a_taken_port_is_told_in_one_line() -> None:
    """The usual mistake, a second sandbox, says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(main, ["sandbox", "--host", "localhost", "--port", str(port)])

    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in result.output
    assert "--port" in result.output


@pytest.mark.parametrize("missing", ["uvicorn", "starlette"])
def test_a_missing_package_names_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the command says how to get it."""
    server = ("server", "app", "web.controls", "web.loopback", "web.wire")
    for name in server:
        monkeypatch.delitem(sys.modules, f"fprom_middleware.sandbox.{name}", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    result = CliRunner().invoke(main, ["sandbox", "--port", "0"])

    assert result.exit_code == 1
    assert 'pip install "fprom-middleware[sandbox]"' in result.output


def test_another_missing_module_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is not explained away."""
    monkeypatch.delitem(sys.modules, "fprom_middleware.sandbox.server", raising=False)
    monkeypatch.setitem(sys.modules, "fprom_middleware.sandbox.app", None)

    result = CliRunner().invoke(main, ["sandbox", "--port", "0"])

    assert isinstance(result.exception, ModuleNotFoundError)


def test_a_line_holds_no_whole_value_and_no_line_break() -> None:
    """What strangers send can neither forge a line nor leave personal data in a log."""
    seen: list[str] = []
    double = FirstPromoterDouble(observer=lambda event: seen.append(describe(event)))
    tid = double.click("anna\nclick   ref=bea \x1b[2J" + "x" * 200).tid
    double.signup(KEY, f'{{"uid": "customer-000123", "tid": "{tid}"}}'.encode())

    for line in seen:
        assert len(line.splitlines()) == 1
        assert len(line) < 150
        assert click.unstyle(line) == line
        assert tid not in line
    assert "uid=…0123" in seen[1]
    assert seen[1].endswith(" ip=-")


def test_a_line_for_each_kind_of_call() -> None:
    """What was taken has its customer, masked, and its amount; what was refused, the reason."""
    seen: list[str] = []
    double = FirstPromoterDouble(
        ref_ids=["anna"], observer=lambda event: seen.append(describe(event))
    )
    body = b'{"email": "kim@example.com", "event_id": "in_1", "amount": 1290%s}'
    double.call("sale", KEY, body % b', "ref_id": "anna", "currency": "EUR"')
    double.call("sale", KEY, body % b"")
    double.call("refund", KEY, body % b"")
    double.call("cancellation", KEY, body % b"")
    double.call("cancellation", KEY, b'{"uid": "customer-000123"}')

    assert seen == [
        "sale    200 email=k***@example.com ref=anna amount=1290 EUR",
        "sale    409 email=k***@example.com this event_id was used before",
        "refund  200 email=k***@example.com ref=anna amount=1290",
        "cancellation 200 email=k***@example.com ref=anna",
        "cancellation 204 uid=…0123 no lead here has this email or uid",
    ]


def test_a_call_beside_the_path_is_a_line_that_says_so() -> None:
    """FPROM_BASE_URL without its path is the mistake of the first minute."""
    seen: list[str] = []
    double = FirstPromoterDouble(observer=lambda event: seen.append(describe(event)))

    double.note_stray("/signup")
    double.note_stray("/\x1b[2J" + "x" * 200 + "/sale")

    assert seen[0] == "signup  404 at /signup: FPROM_BASE_URL is to end in /api/v2/track"
    assert seen[1].startswith("sale    404 at /\\x1b[2Jxxx")
    assert len(seen[1]) < 160


def test_a_refused_line_says_whose_and_why() -> None:
    """A cookie from before the restart, another project's account, trouble: each is named."""
    seen: list[str] = []
    double = FirstPromoterDouble(observer=lambda event: seen.append(describe(event)))
    former = FirstPromoterDouble().click("anna").tid
    lead = b'{"email": "kim@example.com", "tid": "%s"}' % former.encode()
    double.signup(KEY, lead)
    double.signup(KEY | {"account-id": "another\x1b[2J"}, lead)
    double.trouble = Trouble("reset", next=1)
    double.signup(KEY, b"no JSON")

    assert seen == [
        (
            "signup  404 email=k***@example.com this browser's cookie is from before the restart, "
            "or from before the clearing"
        ),
        (
            "signup  401 email=k***@example.com Account-ID is not the account's "
            "(it names another\\x1b[2J)"
        ),
        "signup  --- no answer, as asked",
    ]


@pytest.mark.slow
def test_clicks_and_leads_survive_a_restart(tmp_path: Path) -> None:
    """With --data a browser's cookie is known after the restart, and a lead is a repeat."""
    data = ("--data", str(tmp_path / "sandbox.db"))
    lead = {"email": "kim@example.com"}
    with running(*data) as process:
        url = read_address(process)
        tid = httpx.post(
            f"{url}/click", json={"cid": "sandbox-account", "ref": "anna"}, trust_env=False
        ).json()["tid"]
        post(url, lead | {"tid": tid})
        process.kill()
    with running(*data) as process:
        url = read_address(process)
        assert post(url, lead | {"tid": tid}) == 422
        assert post(url, {"email": "lou@example.com", "tid": tid}) == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)

    assert (err, process.returncode) == ("", 0)
    assert out.splitlines()[-1] == "stopped"


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """A wrong name after --data costs no data."""
    for name, content in (("notes.txt", b"my notes, not a database"), ("app.db", None)):
        path = tmp_path / name
        if content is None:
            with closing(sqlite3.connect(path)) as database:
                database.execute("CREATE TABLE users (id)")
        else:
            path.write_bytes(content)
        before = path.read_bytes()

        result = CliRunner().invoke(main, ["sandbox", "--port", "0", "--data", str(path)])

        assert result.exit_code == 1
        assert "Name another file." in result.output
        assert path.read_bytes() == before


def test_remote_machines_are_let_in_only_when_asked() -> None:
    """--allow-remote opens what --host names; a public name is refused all the same."""
    with running("--host", "0.0.0.0", "--allow-remote") as process:
        url = read_address(process)
        port = url.rpartition(":")[2]
        assert url == f"http://127.0.0.1:{port}"
        hosts = {
            host: httpx.get(url, headers={"host": host}, trust_env=False).status_code
            for host in (f"sandbox:{port}", f"192.168.1.7:{port}", "pc.local", "evil.example")
        }
        script = httpx.get(f"{url}/fpr.js", headers={"host": "sandbox:1"}, trust_env=False).text

    assert list(hosts.values()) == [200, 200, 200, 403]
    assert '"http://sandbox:1/tr"' in script


def test_the_page_is_opened_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """--open hands the page's address to the system's browser, without waiting for it."""
    opened: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("webbrowser.open", opened.put)
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    result = CliRunner().invoke(main, ["sandbox", "--port", "0", "--open"])

    assert result.exit_code == 0
    assert opened.get(timeout=WAIT) in result.output
