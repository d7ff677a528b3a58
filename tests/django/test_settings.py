"""Django's settings as ours: what is read, what is derived, what `manage.py check` says."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.checks import run_checks
from django.template import Context, Engine
from django.test import override_settings

from fprom_middleware import FpromConfigError
from fprom_middleware.django import account as shared
from fprom_middleware.django import get_fprom
from fprom_middleware.django.account import fprom_settings
from tests.support.accounts import CREDENTIALS, KEY
from tests.support.django import django_settings

if TYPE_CHECKING:
    from pathlib import Path

    from fprom_middleware import Fprom


def test_only_our_keys_are_read() -> None:
    """Whatever else a project's settings hold."""
    with django_settings(FPROM_TRUSTED_PROXIES=2, FPROMOTER="x"):
        assert fprom_settings() == {
            **CREDENTIALS,
            "FPROM_WORKER": "none",
            "FPROM_TRUSTED_PROXIES": 2,
        }
        assert get_fprom().settings.trusted_proxies == 2


@pytest.mark.parametrize("unset", [{}, {"FPROM_OUTBOX_URL": None}, {"FPROM_OUTBOX_URL": ""}])
def test_the_outbox_is_beside_the_project(unset: dict[str, Any], tmp_path: Path) -> None:
    """Wherever the server is started from."""
    with django_settings(BASE_DIR=tmp_path, **unset):
        assert get_fprom().settings.outbox_url == f"sqlite:///{tmp_path}/.fprom/outbox.db"
    with django_settings(BASE_DIR=str(tmp_path), FPROM_OUTBOX_URL="sqlite:////srv/x.db"):
        assert get_fprom().settings.outbox_url == "sqlite:////srv/x.db"


def test_a_key_that_is_none_of_ours_is_an_error() -> None:
    """A typing mistake must not switch a setting off."""
    with (
        django_settings(FPROM_TIMEOUTS=3),
        pytest.raises(FpromConfigError, match="Did you mean FPROM_TIMEOUT"),
    ):
        get_fprom()


def test_an_override_in_a_test_counts() -> None:
    """And what it replaces comes back."""
    with django_settings(FPROM_TIMEOUT=3):
        before = get_fprom()
        with override_settings(FPROM_TIMEOUT=4):
            assert get_fprom().settings.timeout == 4
        with override_settings(DEBUG=True):
            other = get_fprom()
            assert other is get_fprom()
        assert get_fprom() is other
        assert other is not before
        assert other.settings.timeout == 3


def test_threads_get_the_same_one() -> None:
    """Even those that ask first at the same time."""
    seen: set[Fprom] = set()
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        seen.add(get_fprom())

    with django_settings():
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 1


def test_a_thread_that_waited_takes_what_was_made() -> None:
    """Between its first look and its turn another one was faster."""
    seen: list[Fprom] = []
    with django_settings():
        made = get_fprom()
        with shared._lock:
            shared._fprom = None
            thread = threading.Thread(target=lambda: seen.append(get_fprom()))
            thread.start()
            time.sleep(0.1)
            shared._fprom = made
        thread.join()
    assert seen == [made]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"FPROM_TIMEOUT": "soon"}, "FPROM_TIMEOUT: 'soon' is not a number"),
        ({"FPROM_API_KEY": None}, "FPROM_API_KEY: is missing"),
        ({"FPROM_OUTBOX_URL": "nosuch://x"}, "FPROM_OUTBOX_URL: nosuch://x is not a database"),
    ],
)
def test_manage_check_reports_a_wrong_setting(wrong: dict[str, Any], told: str) -> None:
    """Before anything is served, and with its own id, so that it can be silenced."""
    with django_settings(**{"MIDDLEWARE": [], **wrong}):
        errors = [message for message in run_checks() if message.id == "fprom.E001"]

    (error,) = errors
    assert error.msg.startswith(told)
    assert error.is_serious()


def test_manage_check_reports_a_missing_middleware() -> None:
    """A warning: another one may be around the whole application."""
    with django_settings(MIDDLEWARE=[]):
        (warning,) = [message for message in run_checks() if message.id == "fprom.W001"]

    assert not warning.is_serious(40)
    assert "fprom_middleware.django.FpromMiddleware" in warning.hint


KEEPING = {"FPROM_KEEP_DAYS": "60", "FPROM_SECRET_KEYS": "a-signing-key-of-this-test"}
UPDATE, FETCH = (
    f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom")
)
OURS = "fprom_middleware.django.FpromMiddleware"


@pytest.mark.parametrize(
    ("chain", "more", "warned"),
    [
        ([UPDATE, OURS, FETCH], KEEPING, False),
        ([OURS, UPDATE, FETCH], KEEPING, True),
        ([OURS, UPDATE, FETCH], {**KEEPING, "FPROM_KEEP_DAYS": "0"}, False),
        (
            [OURS, UPDATE, FETCH],
            {**KEEPING, "FPROM_KEEP_DAYS": 0, "FPROM_LINK_PARAMS": "fpr"},
            True,
        ),
        ([OURS, UPDATE, FETCH], {**KEEPING, "FPROM_KEEP_DAYS": "soon"}, False),
        ([OURS], KEEPING, False),
    ],
)
def test_manage_check_knows_the_order_of_middlewares(
    chain: list[str], more: dict[str, Any], *, warned: bool
) -> None:
    """Behind the one that puts pages into the per-site cache, ours sees them before it does."""
    with django_settings(MIDDLEWARE=chain, **more):
        found = [message for message in run_checks() if message.id == "fprom.W002"]

    assert bool(found) is warned
    assert all(UPDATE in message.hint for message in found)


@pytest.mark.parametrize("more", [{}, {"FPROM_ENABLED": False}, {"FPROM_DELIVERY": "inline"}])
def test_manage_check_is_silent_where_all_is_well(more: dict[str, Any]) -> None:
    """A driver that is not needed is not asked for."""
    with django_settings(**more):
        assert [message for message in run_checks() if message.id.startswith("fprom")] == []


def test_a_template_writes_the_script() -> None:
    """Markup, with the page's nonce."""
    engine = Engine(libraries={"fprom": "fprom_middleware.django.templatetags.fprom"})
    template = engine.from_string("{% load fprom %}{% fprom_script nonce=csp %}")
    with django_settings():
        text = template.render(Context({"csp": "n1"}))

    assert text.startswith('<script nonce="n1">')
    assert "account-7" in text
    assert KEY not in text
