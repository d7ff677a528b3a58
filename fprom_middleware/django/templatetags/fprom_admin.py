"""How the admin's pages of the outbox show a moment and a length of time."""

from __future__ import annotations

from django import template

from fprom_middleware.timestamps import from_epoch, span

register = template.Library()
register.filter("moment", from_epoch)
register.filter("span", span)
