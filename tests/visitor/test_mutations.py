"""Ten thousand tokens that nobody signed: none is taken, and none costs more than its length."""

from __future__ import annotations

import hashlib
import random
import string
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from itsdangerous import URLSafeSerializer
from itsdangerous.encoding import base64_encode

from fprom_middleware import FpromTokenError, TrackingContext
from fprom_middleware.visitor.tokens import MAX_TOKEN
from tests.support.accounts import ACCOUNT, SIGNING_KEY, Account
from tests.support.clock import NOW
from tests.support.visits import COOKIE, FOREIGN_KEY, IP, OLD_KEY, TID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.visits import Visit

EACH = 1400
BOMBS = 250
ALPHABET = string.ascii_letters + string.digits + "-_"
VISITOR = TrackingContext(TID, "anna", IP)
# The payload of a long visitor is compressed: its token begins with a full stop.
LONG_VISITOR = TrackingContext(TID, "anna" * 100, IP)


def flip_a_bit(dice: random.Random, token: str) -> str:
    """Change one bit, which may make a character that no token has."""
    at = dice.randrange(len(token))
    return token[:at] + chr(ord(token[at]) ^ 1 << dice.randrange(7)) + token[at + 1 :]


def change_a_character(dice: random.Random, token: str) -> str:
    """Put another character of the alphabet in; at the end of the signature half of the time."""
    at = dice.choice([dice.randrange(len(token)), len(token) - 1])
    other = dice.choice([one for one in ALPHABET if one != token[at]])
    return token[:at] + other + token[at + 1 :]


def cut(dice: random.Random, token: str) -> str:
    """Leave a part out, at either end or in the middle."""
    begin, end = sorted(dice.choices(range(len(token) + 1), k=2))
    return dice.choice([token[:begin], token[end + 1 :], token[:begin] + token[begin + 1 :]])


def insert(dice: random.Random, token: str) -> str:
    """Put characters in, some of which base64 passes over."""
    at = dice.randrange(len(token) + 1)
    more = "".join(dice.choices(ALPHABET + ".=!*\n %\0", k=dice.choice([1, 2, 40])))
    return token[:at] + more + token[at:]


def swap_parts(dice: random.Random, token: str) -> str:
    """Join the payload of one token with the signature of another, or in another order."""
    payload, signature = token.rsplit(".", 1)
    other = Account(secret_keys=FOREIGN_KEY).fprom.dump_tracking(TrackingContext(TID))
    return dice.choice(
        [
            f"{signature}.{payload}",
            f"{payload}.{other.rsplit('.', 1)[1]}",
            f"{other.rsplit('.', 1)[0]}.{signature}",
            f"{payload}.",
            f".{signature}",
            f"{payload}.{signature}.{signature}",
            f".{payload}.{signature}",
        ]
    )


def other_purpose(dice: random.Random, token: str) -> str:
    """Sign with the right key for something else; the app's own signatures among it."""
    salt = dice.choice(
        [
            "fprom_middleware.visitor.keep_cookie",
            "fprom_middleware.token.",
            f"fprom_middleware.token {ACCOUNT} ",
            "fprom_middleware.token another signup",
            f"fprom_middleware.token {ACCOUNT} signup{dice.randrange(1000)}",
            "itsdangerous",
            "itsdangerous.Signer",
            "cookie-session",
        ]
    )
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    if dice.random() < 0.2:
        kwargs = {}
    serializer = URLSafeSerializer(SIGNING_KEY, salt=salt, signer_kwargs=kwargs)
    return str(serializer.dumps([TID, dice.random(), IP, int(NOW)]))


def other_key(dice: random.Random, token: str) -> str:
    """Sign the right way with keys that are near the right one, or far from it."""
    near = [SIGNING_KEY[:-1], SIGNING_KEY[1:], f"{SIGNING_KEY}x", SIGNING_KEY.upper()]
    key = dice.choice([FOREIGN_KEY, OLD_KEY, f"{dice.random():.16f}", *near])
    return Account(secret_keys=key).fprom.dump_tracking(VISITOR)


def bomb(dice: random.Random, token: str) -> str:
    """Compress megabytes into a token, signed by a stranger, by nobody, or by another token."""
    payload = b"." + base64_encode(zlib.compress(b"[" * dice.randrange(10**6, 5 * 10**6)))[:8000]
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    salt = f"fprom_middleware.token {ACCOUNT} signup"
    signer = URLSafeSerializer(FOREIGN_KEY, salt=salt, signer_kwargs=kwargs).make_signer(salt)
    return dice.choice(
        [
            signer.sign(payload).decode(),
            payload.decode(),
            f"{payload.decode()}.{token.rsplit('.', 1)[1]}",
        ]
    )


WAYS = [flip_a_bit, change_a_character, cut, insert, swap_parts, other_purpose, other_key, bomb]
Way = Callable[[random.Random, str], str]


def mutated(way: Way, originals: list[str], count: int) -> Iterator[str]:
    """Yield tokens that are none of the originals."""
    dice = random.Random(way.__name__)  # noqa: S311 - the same dice at every run
    while count:
        token = way(dice, dice.choice(originals))
        if token not in originals:
            count -= 1
            yield token


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_mutation_is_taken(account: Account, way: Way) -> None:
    """Each is refused with FpromTokenError, and never with anything else."""
    fprom = account.fprom
    originals = [fprom.dump_tracking(visitor) for visitor in (VISITOR, LONG_VISITOR)]
    assert originals[1].startswith(".")
    count = BOMBS if way is bomb else EACH
    reasons = set()
    for token in mutated(way, originals, count):
        with pytest.raises(FpromTokenError) as caught:
            fprom.load_tracking(token)
        reasons.add(caught.value.reason)
        assert fprom.load_tracking(token, default=None) is None
    assert reasons <= {"malformed", "bad_signature", "oversized"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_mutation_of_the_cookie_is_taken(visit: Visit, way: Way) -> None:
    """The keep cookie, changed in the same ways, says nothing, and nothing raises."""
    account = Account(keep_days=60, secret_keys=SIGNING_KEY)
    seen = visit(account.fprom, cookie=f"_fprom_tid={TID}; _fprom_ref=anna")
    original = seen.jar.partition("=")[2]
    assert visit(account.fprom, cookie=seen.jar).context.tid == TID
    for token in mutated(way, [original], 100):
        value = token.partition(";")[0]
        if value.strip(' \t"') == original:
            continue
        context = visit(account.fprom, cookie=f"{COOKIE}={value}").context
        assert (context.tid, context.ref_id) == (None, None), token


def test_the_time_grows_with_the_length(account: Account) -> None:
    """16 times the length is not 256 times the time; what is oversized costs nothing."""
    fprom = account.fprom

    def cost(token: str) -> float:
        times = []
        for _ in range(25):
            began = time.thread_time()
            fprom.load_tracking(token, default=None)
            times.append(time.thread_time() - began)
        return min(times)

    for unit in ("x", ".", "=", "[", "A.", "-_"):
        full = unit * (MAX_TOKEN // len(unit))
        assert cost(full) < 64 * cost(full[: MAX_TOKEN // 16]), unit
        assert cost(unit * 2_000_000) < 1e-3, unit
