"""A single-page app on another host sends the tid in a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fprom_middleware import track_signup
from tests.support.accounts import Account
from tests.support.visits import EMAIL, IP, NAVIGATION, OTHER_TID, TID

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.visits import Visit


@pytest.fixture
def api() -> Account:
    """An account whose app is called by scripts."""
    return Account(tid_header="X-Fprom-Tid", secret_keys=())


def test_the_header_is_the_tid(api: Account, fprom: FpromMock, visit: Visit) -> None:
    """In any case of its name; no key is needed, and no cookie is written."""
    for name in ("X-Fprom-Tid", "x-fprom-tid"):
        seen = visit(api.fprom, method="POST", headers={name: TID})
        assert (seen.context.tid, seen.written) == (TID, [])
        track_signup(seen.connection, name)
        fprom.assert_lead(email=name, tid=TID, ip=IP)
    assert visit(api.fprom, headers={**NAVIGATION, "X-Fprom-Tid": TID}).written == []


def test_off_by_default(account: Account, visit: Visit) -> None:
    """Nobody reads a header that nobody named."""
    assert visit(account.fprom, headers={"X-Fprom-Tid": TID}).context.tid is None


def test_the_cookie_comes_first(api: Account, visit: Visit) -> None:
    """The vendor's cookie, then the header, then what was kept."""
    headers = {"X-Fprom-Tid": OTHER_TID}
    assert visit(api.fprom, cookie=f"_fprom_tid={TID}", headers=headers).context.tid == TID
    assert visit(api.fprom, cookie=f"_fprom_track={TID}", headers=headers).context.tid == TID

    both = Account(tid_header="X-Fprom-Tid", keep_days=60)
    kept = visit(both.fprom, cookie=f"_fprom_tid={TID}").jar
    assert visit(both.fprom, cookie=kept, headers=headers).context.tid == OTHER_TID
    assert visit(both.fprom, cookie=kept, headers={}).context.tid == TID


@pytest.mark.parametrize(
    "value", ["", " ", "a\0b", "a\x1fb", "a\x7fb", "x" * 513, "undefined", " null"]
)
def test_a_value_that_is_no_tid(api: Account, visit: Visit, value: str) -> None:
    """The rules are those of the cookie."""
    context = visit(api.fprom, headers={"X-Fprom-Tid": value}).context
    assert context.tid is None
    assert api.fprom.track_signup(context, EMAIL).reason == "organic"


@pytest.mark.parametrize("value", [TID, f" {TID}\t", "x" * 512, 'any"thing', "ä"])
def test_a_value_that_is_one(api: Account, visit: Visit, value: str) -> None:
    """Blanks around it do not count; it need not be a UUID."""
    assert visit(api.fprom, headers={"X-Fprom-Tid": value}).context.tid == value.strip()


def test_nothing_in_the_header_hides_nothing(visit: Visit) -> None:
    """The next source is asked where a script writes what it has not got."""
    both = Account(tid_header="X-Fprom-Tid", keep_days=60)
    kept = visit(both.fprom, cookie=f"_fprom_tid={TID}").jar

    for value in ("undefined", "null", "NaN", "None", "[object Object]"):
        seen = visit(
            both.fprom, cookie=f"_fprom_tid={value}; {kept}", headers={"X-Fprom-Tid": value}
        )
        assert seen.context.tid == TID
