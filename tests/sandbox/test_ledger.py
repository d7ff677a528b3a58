"""What is kept is bounded, and what goes is forgotten with all that it did."""

from __future__ import annotations

from typing import Any

from fprom_middleware.sandbox.newest import Newest
from tests.sandbox.calling import call, make_customer, make_double


def sell(double: Any, uid: str, event_id: str, amount: int = 100) -> int:
    """Sell to a customer; return the status."""
    return call(double, "sale", uid=uid, event_id=event_id, amount=amount).status


def test_a_forgotten_lead_takes_what_it_did_with_it() -> None:
    """Its sales, refunds and cancellations go, and their ids are free again."""
    double = make_double(limit=2)
    make_customer(double, uid="1")
    make_customer(double, uid="2")
    for uid in ("1", "2"):
        assert sell(double, uid, f"in_{uid}") == 200
        assert call(double, "refund", uid=uid, event_id=f"re_{uid}", amount=50).status == 200
        assert call(double, "cancellation", uid=uid).status == 200

    make_customer(double, uid="3")

    for events in (double.sales, double.refunds, double.cancellations):
        assert [event.customer.uid for event in events] == ["2"]
    assert sell(double, "1", "in_1") == 404
    assert sell(double, "3", "in_2") == 409
    assert sell(double, "3", "in_1") == 200
    assert call(double, "refund", uid="3", event_id="re_1", amount=50).status == 200
    assert double.refunds[-1].id == 3


def test_the_oldest_sales_go_first() -> None:
    """Of one customer's many sales the newest are kept; the id of one that went is free."""
    double = make_double(limit=2)
    make_customer(double, uid="1")
    for number in range(4):
        assert sell(double, "1", f"in_{number}", amount=100 * (number + 1)) == 200

    assert [sale.event_id for sale in double.sales] == ["in_2", "in_3"]
    assert [events for _, events in double.histories] == [double.sales]
    assert sell(double, "1", "in_3") == 409
    assert sell(double, "1", "in_0") == 200
    promoter = call(double, "cancellation", uid="1").json()["promoter"]
    assert promoter["earnings_balance"] == {"cash": 80 + 20}


def test_many_cancellations_are_bounded() -> None:
    """They have no id, and are kept like the rest."""
    double = make_double(limit=3)
    make_customer(double, uid="1")
    for _ in range(5):
        assert call(double, "cancellation", uid="1").status == 200

    assert [cancellation.id for cancellation in double.cancellations] == [3, 4, 5]


def test_large_sales_are_bounded_by_their_size() -> None:
    """A plan's name of many megabytes leaves no room for the one before."""
    double = make_double()
    make_customer(double, uid="1")
    for number in range(3):
        fields: dict[str, Any] = {"uid": "1", "event_id": str(number), "amount": 1}
        call(double, "sale", **fields, plan="x" * 20_000_000)

    assert [sale.event_id for sale in double.sales] == ["2"]


def test_reset_forgets_every_kind() -> None:
    """Ids begin anew."""
    double = make_double()
    make_customer(double, uid="1")
    sell(double, "1", "in_1")
    call(double, "refund", uid="1", event_id="re_1", amount=50)
    call(double, "cancellation", uid="1")

    double.reset()

    assert (double.sales, double.refunds, double.cancellations) == ((), (), ())
    make_customer(double, uid="1")
    assert call(double, "sale", uid="1", event_id="in_1", amount=1).json()["id"] == 1


def test_records_that_are_equal_are_kept_apart() -> None:
    """They are told by what they are, not by what they say."""
    newest: Newest[list[str]] = Newest(3, 10_000)
    first, second = ["x"], ["x"]
    newest.add(first)
    newest.add(second)

    newest.remove(first)

    (left,) = newest
    assert left is second


def test_what_is_removed_frees_its_room() -> None:
    """Records that went by themselves do not count against those that stay."""
    newest: Newest[bytes] = Newest(100, 2_500)
    for _ in range(10):
        record = bytes(1_000)
        newest.add(record)
        newest.remove(record)
    newest.add(bytes(1_000))

    assert newest.add(bytes(1_000)) == []
