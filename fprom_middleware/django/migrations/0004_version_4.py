"""The outbox's tables, with what a delivered event leaves."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from fprom_middleware.django.operations import UpgradeOutbox


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Does what the first use of the outbox would do otherwise."""

    dependencies: ClassVar[list[Any]] = [("fprom", "0003_version_3")]
    operations: ClassVar[list[Any]] = [UpgradeOutbox()]
