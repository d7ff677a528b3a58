"""The migration operations that make the outbox's tables and bring them up to date."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.operations.base import Operation

from ..database.schema import leads
from ..database.statements import creation, removal, rows, upgrade
from ..database.tables import fill_order_keys
from ..outbox.transactions.django import DjangoTransaction
from ..outbox.transactions.django_ddl import as_text, dialect_of, tables_of


class CreateOutbox(Operation):  # type: ignore[misc]  # Django has no types
    """Create the tables as `fprom_middleware.database.schema` defines them, where they are missing.

    They are no models: the outbox works the same without Django, and its drainers may be other
    programs.
    """

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Leave the models as they are."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Create what is missing, add what an older version did not have, and lose nothing."""
        del from_state, to_state
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label):
            return
        tables = DjangoTransaction(connection)
        # `sqlmigrate` shows all that makes them.
        present = () if schema_editor.collect_sql else tables_of(connection)
        found = {name: tables.columns_of(name) for name in present}
        dialect = tables.dialect
        _execute(schema_editor, creation(dialect, present))
        _execute(schema_editor, [*upgrade(dialect, found), *rows(dialect)])
        if not schema_editor.collect_sql:
            fill_order_keys(tables)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Drop the tables, unless an event waits in them."""
        del from_state, to_state
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label):
            return
        if not schema_editor.collect_sql and _pending(connection):
            msg = "Events wait in the outbox: drain it first (manage.py fprom drain --wait)."
            raise IrreversibleError(msg)
        _execute(schema_editor, removal())

    def describe(self) -> str:
        """Return what `migrate` prints."""
        return "Create the outbox of FirstPromoter events"


class UpgradeOutbox(CreateOutbox):
    """Bring tables of an older version up to date; newly made ones are."""

    reduces_to_sql = False

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Leave the tables: nothing of them is in the way of what was there before."""

    def describe(self) -> str:
        """Return what `migrate` prints."""
        return "Bring the outbox of FirstPromoter events up to date"


def _execute(schema_editor: Any, statements: list[Any]) -> None:
    for statement in as_text(statements, dialect_of(schema_editor.connection.vendor)):
        # None: the text holds no parameters, and its percent signs are its own.
        schema_editor.execute(statement, params=None)


def _pending(connection: Any) -> bool:
    if leads.name not in tables_of(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM fprom_outbox WHERE due_at IS NOT NULL LIMIT 1")
        return cursor.fetchone() is not None
