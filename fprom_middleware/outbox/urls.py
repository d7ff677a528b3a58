"""FPROM_OUTBOX_URL: which database it names, and whether two URLs name the same one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from ..errors import FpromConfigError
from ..masking import mask_url

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

KEY: Final = "FPROM_OUTBOX_URL"
_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS: Final = {"psycopg": "postgresql"}
_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
_THIS_HOST: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})


def outbox_url(text: str) -> URL:
    """Read FPROM_OUTBOX_URL and see that its driver is there.

    Args:
        text: An SQLAlchemy URL; ``postgres://`` and ``postgresql://`` mean psycopg 3.

    Returns:
        The URL, a SQLite file's path made absolute.

    Raises:
        FpromConfigError: An unknown scheme, a missing driver, or a database in memory.
    """
    try:
        url = sa.make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect().import_dbapi()
    except ImportError as error:
        driver = error.name or "its driver"
        extra = _EXTRAS.get(driver.partition(".")[0])
        hint = f'"fprom-middleware[{extra}]"' if extra else driver
        msg = f"{mask_url(text)} needs a driver that is not installed: pip install {hint}"
        raise FpromConfigError(msg, key=KEY) from None
    except (NoSuchModuleError, SQLAlchemyError, ValueError):
        msg = (
            f"{mask_url(text)} is not a database that SQLAlchemy knows. "
            f"Right would be: {KEY}=postgresql://user@host/database"
        )
        raise FpromConfigError(msg, key=KEY) from None
    if url.get_dialect().is_async:
        msg = (
            f"{mask_url(text)} has an async driver, and the outbox is written by threads. "
            f"Right would be: {KEY}={url.get_backend_name()}:// and the rest as it is; session= "
            "takes the async driver's sessions all the same"
        )
        raise FpromConfigError(msg, key=KEY)
    if url.get_backend_name() == "sqlite":
        if not url.database or ":memory:" in url.database or "mode=memory" in text:
            msg = (
                "a database in memory keeps nothing. "
                f"Right would be: {KEY}=sqlite:///.fprom/outbox.db (or FPROM_DELIVERY=inline)"
            )
            raise FpromConfigError(msg, key=KEY)
        if not url.database.startswith("file:"):
            url = url.set(database=str(Path(url.database).absolute()))
    return url


def check_same_database(ours: URL, theirs: URL) -> None:
    """Refuse a transaction on a database that is never drained.

    Args:
        ours: FPROM_OUTBOX_URL.
        theirs: What ``session=`` is bound to.

    Raises:
        FpromConfigError: They differ.
    """
    if _place(ours) != _place(theirs):
        msg = (
            f"session= is bound to {mask_url(str(theirs))}, but the outbox is drained from "
            f"{mask_url(str(ours))}: set FPROM_OUTBOX_URL to the database of your users."
        )
        raise FpromConfigError(msg)


def _place(url: URL) -> tuple[object, ...]:
    backend = url.get_backend_name()
    if backend == "sqlite":
        file = (url.database or ":memory:").removeprefix("file:").partition("?")[0]
        return backend, file if file == ":memory:" else str(Path(file).resolve())
    host = str(url.host or url.query.get("host", "")).lower()
    return (
        "mysql" if backend == "mariadb" else backend,
        "" if host in _THIS_HOST or host.startswith("/") else host,
        url.port or _PORTS.get(backend),
        url.database,
    )
