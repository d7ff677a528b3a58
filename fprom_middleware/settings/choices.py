"""The words that a setting may be one of."""

from __future__ import annotations

from enum import StrEnum


class SendIp(StrEnum):
    """What of the visitor's address goes into a sign-up."""

    PUBLIC = "public"
    ANY = "any"
    TRUNCATED = "truncated"
    NEVER = "never"


class DeliveryMode(StrEnum):
    """How an event leaves the view."""

    OUTBOX = "outbox"
    INLINE = "inline"
    MEMORY = "memory"


class WorkerMode(StrEnum):
    """Who drains the outbox."""

    THREAD = "thread"
    NONE = "none"
