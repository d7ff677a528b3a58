"""A sync call on a running event loop works, and is told once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

from fprom_middleware import Fprom, Status, TrackingContext
from fprom_middleware.delivery.on_loop import is_on_loop
from tests.support.accounts import Account, make_settings
from tests.support.frameworks import EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fprom_middleware import Receipt
    from fprom_middleware.testing import FpromMock

VISITOR = TrackingContext(tid="tid-of-the-visitor")
CALLS: dict[str, Callable[[Fprom], Receipt]] = {
    "track_signup": lambda fprom: fprom.track_signup(VISITOR, EMAIL),
    "track_sale": lambda fprom: fprom.track_sale(email=EMAIL, event_id="e", amount=1),
    "track_refund": lambda fprom: fprom.track_refund(email=EMAIL, event_id="r", amount=1),
    "track_cancellation": lambda fprom: fprom.track_cancellation(email=EMAIL),
}


@pytest.fixture
def account() -> Account:
    """An account that delivers inline."""
    return Account()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said of the event loop."""
    return [text for text in caplog.messages if "event loop" in text]


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "call"), CALLS.items())
async def test_it_works_and_names_its_twin(
    account: Account, caplog: pytest.LogCaptureFixture, name: str, call: Callable[[Fprom], Receipt]
) -> None:
    """On asyncio and on trio, whatever is called; a second call is not told again."""
    assert call(account.fprom).status is Status.SENT
    (text,) = told(caplog)
    assert text.startswith(f"{name} is called on a running event loop, which stands still ")
    assert text.endswith(f"Await {name}_async in its place.")
    assert EMAIL not in caplog.text
    account.fprom.track_signup(VISITOR, EMAIL)
    account.fprom.track_signup(VISITOR, "another@example.com")
    assert len(told(caplog)) == 1


@pytest.mark.anyio
async def test_what_holds_up_no_loop_is_not_told(
    account: Account, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The twin, a thread, what is not sent, and the list that tests have in an API's place."""
    fprom = account.fprom
    await fprom.track_signup_async(VISITOR, EMAIL)
    await anyio.to_thread.run_sync(lambda: fprom.track_signup(VISITOR, EMAIL))
    assert fprom.track_signup(None, EMAIL).status is Status.SKIPPED
    Fprom(make_settings(delivery="memory")).track_signup(VISITOR, EMAIL)
    assert told(caplog) == []


def test_without_a_loop_nothing_is_told(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    """Also where one has run in this thread before."""
    anyio.run(anyio.sleep, 0)
    account.fprom.track_signup(VISITOR, EMAIL)
    assert told(caplog) == []
    assert not is_on_loop()


@pytest.mark.anyio
async def test_an_app_s_own_tests_may_call_it(
    fprom: FpromMock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the testing kit, an async test holds nothing up."""
    Fprom(make_settings()).track_signup(VISITOR, EMAIL)
    fprom.assert_lead(email=EMAIL)
    assert told(caplog) == []


@pytest.mark.anyio
async def test_with_a_session_the_caller_s_own_statements_wait(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """Under `run_sync` of an async session they hold up no loop, and it cannot be told apart."""
    session: Any = object()
    account.fprom.track_signup(VISITOR, EMAIL, session=session)
    assert told(caplog) == []


def test_looking_loads_no_event_loop() -> None:
    """An app that has none does not get one by this."""
    code = (
        "import sys; from fprom_middleware.delivery.on_loop import is_on_loop; "
        "print(is_on_loop(), *({'asyncio', 'trio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "False\n"
