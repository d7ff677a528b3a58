"""What the package still breaks of its own rules, each with what ends it; nothing is added."""

from __future__ import annotations

EXPECTED = {
    ("large", "outbox"): "the database under the outbox becomes a room of its own",
    ("import", "delivery.durable -> sqlalchemy"): "a refused database becomes an error of our own",
    ("circle", "delivery.durable"): "the thread is given a type of its own room",
    ("circle", "delivery.thread"): "the thread is given a type of its own room",
}


def expected(kind: str) -> list[str]:
    """Return what is still expected to be found of a kind."""
    return sorted(name for found, name in EXPECTED if found == kind)
