"""The outbox in Django's admin: what waits, what was refused, and what a person does about it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.transaction import non_atomic_requests
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path

from ..database.refusal import REFUSALS, public_refusal
from ..errors import FpromError
from ..outbox.admin import inspect_outbox
from .account import get_fprom
from .event_actions import act
from .event_list import find_events, list_events
from .models import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..outbox.admin import Inspection

    View = Callable[..., Any]


def _with_inspection(view: View) -> View:
    @wraps(view)
    def called(self: EventAdmin, request: Any, **arguments: Any) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        fprom = get_fprom()
        try:
            with inspect_outbox(fprom.settings, fprom.clock) as inspection:
                return view(self, request, inspection, **arguments)
        except (FpromError, *REFUSALS) as error:
            told = error if isinstance(error, FpromError) else public_refusal(error)
            return self.show(request, "change_list", title="Outbox", refusal=str(told))

    # In a transaction of the request's own, SQLite could wait for itself.
    outside: View = non_atomic_requests(called)
    return outside


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):  # type: ignore[misc]  # as above
    """A list, and a page for each event; nothing of them is asked through Django's models."""

    def get_urls(self) -> list[Any]:
        """Return the two addresses, in place of a model's."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="fprom_event_changelist"),
            path("<int:number>/", view(self.event_view), name="fprom_event_change"),
        ]

    def has_add_permission(self, request: Any) -> bool:
        """Refuse: events come from the app."""
        del request
        return False

    @_with_inspection
    def changelist_view(self, request: Any, inspection: Inspection) -> Any:
        """Show the list; a POST looks for a customer, or does what it says and comes back."""
        # Not in an address: an access log would keep it.
        whom = request.POST.get("whom", "").strip()
        if request.method == "POST" and not whom:
            if doomed := act(self, request, inspection):
                return self.show(request, "delete_confirmation", title="Delete?", rows=doomed)
            return HttpResponseRedirect(request.get_full_path())
        found = find_events(inspection, whom) if whom else list_events(inspection, request.GET)
        return self.show(request, "change_list", title="Outbox", **found)

    @_with_inspection
    def event_view(self, request: Any, inspection: Inspection, *, number: int) -> Any:
        """Show one event, masked; a POST shows it whole."""
        revealed = request.method == "POST"
        if revealed and not request.user.has_perm("fprom.reveal_event"):
            raise PermissionDenied
        row, event = inspection.find(number), Event(pk=number)
        if row is None:
            self.message_user(request, f"There is no {event} in the outbox.", messages.WARNING)
            return HttpResponseRedirect("../")
        if revealed:
            self.log_change(request, event, "Personal data shown.")
        more = {"row": row, "revealed": revealed, "stats": inspection.stats()}
        return self.show(request, "change_form", title=str(event).capitalize(), **more)

    def show(self, request: Any, page: str, **more: Any) -> Any:
        """Show one of the pages."""
        request.current_app = self.admin_site.name
        context = self.admin_site.each_context(request) | {"opts": self.opts} | more
        return TemplateResponse(request, f"admin/fprom/event/{page}.html", context)
