"""The keep cookie: what it says, and how long."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import FpromConfigError, FpromSettings, track_signup
from fprom_middleware.visitor.tokens import keep_serializer
from tests.support.accounts import ACCOUNT, SIGNING_KEY, Account
from tests.support.clock import DAY, NOW
from tests.support.visits import COOKIE, EMAIL, FOREIGN_KEY, IP, NAVIGATION, OLD_KEY, OTHER_TID, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit

OURS = keep_serializer([SIGNING_KEY], ACCOUNT)
VENDOR = f"_fprom_tid={TID}; _fprom_ref=anna"


@pytest.fixture
def keeping() -> Account:
    """An account that keeps visitors for 60 days."""
    return Account(keep_days=60)


def test_the_cookie_is_our_own(keeping: Account, visit: Visit) -> None:
    """One cookie with a name of ours: signed, for the server alone, for this host, 60 days."""
    seen = visit(keeping.fprom, cookie=VENDOR)

    (line,) = seen.written
    assert not line.lower().startswith("_fprom")
    name, *attributes = line.split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert attributes == [f"Max-Age={60 * DAY}", "Path=/", "HttpOnly", "SameSite=Lax"]
    value = name.partition("=")[2]
    assert OURS.loads(value) == [TID, "anna", int(NOW), int(NOW)]
    assert EMAIL not in line
    assert IP not in str(OURS.loads(value))


def test_a_visitor_nobody_referred_gets_none(keeping: Account, visit: Visit) -> None:
    """There is nothing to keep."""
    assert visit(keeping.fprom, cookie="theme=dark").written == []


def test_off_is_off(account: Account, visit: Visit) -> None:
    """By default nothing is written, and a cookie of that name is not read."""
    kept = visit(Account(keep_days=60).fprom, cookie=VENDOR).jar
    assert account.fprom.visitor.sources is None
    seen = visit(account.fprom, cookie=kept)
    assert (seen.written, seen.context.tid) == ([], None)
    assert visit(account.fprom, cookie=VENDOR).written == []


def test_safari_on_day_30(keeping: Account, visit: Visit) -> None:
    """The script's cookies are gone after a week; the visitor signs up with the same tid."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(days=30)
    seen = visit(keeping.fprom, method="POST", cookie=kept)

    assert (seen.context.tid, seen.context.ref_id, seen.written) == (TID, "anna", [])
    assert track_signup(seen.connection, EMAIL).status == "sent"
    (lead,) = keeping.leads
    assert (lead["tid"], lead["ip"], "ref_id" in lead) == (TID, IP, False)


def test_a_cookie_that_says_it_all_is_not_written_again(keeping: Account, visit: Visit) -> None:
    """With the vendor's cookies beside it or alone, at any age."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    for _ in range(3):
        keeping.clock.later(days=15)
        assert visit(keeping.fprom, cookie=kept).written == []
        assert visit(keeping.fprom, cookie=f"{VENDOR}; {kept}").written == []


def test_the_window_is_never_extended(keeping: Account, visit: Visit) -> None:
    """It is counted from a click's first visit, whatever is learned of the click later."""
    kept = visit(keeping.fprom, cookie=f"_fprom_tid={TID}").jar
    keeping.clock.later(days=20)
    fuller = visit(keeping.fprom, cookie=f"{VENDOR}; {kept}")

    assert fuller.kept is not None
    assert int(fuller.kept["max-age"]) == 40 * DAY
    keeping.clock.later(days=39.9)
    assert visit(keeping.fprom, cookie=fuller.jar).context.ref_id == "anna"
    keeping.clock.later(days=0.1)
    ended = visit(keeping.fprom, cookie=fuller.jar)
    assert (ended.context.tid, ended.context.ref_id, ended.written) == (None, None, [])


def test_another_click_has_a_window_of_its_own(keeping: Account, visit: Visit) -> None:
    """It is kept as long as the first one was."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(days=20)
    newer = visit(keeping.fprom, cookie=f"_fprom_tid={OTHER_TID}; _fprom_ref=ben; {kept}")

    assert newer.kept is not None
    assert int(newer.kept["max-age"]) == 60 * DAY


def test_a_newer_tid_wins(keeping: Account, visit: Visit) -> None:
    """The last click counts, as with the vendor; also for the request that brings it."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    newer = visit(keeping.fprom, cookie=f"{kept}; _fprom_tid={OTHER_TID}; _fprom_ref=ben")

    assert (newer.context.tid, newer.context.ref_id) == (OTHER_TID, "ben")
    later = visit(keeping.fprom, cookie=newer.jar)
    assert (later.context.tid, later.context.ref_id) == (OTHER_TID, "ben")


# Each row: what is kept, what the visitor brings later, and what counts then and afterwards.
CLICKS = {
    "the same tid and ref": ((TID, "anna"), (TID, "anna"), (TID, "anna")),
    "the same tid alone": ((TID, "anna"), (TID, None), (TID, "anna")),
    "the same ref alone": ((TID, "anna"), (None, "anna"), (TID, "anna")),
    "the ref of a tid that was alone": ((TID, None), (TID, "anna"), (TID, "anna")),
    "the tid of a ref that was alone": ((None, "anna"), (TID, "anna"), (TID, "anna")),
    "another tid drops the ref": ((TID, "anna"), (OTHER_TID, None), (OTHER_TID, None)),
    "a tid drops a ref that was alone": ((None, "anna"), (TID, None), (TID, None)),
    "another ref drops the tid": ((TID, "anna"), (None, "ben"), (None, "ben")),
    "a ref drops a tid that was alone": ((TID, None), (None, "ben"), (None, "ben")),
    "another click": ((TID, "anna"), (OTHER_TID, "ben"), (OTHER_TID, "ben")),
    "another tid of the same ref": ((TID, "anna"), (OTHER_TID, "anna"), (OTHER_TID, "anna")),
    "nothing": ((TID, "anna"), (None, None), (TID, "anna")),
}


def vendor(tid: str | None, ref_id: str | None) -> str:
    """Write the cookies of the vendor's script."""
    pairs = {"_fprom_tid": tid, "_fprom_ref": ref_id}
    return "; ".join(f"{name}={value}" for name, value in pairs.items() if value)


@pytest.mark.parametrize("case", CLICKS)
def test_a_click_is_one_thing(keeping: Account, visit: Visit, case: str) -> None:
    """Tid and ref are kept together, and dropped together."""
    before, brought, expected = CLICKS[case]
    kept = visit(keeping.fprom, cookie=vendor(*before)).jar
    keeping.clock.later(days=1)

    seen = visit(keeping.fprom, cookie=f"{kept}; {vendor(*brought)}")

    changed = expected != before
    assert bool(seen.written) is changed
    later = visit(keeping.fprom, cookie=seen.jar if changed else kept).context
    assert (later.tid, later.ref_id) == expected
    again = visit(keeping.fprom, cookie=f"{seen.jar if changed else kept}; {vendor(*brought)}")
    assert again.written == []


def test_the_newest_of_several_counts(keeping: Account, visit: Visit) -> None:
    """A host's cookie and a domain's may both be there, in any order; none is written again."""
    first = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(seconds=1)
    second = visit(keeping.fprom, cookie=f"_fprom_tid={OTHER_TID}; {first}").jar

    for cookie in (f"{first}; {second}", f"{second}; {first}", f"{second}; a=1; {first}; b"):
        seen = visit(keeping.fprom, cookie=cookie)
        assert (seen.context.tid, seen.context.ref_id, seen.written) == (OTHER_TID, None, [])
        assert visit(keeping.fprom, cookie=f"{cookie}; _fprom_tid={OTHER_TID}").written == []


def test_a_cookie_that_cannot_be_read_is_passed_over(keeping: Account, visit: Visit) -> None:
    """A key that was taken out makes no first visit of a known one."""
    old = visit(keeping.of(keep_days=60, secret_keys=OLD_KEY).fprom, cookie=VENDOR).jar
    good = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(days=20)

    for cookie in (f"{old}; {good}", f"{good}; {old}"):
        assert visit(keeping.fprom, cookie=f"{VENDOR}; {cookie}").written == []

    alone = visit(keeping.fprom, cookie=f"{VENDOR}; {old}")
    assert alone.kept is not None
    assert int(alone.kept["max-age"]) == 60 * DAY
    assert visit(keeping.fprom, cookie=f"{VENDOR}; {old}; {alone.jar}").written == []


def test_a_name_of_ones_own(visit: Visit) -> None:
    """FPROM_KEEP_NAME, for two accounts on one site; they read nothing of each other."""
    one = Account(keep_days=60, keep_name="kept_not-a-pattern")
    seen = visit(one.fprom, cookie=VENDOR)

    (line,) = seen.written
    pair = line.partition(";")[0]
    assert pair.startswith("kept_not-a-pattern=")
    assert visit(one.fprom, cookie=pair).context.tid == TID
    assert visit(Account(keep_days=60).fprom, cookie=pair).context.tid is None


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        '"quoted nonsense"',
        "a.b.c",
        ".eJw.x",
        "ünsigned",
        keep_serializer([FOREIGN_KEY], ACCOUNT).dumps([OTHER_TID, "ben", int(NOW), int(NOW)]),
        OURS.dumps([OTHER_TID, "ben"]),
        OURS.dumps([OTHER_TID, 5, int(NOW), int(NOW)]),
        OURS.dumps([OTHER_TID, "ben", "now", int(NOW)]),
        OURS.dumps([OTHER_TID, "ben", int(NOW), True]),
        OURS.dumps({"tid": OTHER_TID}),
        keep_serializer([SIGNING_KEY], "another").dumps([OTHER_TID, "ben", int(NOW), int(NOW)]),
        OURS.dumps([OTHER_TID, "ben", int(NOW) - 60 * DAY - 1, int(NOW)]),
        OURS.dumps([OTHER_TID, "ben", int(NOW) + 3600, int(NOW)]),
    ],
)
def test_a_cookie_that_does_not_verify(keeping: Account, visit: Visit, bad: str) -> None:
    """It is ignored, and replaced as soon as there is something to keep."""
    alone = visit(keeping.fprom, cookie=f"{COOKIE}={bad}")
    assert (alone.context.tid, alone.context.ref_id, alone.written) == (None, None, [])

    beside = visit(keeping.fprom, cookie=f"{COOKIE}={bad}; {VENDOR}")
    assert beside.context.tid == TID
    value = beside.jar.partition("=")[2]
    assert OURS.loads(value) == [TID, "anna", int(NOW), int(NOW)]


@pytest.mark.parametrize(
    "line",
    ["{}", "a=1; {}", "a=1;{}", "a=1;  {} ; b", ";{}", "x{}; {}", "a={}; {}", "{0}; fprom_keep=x"],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_wherever_it_stands_among_others(
    keeping: Account, visit: Visit, line: str, quote: str
) -> None:
    """It is found by its very name, quoted or not, and never inside another cookie."""
    value = visit(keeping.fprom, cookie=VENDOR).jar.partition("=")[2]
    kept = f"{COOKIE}={quote}{value}{quote}"
    other = f"{COOKIE}=nonsense"
    cookie = line.format(*([other, kept] if line.count("{}") > 1 else [kept]))
    assert visit(keeping.fprom, cookie=cookie).context.tid == TID


def test_a_clock_behind_the_one_that_wrote(keeping: Account, visit: Visit) -> None:
    """Another machine that is a few seconds behind believes the cookie, and leaves it."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(seconds=-5)
    seen = visit(keeping.fprom, cookie=kept)
    assert (seen.context.tid, seen.written) == (TID, [])
    assert visit(keeping.fprom, cookie=f"{kept}; {VENDOR}").written == []


def test_rotation(keeping: Account, visit: Visit) -> None:
    """A cookie of the older key is read until that key is taken out."""
    kept = visit(keeping.of(keep_days=60, secret_keys=OLD_KEY).fprom, cookie=VENDOR).jar
    both = keeping.of(keep_days=60, secret_keys=f"{OLD_KEY},{SIGNING_KEY}")

    assert visit(both.fprom, cookie=kept).context.tid == TID
    assert visit(keeping.fprom, cookie=kept).context.tid is None


def test_a_visitor_too_long_to_keep(keeping: Account, visit: Visit) -> None:
    """A cookie longer than would be read again is not written; the request itself has it all."""
    noise = random.Random(1).randbytes(378)  # noqa: S311 - what no zlib makes shorter
    odd = urlsafe_b64encode(noise).decode()
    seen = visit(keeping.fprom, cookie=f"_fprom_tid={odd}")
    assert (seen.context.tid, seen.written) == (odd, [])


# Each row: the Host header, X-Forwarded-Host, whom the account trusts, whether Domain is written.
HOSTS = [
    ("example.com", None, 0, True),
    ("Example.COM:8443", None, 0, True),
    ("shop.example.com", None, 0, True),
    ("shop.example.com.", None, 0, True),
    ("other.example", None, 0, False),
    ("badexample.com", None, 0, False),
    ("example.com.evil.example", None, 0, False),
    ("", None, 0, True),
    ("backend", None, 0, True),
    ("localhost:8000", None, 0, True),
    ("127.0.0.1:8000", None, 0, True),
    ("[::1]:8000", None, 0, True),
    ("internal.lan", "shop.example.com", 1, True),
    ("internal.lan", "shop.example.com, internal.lan", 1, True),
    ("internal.lan", "shop.example.com", IP, True),
    ("internal.lan", "shop.example.com", 0, False),
    ("internal.lan", "shop.example.com", "loopback", False),
    ("shop.example.com", "other.example", 1, False),
    ("shop.example.com", "other.example", 0, True),
]


@pytest.mark.parametrize(("host", "forwarded", "trusted", "written"), HOSTS)
def test_domain(
    visit: Visit,
    host: str,
    forwarded: str | None,
    trusted: Any,
    caplog: pytest.LogCaptureFixture,
    *,
    written: bool,
) -> None:
    """FPROM_KEEP_DOMAIN serves every host of the domain; a browser refuses it of another host."""
    account = Account(keep_days=60, keep_domain=".Example.com", trusted_proxies=trusted)
    headers = {**NAVIGATION, "Host": host}
    if forwarded is not None:
        headers["X-Forwarded-Host"] = forwarded

    for _ in range(2):
        seen = visit(account.fprom, cookie=VENDOR, headers=headers)
        assert seen.kept is not None
        assert seen.kept["domain"] == ("example.com" if written else "")

    assert caplog.text.count("FPROM_KEEP_DOMAIN=example.com is not") == (0 if written else 1)


@pytest.mark.parametrize(
    ("settings", "scheme", "forwarded", "secure"),
    [
        ({}, "http", None, False),
        ({}, "https", None, True),
        ({}, "http", "https", False),
        ({"trusted_proxies": 1}, "http", "https", True),
        ({"trusted_proxies": "loopback"}, "http", "http, https", True),
        ({"trusted_proxies": "loopback"}, "http", "https, http", False),
        ({"trusted_proxies": 1}, "http", " HTTPS ", True),
        ({"trusted_proxies": 1}, "https", None, True),
        ({"trusted_proxies": 1}, "http", "nonsense", False),
    ],
)
def test_secure(
    visit: Visit, settings: dict[str, Any], scheme: str, forwarded: str | None, *, secure: bool
) -> None:
    """Secure where the visitor came by https: the server says so, or the proxy it trusts."""
    headers = {**NAVIGATION, **({"X-Forwarded-Proto": forwarded} if forwarded else {})}
    account = Account(keep_days=60, **settings)
    seen = visit(account.fprom, cookie=VENDOR, headers=headers, scheme=scheme)
    assert seen.kept is not None
    assert bool(seen.kept["secure"]) is secure


@pytest.mark.parametrize("setting", [{"keep_days": 60}, {"link_params": "fpr"}])
def test_keys_are_needed_at_start(setting: dict[str, Any]) -> None:
    """Without FPROM_SECRET_KEYS, or with a short one, the app does not start."""
    with pytest.raises(FpromConfigError, match="needs FPROM_SECRET_KEYS, which is missing"):
        FpromSettings(enabled=False, **setting)
    with pytest.raises(FpromConfigError, match="FPROM_SECRET_KEYS: holds a key shorter"):
        FpromSettings(enabled=False, secret_keys="short", **setting)


def test_nothing_is_written_while_disabled(visit: Visit) -> None:
    """FPROM_ENABLED=false: no cookie for nobody; what is there can be looked at."""
    kept = visit(Account(keep_days=60).fprom, cookie=VENDOR).jar
    account = Account(keep_days=60, enabled=False)
    assert visit(account.fprom, cookie=VENDOR).written == []
    assert visit(account.fprom, cookie=kept).context.tid == TID
