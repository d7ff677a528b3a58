"""Bugs that lose events. With one of them planted the oracle must find something."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from fprom_middleware.database.schema import leads
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.events.receipt import Receipt, Status
from fprom_middleware.outbox import turns
from fprom_middleware.outbox.store import Outbox

if TYPE_CHECKING:
    from fprom_middleware.events.kinds import AnyEvent
    from fprom_middleware.outbox.claims import Batch


def plant(bug: str) -> None:
    """Plant a bug in this process, or none."""
    if bug:
        {
            "memory": _deliver_from_memory,
            "delete-at-claim": _delete_at_claim,
            "no-turns": _look_for_no_earlier,
        }[bug]()


def _deliver_from_memory() -> None:
    waiting: queue.SimpleQueue[tuple[OutboxDelivery, AnyEvent]] = queue.SimpleQueue()

    def pump() -> None:
        while True:
            delivery, event = waiting.get()
            delivery._api.send(event)

    def accept(self: OutboxDelivery, event: AnyEvent, **_: Any) -> Receipt:
        if not threads:
            threads.append(threading.Thread(target=pump, daemon=True))
            threads[0].start()
        waiting.put((self, event))
        return Receipt(Status.QUEUED, durable=True, event=event)

    threads: list[threading.Thread] = []
    OutboxDelivery.accept = accept  # type: ignore[method-assign]


def _delete_at_claim() -> None:
    claim = Outbox.claim

    def delete(self: Outbox, most: int) -> Batch:
        batch = claim(self, most)
        gone = sa.delete(leads).where(leads.c.id.in_([item.id for item in batch.claimed]))
        self.database.run(lambda connection: connection.execute(gone))
        return batch

    Outbox.claim = delete  # type: ignore[method-assign]


def _look_for_no_earlier() -> None:
    vars(turns)["_find_blocked"] = lambda *_, **__: set()
