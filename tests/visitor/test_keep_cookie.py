"""The keep cookie: what it says, and how long."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import FpromConfigError, FpromSettings, track_signup
from fprom_middleware.visitor.keep_cookie import COOKIE
from fprom_middleware.visitor.tokens import keep_serializer
from tests.support.accounts import SIGNING_KEY, Account
from tests.support.clock import DAY, NOW
from tests.support.visits import EMAIL, FOREIGN_KEY, IP, NAVIGATION, OLD_KEY, OTHER_TID, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit

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
    assert keep_serializer([SIGNING_KEY]).loads(value) == [TID, "anna", int(NOW)]
    assert EMAIL not in line
    assert IP not in str(keep_serializer([SIGNING_KEY]).loads(value))


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
    """It is counted from the first visit: a newer tid has what is left of it."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    keeping.clock.later(days=20)
    newer = visit(keeping.fprom, cookie=f"_fprom_tid={OTHER_TID}; _fprom_ref=ben; {kept}")

    assert newer.kept is not None
    assert int(newer.kept["max-age"]) == 40 * DAY
    keeping.clock.later(days=39.9)
    assert visit(keeping.fprom, cookie=newer.jar).context.tid == OTHER_TID
    keeping.clock.later(days=0.1)
    ended = visit(keeping.fprom, cookie=newer.jar)
    assert (ended.context.tid, ended.context.ref_id, ended.written) == (None, None, [])


def test_a_newer_tid_wins(keeping: Account, visit: Visit) -> None:
    """The last click counts, as with the vendor; also for the request that brings it."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    newer = visit(keeping.fprom, cookie=f"{kept}; _fprom_tid={OTHER_TID}; _fprom_ref=ben")

    assert (newer.context.tid, newer.context.ref_id) == (OTHER_TID, "ben")
    later = visit(keeping.fprom, cookie=newer.jar)
    assert (later.context.tid, later.context.ref_id) == (OTHER_TID, "ben")


def test_a_newer_visitor_takes_nothing_of_the_older(keeping: Account, visit: Visit) -> None:
    """A tid without a ref does not lose what is known; the tid is what counts."""
    kept = visit(keeping.fprom, cookie=VENDOR).jar
    newer = visit(keeping.fprom, cookie=f"{kept}; _fprom_tid={OTHER_TID}")
    track_signup(visit(keeping.fprom, method="POST", cookie=newer.jar).connection, EMAIL)
    assert (keeping.leads[0]["tid"], "ref_id" in keeping.leads[0]) == (OTHER_TID, False)


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        '"quoted nonsense"',
        "a.b.c",
        ".eJw.x",
        "ünsigned",
        keep_serializer([FOREIGN_KEY]).dumps([OTHER_TID, "ben", int(NOW)]),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, "ben"]),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, 5, int(NOW)]),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, "ben", "now"]),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, "ben", True]),
        keep_serializer([SIGNING_KEY]).dumps({"tid": OTHER_TID}),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, "ben", int(NOW) - 60 * DAY - 1]),
        keep_serializer([SIGNING_KEY]).dumps([OTHER_TID, "ben", int(NOW) + 3600]),
    ],
)
def test_a_cookie_that_does_not_verify(keeping: Account, visit: Visit, bad: str) -> None:
    """It is ignored, and replaced as soon as there is something to keep."""
    alone = visit(keeping.fprom, cookie=f"{COOKIE}={bad}")
    assert (alone.context.tid, alone.context.ref_id, alone.written) == (None, None, [])

    beside = visit(keeping.fprom, cookie=f"{COOKIE}={bad}; {VENDOR}")
    assert beside.context.tid == TID
    value = beside.jar.partition("=")[2]
    assert keep_serializer([SIGNING_KEY]).loads(value) == [TID, "anna", int(NOW)]


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


def test_domain(visit: Visit) -> None:
    """With FPROM_KEEP_DOMAIN the cookie serves every host of the domain."""
    seen = visit(Account(keep_days=60, keep_domain=".Example.com").fprom, cookie=VENDOR)
    assert seen.kept is not None
    assert seen.kept["domain"] == "example.com"


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
