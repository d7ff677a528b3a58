"""Settings in the environment that a framework does not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from fprom_middleware import flask
from fprom_middleware.django.account import get_fprom
from tests.support.accounts import CREDENTIALS
from tests.support.django import django_settings

if TYPE_CHECKING:
    from collections.abc import Callable


def start_flask(given: dict[str, Any]) -> None:
    """Start an app with these settings."""
    app = Flask(__name__)
    app.config.update(given)
    flask.init_app(app).close()


def start_django(given: dict[str, Any]) -> None:
    """Start a project with these settings."""
    with django_settings(**given):
        get_fprom().close()


@pytest.mark.parametrize("start", [start_flask, start_django])
def test_what_has_no_effect_is_told(
    start: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By name and without a value; what both have, and what is no setting, is not."""
    for key in ("FPROM_API_KEY", "FPROM_BASE_URL", "FPROM_TID_HEADER", "FPROM_OTHER"):
        monkeypatch.setenv(key, "canary")
    start(CREDENTIALS | {"FPROM_DELIVERY": "inline"})

    (line,) = [one for one in caplog.messages if "environment" in one]
    assert line.startswith("FPROM_BASE_URL, FPROM_TID_HEADER: in the environment, where it has no")
    assert "canary" not in caplog.text
