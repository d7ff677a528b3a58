"""The tower: which room may import which, and which distributions a room may know.

A room is a file at the package's top or a folder there. docs/architecture.md draws the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.architecture.imports import Arrow

PACKAGE = "fprom_middleware"

LEAVES = (
    "errors",
    "extras",
    "masking",
    "addresses",
    "timestamps",
    "bounded",
    "forking",
    "frames",
    "interrupts",
    "version",
    "money",
)
SETTINGS = (*LEAVES, "settings")
VISITOR = (*SETTINGS, "hooks", "visitor")
EVENTS = (*VISITOR, "events")
ACCOUNT = (*EVENTS, "telemetry", "api", "database", "outbox", "delivery", "verbs", "account")
SIDE = ("snippet", "health", "otel", "script_proxy")
ADAPTER = (*ACCOUNT, *SIDE, "tracking", "cli")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LEAVES, ()),
    "settings": LEAVES,
    **dict.fromkeys(("hooks", "snippet", "health", "otel"), SETTINGS),
    "telemetry": (*SETTINGS, "otel"),
    "visitor": (*SETTINGS, "hooks"),
    "events": VISITOR,
    "api": (*SETTINGS, "events"),
    "database": SETTINGS,
    "outbox": (*SETTINGS, "events", "api.protocol", "database"),
    "delivery": (*SETTINGS, "hooks", "telemetry", "events", "api", "database", "outbox"),
    "verbs": EVENTS,
    "account": (*ACCOUNT[:-1], "snippet", "health"),
    "script_proxy": (*ACCOUNT, "snippet"),
    **dict.fromkeys(("wsgi", "asgi", "tracking", "cli"), (*ACCOUNT, *SIDE)),
    "flask": (*ADAPTER, "wsgi"),
    "starlette": (*ADAPTER, "asgi"),
    "aiohttp": ADAPTER,
    "django": (*ADAPTER, "wsgi", "asgi"),
    "fastapi": (*ADAPTER, "starlette"),
    "sandbox": ("masking",),
    "testing": (*ACCOUNT, *SIDE, "tracking", "sandbox"),
    "__init__": (*ACCOUNT, "tracking"),
}
"""By room: the rooms, or single modules, that it may import beside itself; lower rooms first."""

GRANTS = {"cli.main": ("sandbox",)}
"""What one file may that its room may not."""

DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "visitor.tokens": ("itsdangerous",),
    "visitor.keep_cookie": ("itsdangerous",),
    "api": ("httpx", "httpcore"),
    "database": ("sqlalchemy",),
    "outbox": ("sqlalchemy",),
    "outbox.transactions.django": ("django", "sqlalchemy"),
    "delivery": ("anyio",),
    "delivery.current": ("httpx",),
    "account": ("httpx", "anyio"),
    "script_proxy.vendor": ("httpx",),
    "script_proxy.asgi": ("anyio",),
    "cli": ("click", "rich"),
    "flask": ("flask", "werkzeug", "click"),
    "starlette": ("starlette",),
    "fastapi": ("fastapi", "starlette"),
    "aiohttp": ("aiohttp",),
    "django": ("django", "asgiref", "click"),
    "otel": ("opentelemetry",),
    "sandbox": ("click", "rich", "starlette", "uvicorn"),
}
"""By room or module: the distributions that it may import; the module's own entry goes first."""


def room_of(module: str) -> str:
    """Return the room that a module stands in."""
    return module.partition(".")[0]


def is_allowed(arrow: Arrow) -> bool:
    """Say whether the tower knows an arrow."""
    room = room_of(arrow.source)
    if arrow.outside:
        known = DISTRIBUTIONS.get(arrow.source, DISTRIBUTIONS.get(room, ()))
        return arrow.target in known
    may = (room, *MAY_IMPORT.get(room, ()), *GRANTS.get(arrow.source, ()))
    return room_of(arrow.target) in may or arrow.target in may


def find_forbidden(arrows: Iterable[Arrow]) -> list[str]:
    """Name every arrow that points up, sideways, or to a library of another room."""
    return sorted(f"{a.source} -> {a.target}" for a in arrows if not is_allowed(a))
