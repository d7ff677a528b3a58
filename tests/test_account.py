"""track_signup: from a request to a receipt, whatever happens in between."""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import httpx
import pytest

from fprom_middleware import (
    Fprom,
    FpromConfigError,
    FpromNotInstalled,
    FpromSettings,
    FpromTokenError,
    Lead,
    Reason,
    Receipt,
    Status,
    TrackingContext,
    load_tracking,
    track_signup,
    track_signup_async,
)
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.delivery import current
from fprom_middleware.visitor.context import KEY
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.api import Api as FirstPromoter
from tests.support.clock import NOW
from tests.support.programs import run_program

if TYPE_CHECKING:
    from tests.support.api import Says

TID = "f3a1CANARY-1111-4222-8333-abcdefab1234"
IP = "93.184.216.34"
EMAIL = "ben.CANARY@example.com"
API_KEY = "k3y-CANARY-0123456789"
SECRETS = ("CANARY", IP, "93.184")


class Api(FirstPromoter):
    """FirstPromoter, and accounts that send to it at once."""

    def __init__(self, says: Says = 200) -> None:
        super().__init__(lambda: NOW)
        self.says = says

    def fprom(self, **settings: Any) -> Fprom:
        """Return an Fprom that sends to this API at once."""
        given = {"delivery": "inline", "api_key": API_KEY, "account_id": "acc-1", **settings}
        return Fprom(FpromSettings(**given), clock=lambda: NOW, client=self.client)


def request_of(fprom: Fprom, cookies: str = f"_fprom_tid={TID}", peer: str = IP) -> dict[str, Any]:
    """Return an environ that the middleware has seen."""
    environ: dict[str, Any] = {"HTTP_COOKIE": cookies, "REMOTE_ADDR": peer}
    WsgiMiddleware(lambda *_: [], fprom)(environ, lambda *_: print)
    return environ


Track = Callable[..., Receipt]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def track(request: pytest.FixtureRequest) -> Track:
    """Sign up by a method of Fprom: sync, or async on either event loop."""
    if request.param == "sync":
        return lambda fprom, *args, **kwargs: fprom.track_signup(*args, **kwargs)

    def over_async(fprom: Fprom, *args: Any, **kwargs: Any) -> Receipt:
        async def work() -> Receipt:
            return await fprom.track_signup_async(*args, **kwargs)

        return anyio.run(work, backend=request.param)

    return over_async


# --- The way through ----------------------------------------------------------------------


def test_a_referred_visitor(track: Track) -> None:
    """The visitor's tid and address, the e-mail and the moment arrive, and nothing else."""
    api = Api()
    fprom = api.fprom()

    receipt = track(fprom, request_of(fprom), EMAIL)

    assert api.leads == [
        {"email": EMAIL, "tid": TID, "ip": IP, "created_at": "2025-04-25T09:29:51.973Z"}
    ]
    assert api.seen[0].url == "https://api.firstpromoter.com/api/v2/track/signup"
    assert api.seen[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert api.seen[0].headers["account-id"] == "acc-1"
    assert (receipt.status, receipt.reason, receipt.durable) == ("sent", None, False)
    assert receipt.lead is not None
    assert receipt.lead.to_json() == api.leads[0]


def test_every_argument(track: Track) -> None:
    """All that a view may say arrives under the API's names."""
    api = Api()
    fprom = api.fprom()

    track(
        fprom,
        request_of(fprom),
        EMAIL,
        uid=UUID(int=7),
        ref_id="carla",
        created_at=datetime(2024, 2, 29, 12, tzinfo=UTC),
        skip_email_notification=True,
        session=object(),
    )

    assert api.leads == [
        {
            "email": EMAIL,
            "uid": "00000000-0000-0000-0000-000000000007",
            "tid": TID,
            "ref_id": "carla",
            "ip": IP,
            "created_at": "2024-02-29T12:00:00.000Z",
            "skip_email_notification": True,
        }
    ]


@pytest.mark.parametrize(
    ("cookies", "fields"),
    [
        ("_fprom_ref=anna", {"ref_id": "anna"}),
        ("_fprom_code=_r_anna", {"ref_id": "anna"}),
        ("_fprom_ref=anna; _fprom_tid=t", {"tid": "t"}),
        ("_fprom_track=old", {"tid": "old"}),
    ],
)
def test_cookies_of_all_times(track: Track, cookies: str, fields: dict[str, str]) -> None:
    """The ref is sent where there is no tid, the legacy cookies where there are no others."""
    api = Api()
    fprom = api.fprom(send_ip="never")

    track(fprom, request_of(fprom, cookies), uid=1)

    assert api.leads == [{"uid": "1", "created_at": "2025-04-25T09:29:51.973Z", **fields}]


STATUSES = [
    (200, "sent", None),
    (422, "duplicate", None),
    (400, "rejected", "bad_request"),
    (404, "rejected", "unknown_visitor"),
    (401, "failed", "unauthorized"),
    (403, "failed", "unauthorized"),
    (429, "failed", "rate_limited"),
    (408, "failed", "server_error"),
    (503, "failed", "server_error"),
    (302, "failed", "unexpected"),
    (405, "failed", "unexpected"),
]


@pytest.mark.parametrize(("code", "status", "reason"), STATUSES)
def test_answers_become_receipts(track: Track, code: int, status: str, reason: str | None) -> None:
    """Every answer of the API is a receipt, handed to FPROM_ON_OUTCOME too."""
    api, told = Api(httpx.Response(code, json={})), []
    fprom = api.fprom(on_outcome=lambda lead, receipt: told.append((lead, receipt)))

    receipt = track(fprom, request_of(fprom), EMAIL)

    assert (receipt.status, receipt.reason, receipt.durable) == (status, reason, False)
    assert told == [(receipt.lead, receipt)]
    assert len(api.seen) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, content=b"<html>"), "unreadable"),
        (httpx.Response(200, content=b"[]"), "unreadable"),
        (httpx.ConnectError("CANARY"), "network"),
        (httpx.ReadTimeout("CANARY"), "network"),
        (httpx.RemoteProtocolError("CANARY"), "network"),
        (OSError("CANARY"), "network"),
    ],
    ids=["html", "a list", "no connection", "a time-out", "a reset", "an error of the system"],
)
def test_failures_become_receipts(
    track: Track, answer: httpx.Response | Exception, reason: str
) -> None:
    """Whatever the network does is a receipt."""
    fprom = Api(answer).fprom()

    receipt = track(fprom, request_of(fprom), EMAIL)

    assert (receipt.status, receipt.reason) == ("failed", reason)


@pytest.mark.parametrize(
    ("settings", "cookies", "reason"),
    [
        ({}, "", "organic"),
        ({"enabled": False}, f"_fprom_tid={TID}", "disabled"),
        ({"consent": lambda _connection: False}, f"_fprom_tid={TID}", "no_consent"),
        ({"before_send": lambda _lead: None}, f"_fprom_tid={TID}", "dropped"),
    ],
    ids=["organic", "disabled", "no consent", "dropped"],
)
def test_nothing_to_send(track: Track, settings: Any, cookies: str, reason: str) -> None:
    """No call is made, and no outcome told, where there is nothing to send."""
    api, told = Api(), []
    fprom = api.fprom(on_outcome=lambda *given: told.append(given), **settings)

    receipt = track(fprom, request_of(fprom, cookies), EMAIL)

    assert receipt == Receipt(Status.SKIPPED, receipt.reason)
    assert receipt.reason == reason
    assert (api.seen, told) == ([], [])


def test_consent_is_asked_with_the_request(track: Track) -> None:
    """The hook is handed the environ or scope that the view's request stands on."""
    asked: list[Any] = []

    def consent(connection: Any) -> bool:
        asked.append(connection)
        return True

    fprom = Api().fprom(consent=consent)
    environ = request_of(fprom)

    assert track(fprom, environ, EMAIL).status == "sent"
    assert track(fprom, TrackingContext(tid=TID), EMAIL).status == "sent"
    assert [connection is environ for connection in asked] == [True]


# --- Programming mistakes -----------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_neither_email_nor_uid(track: Track, enabled: bool) -> None:
    """It raises at once, for organic visitors, without a request and on disabled machines too."""
    fprom = Api().fprom(enabled=enabled)

    for request in (request_of(fprom, ""), request_of(fprom), None):
        with pytest.raises(ValueError, match="an email or a uid"):
            track(fprom, request)


@pytest.mark.parametrize("email", [None, "", " "])
def test_an_account_without_an_address(track: Track, email: str | None) -> None:
    """The account exists already: nothing raises, and nothing is sent."""
    api = Api()
    fprom = api.fprom()

    assert track(fprom, request_of(fprom), email) == Receipt(Status.SKIPPED, Reason.UNIDENTIFIED)
    assert api.seen == []


def test_what_cannot_be_sent(track: Track) -> None:
    """A user object in place of its id is refused at the door; the hook hears nothing of it."""
    api, told = Api(), list[object]()
    fprom = api.fprom(on_outcome=lambda *said: told.append(said))

    receipt = track(fprom, request_of(fprom), EMAIL, uid=object())
    assert receipt == Receipt(Status.REJECTED, Reason.BAD_REQUEST)
    assert api.seen == told == []


def test_no_request(track: Track) -> None:
    """A script that creates users: no request, no visitor; a ref that it names is sent."""
    api = Api()
    fprom = api.fprom()

    assert track(fprom, None, EMAIL) == Receipt(Status.SKIPPED, Reason.ORGANIC)
    assert track(api.fprom(enabled=False), None, EMAIL).reason == "disabled"
    assert track(fprom, None, EMAIL, ref_id="anna").status == "sent"


def test_no_request_and_no_account() -> None:
    """The module's functions answer the same, without an account to ask."""
    organic = Receipt(Status.SKIPPED, Reason.ORGANIC)

    assert track_signup(None, EMAIL) == organic
    assert anyio.run(track_signup_async, None, EMAIL) == organic
    with pytest.raises(ValueError, match="an email or a uid"):
        track_signup(None)


@pytest.mark.parametrize("enabled", [True, False])
def test_without_the_middleware(track: Track, enabled: bool) -> None:
    """A request that holds no context raises, and the text shows the two lines to add."""
    fprom = Api().fprom(enabled=enabled)

    with pytest.raises(FpromNotInstalled) as caught:
        track(fprom, {"REQUEST_METHOD": "POST"}, EMAIL)

    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert any(
        line.startswith("from fprom_middleware.wsgi import FpromMiddleware") for line in lines
    )
    assert "app = FpromMiddleware(app, settings)" in lines


def test_the_context_of_a_request() -> None:
    """The method finds what the module's function finds."""
    fprom = Api().fprom()
    assert fprom.get_tracking(request_of(fprom)).tid == TID


def test_a_bare_context_goes_through_an_fprom(track: Track) -> None:
    """In a job or a test, a context made by hand is handed to the Fprom itself."""
    api = Api()

    receipt = track(api.fprom(), TrackingContext(tid=TID, ip="::ffff:93.184.216.34"), EMAIL)

    assert receipt.status == "sent"
    assert api.leads[0]["ip"] == IP


# --- The module's functions ---------------------------------------------------------------


def test_the_function_finds_the_account() -> None:
    """The innermost middleware's account is the one that a view's call goes to."""
    outer, inner = Api(), Api()
    environ: dict[str, Any] = {"HTTP_COOKIE": f"_fprom_tid={TID}"}
    nested = WsgiMiddleware(lambda *_: [], inner.fprom())
    WsgiMiddleware(nested, outer.fprom())(environ, lambda *_: print)

    receipt = track_signup(
        environ, EMAIL, uid=7, ref_id="carla", skip_email_notification=False, session=None
    )

    assert receipt.status == "sent"
    assert (len(outer.seen), len(inner.seen)) == (0, 1)
    assert inner.leads[0]["uid"] == "7"
    assert inner.leads[0]["skip_email_notification"] is False


@pytest.mark.anyio
async def test_the_async_function_finds_the_account() -> None:
    """The same in async code, on asyncio and on trio."""
    api = Api()
    receipts = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        receipts.append(
            await track_signup_async(
                scope,
                EMAIL,
                uid=7,
                ref_id="carla",
                created_at=datetime(2024, 2, 29, tzinfo=UTC),
                skip_email_notification=True,
            )
        )

    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(b"cookie", f"_fprom_tid={TID}".encode())],
        "client": (IP, 4711),
    }
    await AsgiMiddleware(app, api.fprom())(scope, app, app)  # type: ignore[arg-type]

    assert [receipt.status for receipt in receipts] == ["sent"]
    assert api.leads == [
        {
            "email": EMAIL,
            "uid": "7",
            "tid": TID,
            "ref_id": "carla",
            "ip": IP,
            "created_at": "2024-02-29T00:00:00.000Z",
            "skip_email_notification": True,
        }
    ]


def test_another_account_may_be_named() -> None:
    """A method of an Fprom sends to that one, whoever's middleware saw the request."""
    seen, named = Api(), Api()

    named.fprom().track_signup(request_of(seen.fprom()), EMAIL)

    assert (len(seen.seen), len(named.seen)) == (0, 1)


# --- Nothing else raises ------------------------------------------------------------------


class BrokenDelivery:
    """A delivery that raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.needs_start = True

    def accept(self, lead: Lead, **_: Any) -> Receipt:
        """Raise."""
        raise self.error

    async def accept_async(self, lead: Lead, **_: Any) -> Receipt:
        """Raise."""
        raise self.error

    def start(self) -> None:
        """Raise."""
        self.needs_start = False
        raise self.error

    def close(self) -> None:
        """Close nothing."""

    async def aclose(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize(
    "error",
    [RuntimeError(TID), KeyError(EMAIL), MemoryError(), RecursionError(), AssertionError(IP)],
    ids=lambda error: type(error).__name__,
)
def test_a_delivery_that_raises(
    track: Track, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The registration view never fails because of us."""
    fprom = Api().fprom()
    fprom._current._delivery = BrokenDelivery(error)  # type: ignore[assignment]

    receipt = track(fprom, request_of(fprom), EMAIL)

    assert (receipt.status, receipt.reason) == ("failed", "unexpected")
    assert f"could not be handed in: {type(error).__name__}." in caplog.text
    for secret in SECRETS:
        assert secret not in caplog.text


def test_a_wrong_setting_that_shows_late(track: Track) -> None:
    """A setting that turns out wrong at a call is still the programmer's to mend."""
    fprom = Api().fprom()
    fprom._current._delivery = BrokenDelivery(FpromConfigError("no", key="FPROM_OUTBOX_URL"))  # type: ignore[assignment]

    with pytest.raises(FpromConfigError, match="FPROM_OUTBOX_URL: no"):
        track(fprom, request_of(fprom), EMAIL)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_not_held_up(error: type[BaseException]) -> None:
    """What ends a process is no failure of a lead."""
    fprom = Api().fprom()
    fprom._current._delivery = BrokenDelivery(error())  # type: ignore[assignment]

    with pytest.raises(error):
        fprom.track_signup(request_of(fprom), EMAIL)


def test_a_clock_that_raises(track: Track) -> None:
    """A broken clock costs a lead, never a registration."""
    fprom = Api().fprom()
    fprom.clock = lambda: float("nan")

    receipt = track(fprom, request_of(fprom), EMAIL)

    assert (receipt.status, receipt.reason) == ("failed", "unexpected")


# --- Nobody is shown ----------------------------------------------------------------------


def echo(code: int) -> httpx.Response:
    """Return an answer that repeats who it is about."""
    text = f"{EMAIL} {TID} {IP} {API_KEY}"
    return httpx.Response(
        code,
        json={"message": text, "transaction_id": text, "code": text},
        headers={"Retry-After": text, "X-Echo": text, "Location": f"https://x.example/{TID}"},
    )


def shout(*_: Any) -> Any:
    """Raise with all that a hook could know."""
    text = f"{EMAIL} {TID} {IP} {API_KEY}"
    raise LookupError(text)


PATHS: dict[str, dict[str, Any]] = {
    **{str(code): {"answer": echo(code)} for code, _, _ in STATUSES},
    "unreadable": {"answer": httpx.Response(200, content=EMAIL.encode())},
    "network": {"answer": httpx.ConnectError(f"{EMAIL} {TID} {IP} {API_KEY}")},
    "an error of another kind": {"answer": ValueError(f"{EMAIL} {TID} {IP} {API_KEY}")},
    "consent raises": {"consent": shout},
    "before_send raises": {"before_send": shout},
    "before_send returns its lead's text": {"before_send": lambda lead: lead.email},
    "on_outcome raises": {"on_outcome": shout},
    "a private peer": {"peer": "192.168.93.184"},
    "created_at is garbage": {"created_at": f"{EMAIL} {TID}"},
    "delivery raises": {"broken": LookupError(f"{EMAIL} {TID} {IP} {API_KEY}")},
    "nobody": {"email": "", "uid": " "},
    "a header for nobody": {"client_ip_header": "X-Real-IP"},
}


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_shown(path: str, track: Track, caplog: pytest.LogCaptureFixture) -> None:
    """No e-mail, tid, address or key stands in a log record, a repr or an exception."""
    caplog.set_level(logging.DEBUG)
    given = dict(PATHS[path])
    said = {name: given.pop(name) for name in ("uid", "created_at") if name in given}
    email, peer = given.pop("email", EMAIL), given.pop("peer", IP)
    answer, broken = given.pop("answer", None), given.pop("broken", None)
    api = Api(answer)
    fprom = api.fprom(secret_keys="CANARY-0123456789-abcdef", **given)
    if broken is not None:
        fprom._current._delivery = BrokenDelivery(broken)  # type: ignore[assignment]
    environ = request_of(fprom, f"_fprom_tid={TID}; _fprom_ref=CANARY", peer)
    texts = [repr(fprom), repr(fprom.settings), repr(environ[KEY])]

    receipt = track(fprom, environ, email, **{"uid": "u-CANARY-0123456789", **said})
    texts += [repr(receipt), repr(receipt.lead), str(receipt.lead)]

    shown = logging.Formatter("%(name)s %(levelname)s %(message)s")
    texts += [shown.format(record) for record in caplog.records]
    texts += [repr(record.__dict__.get("args")) for record in caplog.records]
    for secret in (*SECRETS, peer):
        assert [text for text in texts if secret in text] == []


class JobLimitError(Exception):
    """What a job runner raises from a signal handler."""


def end_the_job(*_: object) -> None:
    """Raise it."""
    raise JobLimitError


@pytest.mark.parametrize("place", ["the API", "a hook"])
def test_a_job_s_time_limit_goes_up(place: str) -> None:
    """Whatever the sign-up waits for, the job ends, and its traceback shows no lead."""

    def wait(*_: object) -> httpx.Response:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(20)
        pytest.fail("slept through it")

    api = Api()
    fprom = api.fprom(before_send=wait if place == "a hook" else None)
    if place == "the API":
        fprom = Fprom(fprom.settings, client=httpx.Client(transport=httpx.MockTransport(wait)))
    before = signal.signal(signal.SIGALRM, end_the_job)
    try:
        with pytest.raises(JobLimitError) as caught:
            fprom.track_signup(request_of(fprom), EMAIL)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not [secret for secret in SECRETS if secret in frames_of(caught.value)]


def frames_of(error: BaseException) -> str:
    """Return what an error tracker shows of the frames below the test's own."""
    assert error.__traceback__ is not None
    below = traceback.TracebackException(
        type(error), error, error.__traceback__.tb_next, capture_locals=True
    )
    return "".join(below.format()) + repr((error.__cause__, error.__context__))


@pytest.mark.parametrize("module", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_no_frame_of_an_exception_shows_a_lead(module: bool, broken: bool) -> None:
    """A wrong session=, or no middleware: an error tracker prints the locals of every frame."""
    fprom = Api().fprom()
    request = request_of(fprom) if broken else {"HTTP_COOKIE": f"_fprom_tid={TID}"}
    fprom._current._delivery = BrokenDelivery(FpromConfigError("no", key="FPROM_OUTBOX_URL"))  # type: ignore[assignment]
    sign_up = track_signup if module else fprom.track_signup

    with pytest.raises((FpromConfigError, FpromNotInstalled)) as caught:
        sign_up(request, EMAIL, uid="u-CANARY")
    assert not [secret for secret in SECRETS if secret in frames_of(caught.value)]


def test_no_frame_of_a_refused_token_shows_it() -> None:
    """It names the visitor to everyone who reads it."""
    fprom = Api().fprom(secret_keys="CANARY-0123456789-abcdef")
    token = fprom.dump_tracking(TrackingContext(tid=TID))
    for refuse in (fprom.load_tracking, partial(load_tracking, request_of(fprom))):
        with pytest.raises(FpromTokenError) as caught:
            refuse(token, purpose="another")
        assert token not in frames_of(caught.value)


# --- What an Fprom is made of -------------------------------------------------------------


def test_what_an_fprom_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, a mapping, or nothing for the process environment."""
    monkeypatch.setenv("FPROM_ENABLED", "false")
    monkeypatch.setenv("FPROM_TIMEOUT", "7")
    settings = FpromSettings(enabled=False)

    assert Fprom(settings).settings is settings
    assert Fprom({"FPROM_ENABLED": "no", "OTHER": 1}).settings == settings
    assert Fprom().settings.timeout == 7
    fprom = Fprom(settings)
    assert Fprom.of(fprom) is fprom
    assert Fprom.of(settings).settings is settings
    assert Fprom.of(None).settings.timeout == 7


@pytest.mark.parametrize("how", ["close", "aclose"])
def test_a_closed_fprom_can_be_used_again(how: str) -> None:
    """Closing lets go of what was opened, twice and before first use too."""
    api = Api()
    fprom = api.fprom()

    def shut() -> None:
        if how == "close":
            fprom.close()
        else:
            anyio.run(fprom.aclose)

    shut()
    for _ in range(2):
        assert fprom.track_signup(request_of(fprom), EMAIL).status == "sent"
        shut()
        shut()

    assert len(api.seen) == 2


def test_inline_delivery_has_nothing_to_drain() -> None:
    """Without an outbox, draining and counting find nothing."""
    fprom = Api().fprom()
    fprom.track_signup(request_of(fprom), EMAIL)

    assert not any(fprom.drain(limit=1, seconds=1, wait=True).values())
    assert fprom.stats().pending == 0
    fprom.start_worker()
    assert not fprom.needs_start


def test_a_background_that_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    """A request is served even where the background cannot be started, and it is told once."""
    fprom = Api().fprom()
    fprom._current._delivery = BrokenDelivery(OSError("CANARY"))  # type: ignore[assignment]
    fprom.start_hint.wanted = True

    request_of(fprom)
    request_of(fprom)

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "could not be started: OSError" in caplog.text
    assert "CANARY" not in caplog.text


class Overtaken:
    """A lock that another thread held until it had made the delivery."""

    def __init__(self, fprom: Fprom, made: object) -> None:
        self.fprom, self.made = fprom, made

    def __enter__(self) -> None:
        self.fprom._current._delivery = self.made  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        return


def test_threads_share_one_delivery() -> None:
    """Whoever waited while another thread made the delivery uses that one."""
    fprom, made = Api().fprom(), object()
    fprom._current._lock = Overtaken(fprom, made)  # type: ignore[assignment]

    assert fprom.delivery is made


def test_what_an_account_does_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called as the interpreter calls it: a lock that a thread of the parent held is not asked."""
    fprom = Api().fprom()
    parents = fprom.delivery
    monkeypatch.setattr(current, "_all", {fprom._current})
    with fprom._current._lock:
        current._start_afresh()
        assert fprom.track_signup(request_of(fprom), EMAIL).status == "sent"

    assert fprom.delivery is not parents
    fprom.close()
    current._start_afresh()
    assert fprom.track_signup(request_of(fprom), EMAIL).status == "sent"


FORK = """
import gc, os, weakref
from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.delivery import registry

fprom = Fprom({"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a", "FPROM_DELIVERY": "inline"})
inherited, lock = weakref.ref(fprom.delivery), fprom._current._lock
lock.acquire()
child = os.fork()
if not child:
    gc.collect()
    assert inherited() is not None, "its connections are closed under the parent's feet"
    assert fprom.delivery is not inherited()
    assert list(registry._open) == [fprom.delivery]
    os._exit(0)
lock.release()
assert os.waitpid(child, 0)[1] == 0
assert fprom.delivery is inherited()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_starts_afresh() -> None:
    """Delivery and lock are the parent's; the child keeps them unused and makes its own."""
    assert run_program(FORK) == "done\n"
