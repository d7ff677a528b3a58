"""Django's settings as ours: what is read, what is derived, what `manage.py check` says."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.core.checks import run_checks
from django.http import HttpResponse
from django.template import Context, Engine
from django.test import Client, override_settings
from django.urls import path

from fprom_middleware import FpromConfigError
from fprom_middleware.django import FpromMiddleware, get_fprom
from fprom_middleware.django import account as shared
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


LONG = "b8Vw1kZ4nq7Rt0Yx3Lm6Pd9Fs2Gh5Jc8"
KEEPING = {"FPROM_KEEP_DAYS": "60", "FPROM_SECRET_KEYS": LONG}
UPDATE, FETCH, BOTH = (
    f"django.middleware.cache.{name}Middleware"
    for name in ("UpdateCache", "FetchFromCache", "Cache")
)
OURS = "fprom_middleware.django.FpromMiddleware"


class Derived(FpromMiddleware):
    """A project's own, made of ours."""


def found_by_check(**more: Any) -> dict[str, Any]:
    """Return what `manage.py check` says of us, by its id."""
    with django_settings(**more):
        return {one.id: one for one in run_checks() if one.id.startswith("fprom")}


@pytest.mark.parametrize(
    ("chain", "more", "warned"),
    [
        ([UPDATE, OURS, FETCH], KEEPING, False),
        ([UPDATE, FETCH, OURS], KEEPING, False),
        ([BOTH, OURS], KEEPING, False),
        ([OURS, UPDATE, FETCH], KEEPING, True),
        ([OURS, BOTH], KEEPING, True),
        ([f"{__name__}.Derived", UPDATE], KEEPING, True),
        ([OURS, UPDATE, FETCH], {**KEEPING, "FPROM_KEEP_DAYS": "0"}, False),
        (
            [OURS, UPDATE, FETCH],
            {**KEEPING, "FPROM_KEEP_DAYS": 0, "FPROM_LINK_PARAMS": "fpr"},
            True,
        ),
        ([OURS, UPDATE, FETCH], {**KEEPING, "FPROM_ENABLED": False}, False),
        ([OURS, UPDATE, FETCH], {**KEEPING, "FPROM_KEEP_DAYS": "soon"}, False),
        ([OURS], KEEPING, False),
    ],
)
def test_manage_check_knows_the_order_of_middlewares(
    chain: list[str], more: dict[str, Any], *, warned: bool
) -> None:
    """Behind the one that puts pages into the per-site cache, ours sees them before it does."""
    warning = found_by_check(MIDDLEWARE=chain, **more).get("fprom.W002")

    assert (warning is not None) is warned
    assert warning is None or f'behind "{chain[1]}"' in warning.hint


@pytest.mark.parametrize("chain", [[UPDATE, OURS, FETCH], [UPDATE, FETCH, OURS], [BOTH, OURS]])
def test_a_visitor_is_kept_in_an_order_that_the_check_passes(chain: list[str]) -> None:
    """And not in the one it warns of; where FetchFromCacheMiddleware stands makes no difference."""
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    kept = []
    for order in (chain, [OURS, UPDATE, FETCH]):
        with django_settings(
            MIDDLEWARE=order, ROOT_URLCONF=URLS, CACHES=caches, FPROM_DELIVERY="memory", **KEEPING
        ):
            client = Client(
                headers={"accept": "text/html", "cookie": "_fprom_tid=tid-of-a-visitor"}
            )
            cache.clear()
            kept.append("fprom_keep" in client.get("/").cookies)
    assert kept == [True, False]


def page(_: object) -> HttpResponse:
    """Show a page that says nothing about caches."""
    return HttpResponse("a page")


URLS = (path("", page),)


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, True),
        ({"USE_X_FORWARDED_HOST": True}, True),
        ({"USE_X_FORWARDED_PORT": True, "FPROM_TRUSTED_PROXIES": "0"}, True),
        ({"USE_X_FORWARDED_HOST": True, "FPROM_TRUSTED_PROXIES": "internal"}, False),
        ({"USE_X_FORWARDED_HOST": True, "FPROM_TRUSTED_PROXIES": 1}, False),
        ({"USE_X_FORWARDED_HOST": True, "FPROM_SEND_IP": "never"}, False),
        ({"USE_X_FORWARDED_HOST": True, "FPROM_ENABLED": False}, False),
        ({"USE_X_FORWARDED_HOST": True, "FPROM_TRUSTED_PROXIES": "nonsense"}, False),
        ({"FPROM_TRUSTED_PROXIES": 0}, False),
    ],
)
def test_manage_check_reports_a_proxy_that_nothing_trusts(
    more: dict[str, Any], *, warned: bool
) -> None:
    """Its address would be the visitor's."""
    warning = found_by_check(**more).get("fprom.W003")

    assert (warning is not None) is warned
    assert warning is None or "FPROM_TRUSTED_PROXIES =" in warning.hint


@pytest.mark.parametrize(
    ("keys", "more", "told"),
    [
        (LONG, {}, []),
        ([LONG, LONG[::-1]], {}, []),
        (LONG, {"SECRET_KEY": LONG}, ["fprom.W004"]),
        ([LONG[::-1], LONG], {"SECRET_KEY_FALLBACKS": [LONG]}, ["fprom.W004"]),
        (LONG, {"SECRET_KEY": ""}, []),
        ([LONG[:31], LONG], {}, ["fprom.W005"]),
        ("ab" * 20, {}, ["fprom.W005"]),
        (LONG[:20], {"SECRET_KEY": LONG[:20]}, ["fprom.W004", "fprom.W005"]),
        (LONG[:31], {"FPROM_ENABLED": False}, []),
        (LONG[:15], {}, ["fprom.E001"]),
        (None, {"FPROM_KEEP_DAYS": 60}, ["fprom.E001"]),
        (None, {"SECRET_KEY": LONG}, []),
    ],
)
def test_manage_check_knows_good_keys(keys: Any, more: dict[str, Any], told: list[str]) -> None:
    """Of their own, and long; none is quoted."""
    found = found_by_check(FPROM_SECRET_KEYS=keys, **more)

    assert sorted(found) == told
    assert not any(str(key) in str(one) for one in found.values() for key in (LONG, LONG[:15]))


@pytest.mark.parametrize("more", [{}, {"FPROM_ENABLED": False}, {"FPROM_DELIVERY": "inline"}])
def test_manage_check_is_silent_where_all_is_well(more: dict[str, Any]) -> None:
    """A driver that is not needed is not asked for."""
    assert found_by_check(**more) == {}


def test_a_template_writes_the_script() -> None:
    """Markup, with the page's nonce."""
    engine = Engine(libraries={"fprom": "fprom_middleware.django.templatetags.fprom"})
    template = engine.from_string("{% load fprom %}{% fprom_script nonce=csp %}")
    with django_settings():
        text = template.render(Context({"csp": "n1"}))

    assert text.startswith('<script nonce="n1">')
    assert "account-7" in text
    assert KEY not in text
