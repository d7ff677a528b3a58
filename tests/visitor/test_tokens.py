"""A visitor carried in a token: what comes back, and what is refused."""

from __future__ import annotations

import hashlib
import string
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from itsdangerous import URLSafeSerializer

from fprom_middleware import (
    Fprom,
    FpromConfigError,
    FpromNotInstalled,
    FpromSettings,
    FpromTokenError,
    TrackingContext,
    dump_tracking,
    load_tracking,
    track_signup,
)
from fprom_middleware.visitor.tokens import MAX_TOKEN, SKEW, keep_serializer
from tests.support.accounts import ACCOUNT, SIGNING_KEY, Account
from tests.support.clock import DAY, NOW
from tests.support.visits import EMAIL, FOREIGN_KEY, IP, OLD_KEY, TID

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.visits import Visit

COOKIES = f"_fprom_tid={TID}; _fprom_ref=anna"
VISITOR = TrackingContext(TID)


def refusal(fprom: Fprom, token: object, **options: Any) -> str:
    """Return why a token is refused."""
    with pytest.raises(FpromTokenError) as caught:
        fprom.load_tracking(token, **options)
    if isinstance(token, str) and token:
        assert token not in str(caught.value)
    return caught.value.reason


def signed(payload: object, *, key: str = SIGNING_KEY, purpose: str = "signup") -> str:
    """Sign any payload as a token is signed."""
    salt = f"fprom_middleware.token {ACCOUNT} {purpose}"
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(key, salt=salt, signer_kwargs=kwargs).dumps(payload)


def test_a_visitor_comes_back(account: Account, visit: Visit) -> None:
    """The tid, the ref, the address and the moment of capture; the next request brings only it."""
    first = visit(account.fprom, cookie=COOKIES)
    token = dump_tracking(first.connection)
    account.clock.later(days=3)
    back = load_tracking(visit(account.fprom, query=f"state={token}").connection, token)

    assert (back.tid, back.ref_id, back.ip) == (TID, "anna", IP)
    assert back.captured_at == datetime.fromtimestamp(int(NOW), UTC)
    assert first.context.captured_at is None


def test_a_loaded_visitor_is_signed_up(account: Account, fprom: FpromMock, visit: Visit) -> None:
    """The module's function takes it, for it knows the account; the sign-up is now."""
    token = dump_tracking(visit(account.fprom, cookie=COOKIES).connection)
    account.clock.later(days=3)
    context = load_tracking(visit(account.fprom).connection, token)

    track_signup(context, EMAIL)
    now = datetime.fromtimestamp(NOW, UTC) + timedelta(days=3)
    fprom.assert_lead(email=EMAIL, tid=TID, ip=IP, created_at=now)


def test_an_ordinary_token_is_short_and_url_safe(account: Account, visit: Visit) -> None:
    """At most 200 characters that need no encoding in a URL, and nothing secret in them."""
    token = dump_tracking(visit(account.fprom, cookie=COOKIES).connection)

    assert len(token) <= 200
    assert set(token) <= {*string.ascii_letters, *string.digits, "-", "_", "."}
    assert URLSafeSerializer("any").loads_unsafe(token)[1] == [TID, "anna", IP, int(NOW)]


def test_an_ipv6_visitor_is_as_short(account: Account) -> None:
    """The longest ordinary visitor, with a full IPv6 address, has 200 characters at the most."""
    context = TrackingContext(TID, "a-promoter-1234", "2001:db8:1111:2222:3333:4444:5555:6666")
    assert len(account.fprom.dump_tracking(context)) <= 200


def test_the_longest_cookies_make_a_token_that_is_read(account: Account, visit: Visit) -> None:
    """Whatever counts as a tid and a ref can be carried."""
    for odd in ("x" * 512, "".join(chr(0xA0 + i % 96) for i in range(512))):
        first = visit(account.fprom, cookie=f"_fprom_tid={odd}; _fprom_ref={odd}")
        back = account.fprom.load_tracking(dump_tracking(first.connection))
        assert (back.tid, back.ref_id) == (first.context.tid, first.context.ref_id)
        assert len(back.tid or "") == 512


def test_carried_on_it_stays_the_same(account: Account) -> None:
    """A loaded context dumped again keeps its moment: nobody renews a token for ever."""
    context = account.fprom.load_tracking(account.fprom.dump_tracking(TrackingContext(TID)))
    account.clock.later(days=10)
    again = account.fprom.load_tracking(account.fprom.dump_tracking(context))

    assert again.captured_at == context.captured_at
    assert refusal(account.fprom, account.fprom.dump_tracking(context), max_age=DAY) == "expired"


def test_a_naive_moment_is_utc(account: Account) -> None:
    """As everywhere in this package; another zone is the same moment."""
    moment = datetime(2025, 4, 25, 9, tzinfo=UTC)
    naive, there = moment.replace(tzinfo=None), moment.astimezone(timezone(timedelta(hours=5)))
    for given in (moment, naive, there):
        token = account.fprom.dump_tracking(TrackingContext(TID, captured_at=given))
        assert account.fprom.load_tracking(token).captured_at == moment


def test_rotation(account: Account) -> None:
    """The last key signs, all verify; without its key a token is foreign."""
    fprom = account.fprom
    old, both = (
        account.of(secret_keys=OLD_KEY).fprom,
        account.of(secret_keys=[OLD_KEY, SIGNING_KEY]).fprom,
    )
    visitor = TrackingContext(TID)

    assert both.load_tracking(old.dump_tracking(visitor)).tid == TID
    assert both.dump_tracking(visitor) == fprom.dump_tracking(visitor)
    assert refusal(fprom, old.dump_tracking(visitor)) == "bad_signature"


def test_purposes_do_not_mix(account: Account) -> None:
    """A token is good for its own purpose, and the keep cookie is none at all."""
    fprom = account.fprom
    token = fprom.dump_tracking(TrackingContext(TID), purpose="confirm")
    cookie = keep_serializer([SIGNING_KEY], ACCOUNT).dumps([TID, None, None, int(NOW)])

    assert fprom.load_tracking(token, purpose="confirm").tid == TID
    assert refusal(fprom, token) == "bad_signature"
    assert refusal(fprom, token, purpose="confir") == "bad_signature"
    assert refusal(fprom, cookie) == "bad_signature"
    assert refusal(fprom, cookie, purpose="keep") == "bad_signature"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "malformed"),
        (b"bytes", "malformed"),
        (["a"], "malformed"),
        ("tökén.x", "malformed"),
        ("", "bad_signature"),
        ("nonsense", "bad_signature"),
        ("a.b", "malformed"),
        ("." * 3, "bad_signature"),
        ("x" * (MAX_TOKEN + 1), "oversized"),
        (signed([TID, None, None, int(NOW)], key=FOREIGN_KEY), "bad_signature"),
        (signed([TID, None, None, int(NOW)]) + "x" * MAX_TOKEN, "oversized"),
        (signed([TID, None, None]), "malformed"),
        (signed({"tid": TID}), "malformed"),
        (signed([5, None, None, int(NOW)]), "malformed"),
        (signed([TID, None, None, "now"]), "malformed"),
        (signed([TID, None, None, True]), "malformed"),
        (signed([TID, None, None, -1]), "malformed"),
        (signed([TID, None, None, 1e300]), "malformed"),
        (signed([TID, None, None, 10**400]), "malformed"),
        (signed([TID, None, None, float("nan")]), "malformed"),
        (signed([TID, None, None, int(NOW) + SKEW + 2]), "future"),
    ],
)
def test_refused(account: Account, token: object, reason: str) -> None:
    """Each bad token has its reason, and `default=` stands in for it without an exception."""
    assert refusal(account.fprom, token) == reason
    assert account.fprom.load_tracking(token, default=None) is None
    nobody = TrackingContext()
    assert account.fprom.load_tracking(token, default=nobody) is nobody


def test_a_clock_that_is_ahead_a_little(account: Account) -> None:
    """Another machine's clock may be a minute ahead."""
    token = account.fprom.dump_tracking(TrackingContext(TID))
    account.clock.later(seconds=-SKEW)
    assert account.fprom.load_tracking(token, max_age=1).tid == TID
    account.clock.later(seconds=-2)
    assert refusal(account.fprom, token) == "future"


def test_age(account: Account) -> None:
    """60 days by default, as long as the vendor's cookie; any other limit, or none."""
    token = account.fprom.dump_tracking(TrackingContext(TID))
    account.clock.later(seconds=59)
    assert account.fprom.load_tracking(token, max_age=60).tid == TID
    account.clock.later(seconds=2)
    assert refusal(account.fprom, token, max_age=60) == "expired"
    account.clock.later(days=59.9)
    assert account.fprom.load_tracking(token).tid == TID
    account.clock.later(days=0.1)
    assert refusal(account.fprom, token) == "expired"
    account.clock.later(days=10_000)
    assert account.fprom.load_tracking(token, max_age=None).tid == TID


def test_a_bare_context_needs_a_name_for_its_account(account: Account) -> None:
    """The module's functions know no account for it; its own `Fprom` takes it."""
    bare = TrackingContext(TID)
    for call in (lambda: dump_tracking(bare), lambda: load_tracking(bare, "x")):
        with pytest.raises(FpromNotInstalled, match="knows no Fprom"):
            call()
    with pytest.raises(FpromNotInstalled, match="holds no tracking context"):
        dump_tracking({})
    assert account.fprom.load_tracking(account.fprom.dump_tracking(bare)).tid == TID


def test_a_job_signs_up_a_loaded_context(account: Account) -> None:
    """In a job there is no request: the `Fprom` at hand does it all."""
    context = account.fprom.load_tracking(account.fprom.dump_tracking(TrackingContext(TID)))
    for receipt in (account.fprom.track_signup(context, EMAIL), track_signup(context, EMAIL)):
        assert receipt.status == "sent"
    assert load_tracking(context, account.fprom.dump_tracking(context)).tid == TID


@pytest.mark.parametrize("default", [{}, {"default": None}])
def test_no_keys(default: dict[str, Any]) -> None:
    """Without FPROM_SECRET_KEYS it is the operator's mistake, whatever the token is."""
    fprom = Fprom(FpromSettings(enabled=False))
    with pytest.raises(FpromConfigError, match="FPROM_SECRET_KEYS: is missing") as caught:
        fprom.dump_tracking(TrackingContext(TID))
    assert caught.value.key == "FPROM_SECRET_KEYS"
    with pytest.raises(FpromConfigError, match="FPROM_SECRET_KEYS: is missing"):
        fprom.load_tracking("x", **default)


def test_an_old_key_that_is_short_is_refused_at_start() -> None:
    """The error names the setting, and shows none of the keys."""
    with pytest.raises(FpromConfigError, match="shorter than 16") as caught:
        FpromSettings(enabled=False, secret_keys=[SIGNING_KEY, "a short CANARY"])
    assert "CANARY" not in str(caught.value)
    assert caught.value.key == "FPROM_SECRET_KEYS"


def test_another_accounts_token_is_refused(account: Account, visit: Visit) -> None:
    """With the same keys, too: a tid means nothing to another account."""
    token = dump_tracking(visit(account.fprom, cookie=COOKIES).connection)

    with pytest.raises(FpromTokenError, match="bad_signature"):
        account.of(account_id="another").fprom.load_tracking(token)


def test_rotation_in_two_steps(account: Account) -> None:
    """While some processes have the next settings and some the last, each reads the other's.

    First the new key is added before the last one, everywhere; then it is moved to the end.
    """
    steps = [f"{OLD_KEY}", f"{SIGNING_KEY},{OLD_KEY}", f"{OLD_KEY},{SIGNING_KEY}", SIGNING_KEY]
    deploys = [account.of(secret_keys=keys).fprom for keys in steps]

    for before, after in pairwise(deploys[:3]):
        for one, other in ((before, after), (after, before)):
            assert other.load_tracking(one.dump_tracking(VISITOR)).tid == VISITOR.tid

    # In one step, a process of the last settings refuses what one of the next signs.
    token = deploys[2].dump_tracking(VISITOR)
    assert deploys[0].load_tracking(token, default=None) is None
    # The old key is taken out once no token of it is believed any more.
    assert deploys[3].load_tracking(deploys[1].dump_tracking(VISITOR), default=None) is None
    assert deploys[3].load_tracking(token).tid == VISITOR.tid
