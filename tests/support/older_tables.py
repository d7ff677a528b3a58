"""The outbox's tables as older versions made them."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import LONGTEXT

from fprom_middleware.database.order_keys import order_keys
from fprom_middleware.database.schema import SCHEMA_ROW
from tests.support.accounts import ACCOUNT
from tests.support.clock import START

IDENTITY = "0123456789abcdef0123456789abcdef"
"""Of the outbox that `make_tables` makes."""

second = sa.MetaData()
"""The tables as version 2 made them: every event is a sign-up, and none waits for another."""
second_leads = sa.Table(
    "fprom_outbox",
    second,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("row_key", sa.String(32)),
    sa.Column("account", sa.String(255), nullable=False),
    sa.Column("due_at", sa.Double),
    sa.Column("queued_at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("tried_at", sa.Double),
    sa.Column("failed_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_found_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("own_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("rejected_at", sa.Double),
    sa.Column("reason", sa.String(32)),
    sa.Column("payload", sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=False),
    sa.Index("fprom_outbox_due", "account", "due_at"),
    sa.Index("fprom_outbox_key", "row_key", unique=True),
)
second_accounts = sa.Table(
    "fprom_outbox_account",
    second,
    sa.Column("account", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("identity", sa.String(32)),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("paused_since", sa.Double),
    sa.Column("paused_until", sa.Double),
    sa.Column("pause_reason", sa.String(32)),
    sa.Column("failed_events", sa.String(100)),
    sa.Column("refused", sa.Text),
    sa.Column("got_through_at", sa.Double),
    sa.Column("calls", sa.Text, nullable=False),
)


def payload_of(number: int) -> str:
    """Write what version 2 wrote of a lead: by address, by id, or by both."""
    email, uid = {"email": f"C{number}@Example.com"}, {"uid": f"u-{number}"}
    whom = [email, uid, email | uid][number % 3]
    return json.dumps({**whom, "tid": "t", "created_at": "2027-01-15T08:00:00.000Z"})


def make_tables(engine: sa.Engine, *payloads: str) -> None:
    """Make tables of version 2 with these, one of them rejected, and one of another account."""
    second.create_all(engine)
    row = {"account": ACCOUNT, "due_at": START, "queued_at": START - 5, "attempts": 3}
    row |= {"tried_at": START - 4, "failed_count": 2, "not_found_count": 1, "own_failures": 1}
    rejected = {"due_at": None, "rejected_at": START, "reason": "bad_request"}
    with engine.begin() as connection:
        state = {"version": 2, "failures": 4, "calls": "", "got_through_at": START - 3}
        for account in (SCHEMA_ROW, ACCOUNT):
            identity = IDENTITY if account == SCHEMA_ROW else None
            connection.execute(
                second_accounts.insert().values(account=account, identity=identity, **state)
            )
        many = [
            row | {"row_key": f"{number:032}", "payload": payload}
            for number, payload in enumerate(payloads)
        ]
        many.append(row | rejected | {"row_key": "rejected", "payload": payload_of(0)})
        many.append(row | {"account": "another", "row_key": "another", "payload": payload_of(0)})
        for one in many:
            connection.execute(second_leads.insert().values(**{"rejected_at": None, **one}))


third = sa.MetaData()
"""The tables as version 3 made them: of each kind of event, and what is delivered is deleted."""
third_leads = sa.Table(
    "fprom_outbox",
    third,
    *(column._copy() for column in second_leads.columns),
    sa.Column("kind", sa.String(16), nullable=False, server_default="signup"),
    sa.Column("email_key", sa.BigInteger),
    sa.Column("uid_key", sa.BigInteger),
    sa.Column("blocked", sa.Integer, nullable=False, server_default="0"),
    sa.Index("fprom_outbox_due", "account", "due_at"),
    sa.Index("fprom_outbox_key", "row_key", unique=True),
    sa.Index("fprom_outbox_email", "email_key", "id"),
    sa.Index("fprom_outbox_uid", "uid_key", "id"),
)
third_accounts = second_accounts.to_metadata(third)


def make_third_tables(engine: sa.Engine) -> None:
    """Make tables of version 3 in which a sale waits."""
    third.create_all(engine)
    state = {"version": 3, "failures": 0, "calls": ""}
    row = {"account": ACCOUNT, "kind": "sale", "due_at": START, "queued_at": START}
    payload = json.dumps({"uid": "u-1", "event_id": "pi_1", "amount": 1290})
    keys = order_keys(ACCOUNT, {"uid": "u-1"})
    with engine.begin() as connection:
        for account in (SCHEMA_ROW, ACCOUNT):
            identity = IDENTITY if account == SCHEMA_ROW else None
            connection.execute(
                third_accounts.insert().values(account=account, identity=identity, **state)
            )
        connection.execute(
            third_leads.insert().values(row_key="sale", payload=payload, **row, **keys)
        )
