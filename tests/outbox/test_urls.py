"""FPROM_OUTBOX_URL: which databases are taken, and what is said of the others, at start."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from fprom_middleware import FpromConfigError
from fprom_middleware.database.engines import server_options
from fprom_middleware.outbox.urls import outbox_url

PASSWORD = "p4ss-w0rd"


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgres://me@host/db", "postgresql+psycopg"),
        ("postgresql://me@host/db", "postgresql+psycopg"),
        ("postgresql+psycopg://me@host/db", "postgresql+psycopg"),
        ("sqlite:////var/lib/shop/outbox.db", "sqlite"),
    ],
)
def test_a_known_scheme_is_taken(text: str, driver: str) -> None:
    """What other tools write for PostgreSQL means psycopg 3."""
    assert outbox_url(text).drivername == driver


@pytest.mark.parametrize(
    "text",
    [
        f"mongodb://me:{PASSWORD}@host/db",
        f"sqlite+nonsense://me:{PASSWORD}@/x.db",
        f"postgresql://me:{PASSWORD}@host:port/db",
    ],
)
def test_an_unknown_scheme_fails_and_shows_no_password(text: str) -> None:
    """At start, with an example of a right one."""
    with pytest.raises(FpromConfigError, match="is not a database that can hold the") as refused:
        outbox_url(text)
    assert "FPROM_OUTBOX_URL=postgresql://user@host/database" in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("module", "text", "hint"),
    [
        (
            "psycopg",
            f"postgresql://me:{PASSWORD}@host/db",
            'pip install "fprom-middleware[postgresql]"',
        ),
        ("psycopg2", f"postgresql+psycopg2://me:{PASSWORD}@host/db", "pip install psycopg2"),
        ("pymysql", f"mysql+pymysql://me:{PASSWORD}@host/db", "pip install pymysql"),
    ],
)
def test_a_missing_driver_fails_and_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, text: str, hint: str
) -> None:
    """The package's own extra where there is one."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(FpromConfigError) as refused:
        outbox_url(text)
    assert str(refused.value).endswith(hint)
    assert PASSWORD not in str(refused.value)


def test_a_driver_that_is_broken_in_itself_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Psycopg without libpq raises an ImportError that names no module."""

    def broken() -> None:
        raise ImportError

    monkeypatch.setattr(PGDialect_psycopg, "import_dbapi", broken)

    with pytest.raises(FpromConfigError, match="pip install its driver"):
        outbox_url("postgresql://host/db")


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:name?mode=memory&cache=shared&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(text: str) -> None:
    """It keeps nothing, and inline delivery is the honest way to say so."""
    with pytest.raises(FpromConfigError, match=r"in memory keeps nothing.*FPROM_DELIVERY=inline"):
        outbox_url(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (f"postgresql+asyncpg://me:{PASSWORD}@host/db", "FPROM_OUTBOX_URL=postgresql://"),
        ("sqlite+aiosqlite:///outbox.db", "FPROM_OUTBOX_URL=sqlite://"),
    ],
)
def test_an_async_driver_is_refused_with_the_one_to_take(text: str, right: str) -> None:
    """It would fail at every sign-up, which is too late."""
    with pytest.raises(FpromConfigError, match="async driver") as refused:
        outbox_url(text)
    assert right in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            f"postgresql+asyncpg://me:{PASSWORD}@host/db?ssl=require",
            "postgresql:// and the rest as it is, but with sslmode= in place of ssl=",
        ),
        ("mysql+aiomysql://host/db", "FPROM_OUTBOX_URL=mysql+pymysql:// and the rest as it is;"),
        ("mariadb+asyncmy://host/db", "FPROM_OUTBOX_URL=mariadb+pymysql:// and the rest"),
    ],
)
def test_the_advice_for_an_async_driver_can_be_followed(text: str, advice: str) -> None:
    """What asyncpg calls ssl, libpq calls sslmode."""
    with pytest.raises(FpromConfigError, match="async driver") as refused:
        outbox_url(text)
    assert advice in str(refused.value)
    assert outbox_url("postgresql://host/db?sslmode=require").query == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("module", "text", "package"),
    [
        ("MySQLdb", "mysql://host/db", "mysqlclient"),
        ("MySQLdb", "mariadb://host/db", "mysqlclient"),
        ("mysql", "mysql+mysqlconnector://host/db", "mysql-connector-python"),
    ],
)
def test_a_package_is_named_as_pip_knows_it(
    monkeypatch: pytest.MonkeyPatch, module: str, text: str, package: str
) -> None:
    """Not as Python imports it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FpromConfigError) as refused:
        outbox_url(text)
    assert str(refused.value).endswith(f": pip install {package}")


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{PASSWORD}@host/db?ssl=require",
        f"postgresql+psycopg2://me:{PASSWORD}@host/db?nonsense=1",
        f"mysql+pymysql://me:{PASSWORD}@host/db?nonsense=1",
    ],
)
def test_what_the_driver_does_not_know_fails_at_start(text: str) -> None:
    """It would refuse every lead later on; the password is not shown."""
    with pytest.raises(FpromConfigError, match=r"does not know .*it says: (ssl|nonsense)") as told:
        outbox_url(text)
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize("text", ["oracle://host/db", "mssql://host/db", "cockroachdb://host/db"])
def test_a_database_that_is_not_tried_is_refused(text: str) -> None:
    """It would be given wrong SQL."""
    with pytest.raises(FpromConfigError, match="SQLite, PostgreSQL, MariaDB and MySQL can"):
        outbox_url(text)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            "postgresql://host/db",
            {"connect_timeout": 2, "tcp_user_timeout": 2000, "prepare_threshold": None},
        ),
        (
            "postgresql://host/db?connect_timeout=6",
            {"tcp_user_timeout": 2000, "prepare_threshold": None},
        ),
        ("postgresql+psycopg2://host/db", {"connect_timeout": 2, "tcp_user_timeout": 2000}),
        (
            "mysql+pymysql://host/db?read_timeout=30",
            {"connect_timeout": 2, "write_timeout": 10},
        ),
        ("postgresql+pg8000://host/db", {}),
    ],
)
def test_the_users_own_options_win(text: str, options: dict[str, Any]) -> None:
    """Whatever the URL says is left to it."""
    assert server_options(sa.make_url(text)) == options


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("sqlite://outbox.db", "sqlite:///outbox.db"),
        ("sqlite://data/outbox.db", "sqlite:///data/outbox.db"),
        ("sqlite+pysqlite://./outbox.db", "sqlite:///./outbox.db"),
    ],
)
def test_two_slashes_name_a_host(text: str, right: str) -> None:
    """SQLAlchemy drops it, so the outbox would be in memory, or in another folder."""
    with pytest.raises(FpromConfigError) as caught:
        outbox_url(text)
    assert caught.value.key == "FPROM_OUTBOX_URL"
    assert (
        f"two slashes, behind which a host is named. Right would be: FPROM_OUTBOX_URL={right} "
        in str(caught.value)
    )
