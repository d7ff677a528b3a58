"""The outbox's tables."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from fprom_middleware.django.operations import CreateOutbox


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Creates what the first use of the outbox would create otherwise."""

    initial = True
    dependencies: ClassVar[list[Any]] = []
    operations: ClassVar[list[Any]] = [CreateOutbox()]
