"""The migration operation that creates the outbox's tables."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.operations.base import Operation

from ..outbox.schema import leads
from ..outbox.transactions.django_ddl import creation, removal, tables_of


class CreateOutbox(Operation):  # type: ignore[misc]  # Django has no types
    """Create the tables as `fprom_middleware.outbox.schema` defines them, where they are missing.

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
        """Create the tables."""
        del from_state, to_state
        connection = schema_editor.connection
        if router.allow_migrate(connection.alias, app_label):
            # `sqlmigrate` shows them all.
            present = () if schema_editor.collect_sql else tables_of(connection)
            _execute(schema_editor, creation(connection.vendor, present))

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Drop the tables, unless a lead waits in them."""
        del from_state, to_state
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label):
            return
        if not schema_editor.collect_sql and _pending(connection):
            msg = "Leads wait in the outbox: drain it first (manage.py fprom drain --wait)."
            raise IrreversibleError(msg)
        _execute(schema_editor, removal(connection.vendor))

    def describe(self) -> str:
        """Return what `migrate` prints."""
        return "Create the outbox of FirstPromoter sign-ups"


def _execute(schema_editor: Any, statements: list[str]) -> None:
    for statement in statements:
        # None: the text holds no parameters, and its percent signs are its own.
        schema_editor.execute(statement, params=None)


def _pending(connection: Any) -> bool:
    if leads.name not in tables_of(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM fprom_outbox WHERE due_at IS NOT NULL LIMIT 1")
        return cursor.fetchone() is not None
