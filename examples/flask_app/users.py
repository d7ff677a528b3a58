"""The shop's accounts; each function works in the caller's transaction."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from werkzeug.security import generate_password_hash

from .database import held, users

if TYPE_CHECKING:
    from sqlalchemy import Connection


class EmailTaken(Exception):  # noqa: N818 - an answer to the visitor, not an error
    """There is an account with this e-mail address."""


class UnknownCode(Exception):  # noqa: N818 - an answer to the visitor, not an error
    """No registration waits for this code."""


def add_user(db: Connection, email: str, password: str) -> None:
    """Create an account.

    Args:
        db: In a transaction.
        email: A valid e-mail address.
        password: The password in clear; only its hash is kept.

    Raises:
        EmailTaken: The address has an account.
    """
    _insert(db, email, generate_password_hash(password))


def hold_user(db: Connection, email: str, password: str) -> str:
    """Remember what an account will be made of.

    Args:
        db: In a transaction.
        email: A valid e-mail address.
        password: The password in clear; only its hash is kept.

    Returns:
        The code that `confirm_user` takes.
    """
    code = secrets.token_urlsafe(16)
    hashed = generate_password_hash(password)
    db.execute(held.insert().values(code=code, email=email, password=hashed))
    return code


def confirm_user(db: Connection, code: str) -> str:
    """Create the account that was held.

    Args:
        db: In a transaction.
        code: What `hold_user` returned.

    Returns:
        Its e-mail address.

    Raises:
        UnknownCode: Nothing is held under this code.
        EmailTaken: The address has an account by now.
    """
    taking = held.delete().where(held.c.code == code).returning(held.c.email, held.c.password)
    row = db.execute(taking).one_or_none()
    if row is None:
        raise UnknownCode
    _insert(db, row.email, row.password)
    email: str = row.email
    return email


def _insert(db: Connection, email: str, hashed: str) -> None:
    try:
        db.execute(users.insert().values(email=email, password=hashed))
    except IntegrityError as error:
        raise EmailTaken from error
