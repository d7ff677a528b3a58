"""What the admin's permissions belong to; no table is made."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types
    """Tells Django of `Event`, and changes no database."""

    dependencies: ClassVar[list[Any]] = [("fprom", "0004_version_4")]
    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            "Event",
            fields=[("id", models.BigAutoField(primary_key=True, serialize=False))],
            options={
                "managed": False,
                "base_manager_name": "objects",
                "verbose_name": "event",
                "verbose_name_plural": "outbox",
                "default_permissions": ("view", "change", "delete"),
                "permissions": (("reveal_event", "Can see the personal data of an event"),),
            },
        ),
    ]
