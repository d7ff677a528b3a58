"""The words that a setting may be one of."""

from __future__ import annotations

from enum import StrEnum


class SendIp(StrEnum):
    """What of the visitor's address goes into the lead."""

    PUBLIC = "public"
    ANY = "any"
    TRUNCATED = "truncated"
    NEVER = "never"


class DeliveryMode(StrEnum):
    """How a lead leaves the view."""

    OUTBOX = "outbox"
    INLINE = "inline"
    MEMORY = "memory"


class WorkerMode(StrEnum):
    """Who drains the outbox."""

    THREAD = "thread"
    NONE = "none"
