"""FPROM_OUTBOX_URL="django:ALIAS": a connection of DATABASES, and no password said twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from django.db import connections

from fprom_middleware import FpromConfigError, TrackingContext
from fprom_middleware.django import get_fprom
from fprom_middleware.outbox.transactions import django as django_transactions
from fprom_middleware.outbox.urls import outbox_url
from tests.support.django import django_settings

if TYPE_CHECKING:
    from tests.support.api import LoopbackApi

VISITOR = TrackingContext(tid="tid-of-a-visitor")


def test_an_alias_is_the_outboxs_database(connection: Any, loopback: LoopbackApi) -> None:
    """Leads are written and drained there, with session= and without."""
    with django_settings(
        FPROM_OUTBOX_URL=f"django:{connection.alias}", FPROM_BASE_URL=loopback.url
    ):
        fprom = get_fprom()
        assert fprom.track_signup(VISITOR, "ann@example.com").durable
        assert fprom.track_signup(VISITOR, "bob@example.com", session=connection).durable
        assert fprom.drain()["sent"] == 2
        fprom.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM fprom_outbox_account")
        assert cursor.fetchone() == (2,)


def test_an_unknown_alias_is_told_with_those_there_are(connection: Any) -> None:
    """At start."""
    with pytest.raises(FpromConfigError, match=f"no alias 'nonsense': .*{connection.alias}"):
        outbox_url("django:nonsense")


class Fake:
    """A connection as Django describes one."""

    def __init__(self, vendor: str, **settings: Any) -> None:
        self.vendor = vendor
        self.settings_dict = {
            **dict.fromkeys(("HOST", "PORT", "USER", "PASSWORD"), ""),
            "NAME": "shop",
            "OPTIONS": {},
            **settings,
        }


@pytest.mark.parametrize(
    ("fake", "psycopg", "url"),
    [
        (Fake("postgresql"), True, "postgresql+psycopg:///shop"),
        (Fake("postgresql"), False, "postgresql+psycopg2:///shop"),
        (
            Fake(
                "postgresql",
                HOST="db",
                PORT=5433,
                USER="me",
                PASSWORD="p@ss",
                OPTIONS={"sslmode": "require", "pool": True, "isolation_level": 2},
            ),
            True,
            "postgresql+psycopg://me:p%40ss@db:5433/shop?sslmode=require",
        ),
        (
            Fake("postgresql", HOST="/run/postgresql"),
            True,
            "postgresql+psycopg:///shop?host=%2Frun%2Fpostgresql",
        ),
        (
            Fake("mysql", HOST="/run/mysqld.sock", OPTIONS={"ssl": {"ca": "x"}}),
            True,
            "mysql+mysqldb:///shop?unix_socket=%2Frun%2Fmysqld.sock",
        ),
        (Fake("sqlite", NAME="/srv/shop.db"), True, "sqlite:////srv/shop.db"),
    ],
)
def test_what_django_is_told_becomes_a_url(
    fake: Fake, psycopg: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host, port, user and options of the driver; what is Django's own is left out."""
    monkeypatch.setattr(django_transactions, "connections", {"shop": fake})
    monkeypatch.setattr(django_transactions, "find_spec", lambda _name: psycopg or None)

    found = django_transactions.url_of_alias("shop")
    assert found.render_as_string(hide_password=False) == url
    assert sa.make_url(url) == found


def test_a_kind_that_cannot_hold_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in every other way to name it."""
    monkeypatch.setattr(django_transactions, "connections", {"default": Fake("oracle")})
    with pytest.raises(FpromConfigError, match="of the kind oracle"):
        outbox_url("django:default")
    assert connections is not None
