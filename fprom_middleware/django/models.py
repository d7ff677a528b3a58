"""What Django's admin knows an event of the outbox by: its permissions, addresses and log."""

from __future__ import annotations

from typing import Any

from django.db import models


class NoRows(models.Manager):  # type: ignore[misc]  # Django has no types
    """Finds nothing, and asks no database: `dumpdata` and others ask every model for its rows."""

    def get_queryset(self) -> Any:
        """Return an empty query."""
        return super().get_queryset().none()


class Event(models.Model):  # type: ignore[misc]  # as above
    """Stands for an event by its id; without one, for the outbox.

    It has no table: the outbox may be in a database that Django does not know.
    """

    id = models.BigAutoField(primary_key=True)
    objects = NoRows()

    class Meta:
        """What Django wants to know of a model."""

        managed = False
        base_manager_name = "objects"
        verbose_name = "event"
        verbose_name_plural = "outbox"
        default_permissions = ("view", "change", "delete")
        permissions = (("reveal_event", "Can see the personal data of an event"),)

    def __str__(self) -> str:
        return "outbox" if self.pk is None else f"event {self.pk}"
