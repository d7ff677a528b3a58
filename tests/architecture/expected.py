"""What the package still breaks of its own rules, each with what ends it; nothing is added."""

from __future__ import annotations

EXPECTED = {
    ("import", "cli.database_probe -> sqlalchemy"): "the probe's statements are the outbox's",
    ("import", "cli.decorators -> sqlalchemy"): "a refused database becomes an error of our own",
    ("import", "delivery.durable -> sqlalchemy"): "a refused database becomes an error of our own",
    ("import", "outbox.admin -> account"): "the commands hand in settings and a clock",
    ("door", "sandbox.__init__"): "its door is written",
}


def expected(kind: str) -> list[str]:
    """Return what is still expected to be found of a kind."""
    return sorted(name for found, name in EXPECTED if found == kind)
