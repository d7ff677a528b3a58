"""A wrong setting at start shows its neighbours' secrets in no traceback."""

from __future__ import annotations

import copy
import os
import pickle
import traceback
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.config import Config

import fprom_middleware
from fprom_middleware import Fprom, FpromConfigError, FpromSettings, TrackingContext
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.django import account
from fprom_middleware.events.lead import Lead
from fprom_middleware.flask import init_app as init_flask
from fprom_middleware.masking import Secret
from fprom_middleware.settings.secrets import hide
from fprom_middleware.starlette import init_app as init_starlette
from fprom_middleware.visitor.attach import AsgiTracking
from fprom_middleware.visitor.context import RequestTracking
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.django import django_settings

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "CANARY-0123456789-abcdef"
KEYS: dict[str, Any] = {
    "FPROM_API_KEY": f"api-{CANARY}",
    "FPROM_ACCOUNT_ID": "acc-1",
    "FPROM_SECRET_KEYS": [f"first-{CANARY}", f"second-{CANARY}"],
    "FPROM_OUTBOX_URL": f"postgresql://shop:{CANARY}@db.example.com/shop",
    "FPROM_BASE_URL": "https://api.example.com",
}
WRONG: list[dict[str, Any]] = [
    {"FPROM_TIMEOUT": "soon"},
    {"FPROM_NOSUCH": "1"},
    {"FPROM_ACCOUNT_ID": None},
    {"FPROM_API_KEY": f"{CANARY} x"},
    {"FPROM_API_KEY": CANARY.encode()},
    {"FPROM_API_KEY": {CANARY: CANARY}},
    {"FPROM_SECRET_KEYS": f"short,{CANARY}"},
    {"FPROM_SECRET_KEYS": [CANARY, 5]},
    {"FPROM_SECRET_KEYS": CANARY.encode()},
    {"FPROM_OUTBOX_URL": f"shop:{CANARY}@db"},
    {"FPROM_OUTBOX_URL": f"nosuch://shop:{CANARY}@db/shop"},
    {"FPROM_BASE_URL": f"https://shop:{CANARY}@api.example.com"},
]


def set_env(keys: dict[str, Any]) -> None:
    """Read the settings out of the environment."""
    texts = {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in keys.items()
        if value is not None
    }
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.startswith("FPROM_")]:
            patch.delenv(key)
        for key, value in texts.items():
            patch.setenv(key, value)
        Fprom()


def call(keys: dict[str, Any]) -> None:
    """Hand the settings in one by one."""
    names = {key.removeprefix("FPROM_").lower(): value for key, value in keys.items()}
    Fprom(FpromSettings(**names))


def configure_flask(keys: dict[str, Any]) -> None:
    """Put the settings into Flask's config."""
    app = flask.Flask("shop")
    app.config.update(keys)
    init_flask(app)


def configure_starlette(keys: dict[str, Any]) -> None:
    """Put the settings into Starlette's."""
    init_starlette(Starlette(), Config(environ=keys))


def configure_django(keys: dict[str, Any]) -> None:
    """Put the settings into Django's."""
    with django_settings(**keys):
        account.get_fprom()


async def asgi_app(*_: Any) -> None:
    """Stand in for an ASGI application."""


DOORS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "from_mapping": lambda keys: Fprom(FpromSettings.from_mapping(keys)),
    "Fprom": Fprom,
    "Fprom.of": Fprom.of,
    "the environment": set_env,
    "arguments": call,
    "WSGI": lambda keys: WsgiMiddleware(lambda *_: [], keys),
    "ASGI": lambda keys: AsgiMiddleware(asgi_app, keys),
    "Flask": lambda keys: init_flask(flask.Flask("shop"), keys),
    "Flask's config": configure_flask,
    "Starlette": lambda keys: init_starlette(Starlette(), keys),
    "Starlette's config": configure_starlette,
    "Django": configure_django,
}


TEXT_ONLY = {"the environment", "Starlette's config"}


CASES = [
    (door, wrong)
    for door in DOORS
    for wrong in WRONG
    if door not in TEXT_ONLY or not any(isinstance(value, bytes) for value in wrong.values())
]


@pytest.mark.parametrize(("door", "wrong"), CASES, ids=str)
def test_no_frame_of_ours_shows_a_secret(door: str, wrong: dict[str, Any]) -> None:
    """A traceback with locals, as error pages and error mails have it, is fit to be read."""
    with pytest.raises((FpromConfigError, TypeError)) as caught:
        DOORS[door]({**KEYS, **wrong})

    ours = str(Path(fprom_middleware.__file__).parent)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.filename.startswith(ours)]
    assert frames or door == "arguments"
    assert not [frame for frame in frames if CANARY in str(frame.locals)]
    assert CANARY not in str(caught.value)


def test_a_secret_is_text_that_is_not_shown() -> None:
    """It compares, travels and is written as text; only its repr is masked."""
    secret = Secret(CANARY)

    assert (secret, f"{secret}", len(secret)) == (CANARY, CANARY, len(CANARY))
    assert repr([secret, copy.copy(secret), pickle.loads(pickle.dumps(secret))]) == (  # noqa: S301 - our own
        "['…', '…', '…']"
    )


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (None, None),
        ("a", "a"),
        (7, "7"),
        (["a", "b"], ("a", "b")),
        ((text for text in "ab"), ("a", "b")),
    ],
)
def test_what_is_hidden_stays_equal(value: Any, hidden: Any) -> None:
    """Hiding changes how a value looks, not what a parser makes of it."""
    found = hide(value)

    assert found == hidden
    assert repr(found) in {"None", "'…'", "('…', '…')"}


@pytest.mark.parametrize("value", [b"secret", {"a": 1}, 1.5, True, object()])
def test_what_no_secret_can_be_is_refused(value: Any) -> None:
    """Other types reach no frame either, and every parser refuses what stands for them."""
    for name in ("api_key", "secret_keys", "outbox_url", "base_url"):
        with pytest.raises(FpromConfigError, match=f"FPROM_{name.upper()}"):
            FpromSettings(**{"enabled": False, name: value})


def test_no_repr_raises() -> None:
    """Values that are half made, or made of what a hook returned, are shown as far as they are."""
    half_made = [
        FpromSettings.__new__(FpromSettings),
        TrackingContext.__new__(TrackingContext),
        RequestTracking(),
        AsgiTracking(),
        Lead.__new__(Lead),
    ]
    odd: Any = {field.name: object() for field in fields(Lead)}

    assert all(repr(value).startswith(type(value).__name__[:4]) for value in half_made[:2])
    assert repr(half_made[2]) == repr(half_made[3]) == "TrackingContext(…)"
    assert repr(half_made[4]) == "Lead()"
    assert repr(Lead(**odd)) == (
        "Lead(email=***, uid=…, tid=…, ref_id=…, ip=…, created_at=…, skip_email_notification=True)"
    )
    assert repr(TrackingContext(tid=object())) == "TrackingContext(tid=…, ref_id=None, ip=None)"  # type: ignore[arg-type]
