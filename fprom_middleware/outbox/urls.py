"""FPROM_OUTBOX_URL: which database it names, and whether its driver can use it."""

from __future__ import annotations

import inspect
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..database.engines import server_options
from ..errors import FpromConfigError
from ..masking import mask_url

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

KEY: Final = "FPROM_OUTBOX_URL"
ALIAS: Final = "django:"
"""Before the name of a connection in Django's DATABASES."""
_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_KINDS: Final = frozenset({"sqlite", "postgresql", "mysql", "mariadb"})
# What is imported, and what pip knows it as.
_PACKAGES: Final = {
    "psycopg": '"fprom-middleware[postgresql]"',
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
}
# In place of an async driver.
_SYNC: Final = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


def outbox_url(text: str) -> URL:
    """Read FPROM_OUTBOX_URL, and see that its driver is there and can use it.

    Args:
        text: An SQLAlchemy URL; ``postgres://`` and ``postgresql://`` mean psycopg 3. Or
            ``django:`` and the alias of a connection in Django's DATABASES.

    Returns:
        The URL, a SQLite file's path made absolute.

    Raises:
        FpromConfigError: It names no database that can hold an outbox, its driver is missing,
            or the driver does not know what it says.
    """
    if text.startswith(ALIAS):
        # Here and not above: only a Django project has it.
        from .transactions.django import url_of_alias  # noqa: PLC0415

        url = url_of_alias(text.removeprefix(ALIAS))
    else:
        url = _parse(text)
    if url.get_backend_name() == "sqlite":
        return _file_url(url)
    _check_driver(url)
    return url


def _parse(text: str) -> URL:
    url = kind = None
    with suppress(SQLAlchemyError, ValueError):
        url = sa.make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        kind = url.get_dialect() if url.get_backend_name() in _KINDS else None
    if url is None or kind is None:
        msg = (
            f"{mask_url(text)} is not a database that can hold the outbox: SQLite, PostgreSQL, "
            f"MariaDB and MySQL can. Right would be: {KEY}=postgresql://user@host/database"
        )
        raise FpromConfigError(msg, key=KEY)
    if kind.is_async:
        backend = url.get_backend_name()
        # libpq, which every sync driver of PostgreSQL is made of, has another name for it.
        tls = ", but with sslmode= in place of ssl=" if "ssl" in url.query else ""
        msg = (
            f"{mask_url(text)} has an async driver, and the outbox is written by threads. Right "
            f"would be: {KEY}={_SYNC.get(backend, backend)}:// and the rest as it is{tls}; "
            "session= takes the async driver's sessions all the same"
        )
        raise FpromConfigError(msg, key=KEY)
    return url


def _file_url(url: URL) -> URL:
    name = url.database or ""
    if url.host:
        path = "/".join(filter(None, (url.host, name)))
        msg = (
            f"{mask_url(str(url))} has two slashes, behind which a host is named. Right would be: "
            f"{KEY}=sqlite:///{path} (three slashes; four before an absolute path)"
        )
        raise FpromConfigError(msg, key=KEY)
    if not name or ":memory:" in name or "memory" in (url.query.get("mode"), *_mode_of(name)):
        msg = (
            "a database in memory keeps nothing. "
            f"Right would be: {KEY}=sqlite:///.fprom/outbox.db (or FPROM_DELIVERY=inline)"
        )
        raise FpromConfigError(msg, key=KEY)
    if name.startswith("file:"):
        return url
    return url.set(database=str(Path(name).absolute()))


def _mode_of(name: str) -> list[str]:
    return ["memory"] if "mode=memory" in name else []


def _check_driver(url: URL) -> None:
    shown = mask_url(str(url))
    dialect = url.get_dialect()
    try:
        driver: Any = dialect.import_dbapi()
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        msg = (
            f"{shown} needs a driver that is not installed: "
            f"pip install {_PACKAGES.get(name, name) or 'its driver'}"
        )
        raise FpromConfigError(msg, key=KEY) from None
    try:
        args, options = dialect().create_connect_args(url)
        _check_options(driver, list(args), {**options, **server_options(url)})
    except Exception as error:  # noqa: BLE001 - each driver has an error of its own for it
        # Not the error's text: it could quote the password.
        unknown = ", ".join(sorted(url.query)) or "nothing"
        msg = (
            f"{shown} says what its driver {driver.__name__} does not know "
            f"({type(error).__name__}; beside the address it says: {unknown})"
        )
        raise FpromConfigError(msg, key=KEY) from None


def _check_options(driver: Any, args: list[Any], options: dict[str, Any]) -> None:
    inspect.signature(driver.connect).bind(*args, **options)
    if driver.__name__ == "psycopg":
        inner = {k: v for k, v in options.items() if k != "prepare_threshold"}
        driver.conninfo.make_conninfo(*args, **inner)
    elif driver.__name__ == "psycopg2":
        driver.extensions.make_dsn(*args, **options)
