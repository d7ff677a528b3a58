"""A whole drain tells FirstPromoter of a customer's life in its order, through trouble too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fprom_middleware import Fprom
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.outbox.retry import LONGEST_WAIT_SECONDS
from tests.support.accounts import make_settings
from tests.support.clock import START
from tests.support.leads import VISITOR
from tests.support.programs import start_program
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fprom_middleware.delivery.waiting import WaitingQueue
    from tests.support.api import Api, LoopbackApi, Seen
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom


def live(fprom: Fprom, number: int = 1) -> None:
    """Live the life of a customer, as far as FirstPromoter is told of it."""
    email = f"customer-{number}@example.com"
    assert fprom.track_signup(VISITOR, email).durable
    assert fprom.track_sale(None, email, event_id=f"pi_{number}", amount=1290).durable
    assert fprom.track_refund(None, email.upper(), event_id=f"re_{number}", amount=90).durable
    assert fprom.track_cancellation(None, email).durable


LIFE = ["signup", "sale", "refund", "cancellation"]


def paths(api: Api) -> list[str]:
    """Name the calls, in order."""
    return [call.url.rpartition("/")[2] for call in api.seen]


def fails_first(answer: int | httpx.Response, path: str) -> Callable[[Seen], int | httpx.Response]:
    """Fail the first call of one kind."""
    left = [answer]

    def say(call: Seen) -> int | httpx.Response:
        return left.pop() if left and call.url.endswith(path) else 200

    return say


def waiting_of(fprom: Fprom) -> WaitingQueue:
    """Return the memory in which events wait that the database refused."""
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return delivery.waiting


def test_what_waited_in_memory_goes_before_what_its_customer_does_next(
    database_url: str, make: MakeFprom, api: Api
) -> None:
    """The database refused the sign-up, and is back when the customer pays."""
    fprom = make(database_url)
    sign_up = fprom.track_signup(VISITOR, "customer-1@example.com").event
    assert sign_up is not None
    fprom.drain()
    api.seen.clear()
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    for event in (replace(sign_up, uid="1"), replace(sign_up, email="other@example.com")):
        waiting_of(fprom).add(delivery.outbox.row(event), OSError())
    fprom.track_sale(None, "customer-1@example.com", event_id="pi_1", amount=1290)

    assert fprom.drain()["sent"] == 3
    assert paths(api) == ["signup", "signup", "sale"]


def test_what_is_refused_for_good_does_not_keep_its_customers_next_event_back(
    sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """That one is durable by itself; what was refused waits on."""
    fprom = make(sqlite_url)
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    refuse = (
        "CREATE TRIGGER refuses BEFORE INSERT ON fprom_outbox WHEN NEW.kind = 'signup' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    delivery.outbox.database.run(lambda connection: connection.exec_driver_sql(refuse))
    assert not fprom.track_signup(VISITOR, "customer-1@example.com").durable
    receipt = fprom.track_sale(None, "customer-1@example.com", event_id="pi_1", amount=1290)

    assert receipt.durable
    assert len(waiting_of(fprom)) == 1
    assert fprom.drain()["sent"] == 1
    assert paths(api) == ["sale"]
    waiting_of(fprom)._rows.clear()


def test_a_life_is_told_in_one_drain(database_url: str, make: MakeFprom, api: Api) -> None:
    """In order, although each waits for the one before."""
    fprom = make(database_url)
    live(fprom)
    assert fprom.drain() == {**fprom.drain(), "sent": 4}
    assert paths(api) == LIFE


@pytest.mark.parametrize(
    "trouble", [(path, answer) for path in LIFE for answer in (503, 429, 404)], ids=str
)
def test_a_life_is_told_in_order_through_trouble(
    database_url: str, make: MakeFprom, api: Api, clock: Clock, trouble: tuple[str, int]
) -> None:
    """What fails first is tried again before anything of its customer's goes on."""
    path, answer = trouble
    api.says = fails_first(answer, path)
    fprom = make(database_url)
    live(fprom)
    for _ in range(3):
        fprom.drain()
        clock.later(LONGEST_WAIT_SECONDS)
    again = LIFE.index(path) + 1
    ended_by_404 = answer == 404 and path != "signup"
    assert paths(api) == (LIFE if ended_by_404 else [*LIFE[:again], *LIFE[again - 1 :]])
    assert fprom.stats().pending == 0


def test_nobody_is_held_up_by_another_customer(
    database_url: str, make: MakeFprom, api: Api
) -> None:
    """One whose sign-up fails keeps that customer's events waiting, and no other's."""
    api.says = lambda call: 503 if call.body["email"].lower() == "customer-1@example.com" else 200
    fprom = make(database_url)
    for number in range(4):
        live(fprom, number)
    for _ in range(3):
        fprom.drain()
    told: dict[str, list[str]] = {}
    for call in api.seen:
        told.setdefault(call.body["email"].lower(), []).append(call.url.rpartition("/")[2])
    assert set(told.pop("customer-1@example.com")) == {"signup"}
    assert list(told.values()) == [LIFE] * 3
    assert fprom.stats().pending == 4


@pytest.mark.parametrize("count", [50])
def test_a_long_life_goes_in_one_drain(
    database_url: str, make: MakeFprom, api: Api, count: int
) -> None:
    """Fifty payments of one customer, one after the other."""
    fprom = make(database_url)
    for number in range(count):
        fprom.track_sale(uid=7, event_id=number, amount=number + 1)
    assert fprom.drain()["sent"] == count
    assert [call.body["event_id"] for call in api.seen] == [str(n) for n in range(count)]


def test_a_drain_with_a_limit_makes_so_many_calls(
    database_url: str, make: MakeFprom, api: Api
) -> None:
    """What is only set aside is none."""
    fprom = make(database_url)
    live(fprom)
    for _ in range(4):
        assert fprom.drain(limit=1)["sent"] == 1
    assert paths(api) == LIFE


def test_a_rejected_sign_up_lets_its_sales_go(database_url: str, make: MakeFprom, api: Api) -> None:
    """They are sent whatever became of it, in the same drain."""
    api.says = lambda call: 400 if call.url.endswith("signup") else 200
    fprom = make(database_url)
    live(fprom)
    counts = fprom.drain()
    assert (counts["rejected"], counts["sent"]) == (1, 3)
    assert paths(api) == LIFE


def test_an_organic_customer_s_sale_is_one_call_and_one_row(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Most sales are of no referral: nothing is tried again, and nothing is kept."""
    api.says = httpx.Response(404, json={"message": "Not found", "code": "not_found"})
    fprom = make(database_url)
    fprom.track_sale(uid=7, event_id="pi_1", amount=1290)
    assert fprom.stats().pending == 1
    assert fprom.drain()["skipped"] == 1
    clock.later(days=1)
    assert fprom.drain()["skipped"] == 0
    assert len(api.seen) == 1
    assert (fprom.stats().pending, fprom.stats().rejected) == (0, 0)


def test_a_sale_that_brings_its_lead_is_tried_again_as_a_sign_up_is(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """The browser reports its click by itself, and may be slower; then it is of no referral."""
    api.says = httpx.Response(404, json={"message": "Not found", "code": "not_found"})
    fprom = make(database_url)
    fprom.track_sale(uid=7, event_id="pi_1", amount=1290, visitor=VISITOR)
    fprom.track_refund(uid=7, event_id="re_1", amount=1)
    skipped = 0
    for wait in (0, 10, 50, 240, 600, 3600):
        clock.later(wait)
        skipped += fprom.drain()["skipped"]
    assert [call.at - START for call in api.seen] == [0, 10, 60, 300, 900, 900]
    assert paths(api) == [*["sale"] * 5, "refund"]
    assert skipped == 2
    assert fprom.stats().pending == 0


DRAIN = """
import sys
from fprom_middleware import Fprom
from tests.support.accounts import make_settings
fprom = Fprom(make_settings(sys.argv[1], base_url=sys.argv[2], rate_limit=100_000))
print("ready", flush=True)
input()
fprom.drain(wait=True)
fprom.close()
"""
CUSTOMERS = 12
EVENTS = 15


@pytest.mark.slow
def test_drainers_in_processes_never_change_the_order(
    database_url: str, loopback: LoopbackApi
) -> None:
    """Four of them, a dozen customers, and a fifth process that goes on writing."""
    fprom = Fprom(make_settings(database_url))

    def write(numbers: range) -> None:
        for number in numbers:
            for customer in range(CUSTOMERS):
                # Known now by the one, now by the other, now by both.
                forms: list[dict[str, Any]] = [
                    {"uid": customer},
                    {"email": f"c{customer}@example.com", "uid": customer},
                ]
                fprom.track_sale(**forms[number % 2], event_id=number, amount=1 + customer)

    write(range(EVENTS // 2))
    programs = [start_program(DRAIN, database_url, loopback.url) for _ in range(4)]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    write(range(EVENTS // 2, EVENTS))
    for program in programs:
        _, err = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0, err
    fprom.drain(wait=True)
    fprom.close()

    told: dict[int, list[int]] = {}
    for call in loopback.seen:
        told.setdefault(call.body["amount"] - 1, []).append(int(call.body["event_id"]))
    assert told == {customer: list(range(EVENTS)) for customer in range(CUSTOMERS)}
