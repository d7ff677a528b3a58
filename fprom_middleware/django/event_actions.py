"""What a person does to the outbox on the admin's pages, and the lines of the log about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext

from .models import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox.admin import Inspection, OutboxRow

_BUTTONS: Final = ("resume", "retry", "delete")


def act(admin: Any, request: Any, inspection: Inspection) -> Sequence[OutboxRow]:
    """Do what the `action` of a POST says, and tell the person and the admin's log.

    Args:
        admin: The `EventAdmin`, whose permissions count.
        request: The POST.
        inspection: The outbox.

    Returns:
        The events that are to be deleted once the person confirms it.

    Raises:
        PermissionDenied: The person may not do it.
    """
    # Chosen from the list's actions, or a button of its own.
    action = request.POST.get("action") or next(filter(request.POST.__contains__, _BUTTONS), "")
    numbers = [int(n) for n in request.POST.getlist(ACTION_CHECKBOX_NAME) if n.isdecimal()]
    may = admin.has_delete_permission if action == "delete" else admin.has_change_permission
    if not may(request):
        raise PermissionDenied
    if action == "resume":
        _resume(admin, request, inspection)
    elif action == "retry_all":
        _retry(admin, request, inspection, None)
    elif not numbers or action not in {"retry", "delete"}:
        admin.message_user(request, gettext("No action selected."), messages.WARNING)
    elif action == "retry":
        _retry(admin, request, inspection, numbers)
    elif "confirmed" not in request.POST and (doomed := inspection.among(numbers)):
        return doomed
    else:
        _delete(admin, request, inspection, numbers)
    return ()


def _resume(admin: Any, request: Any, inspection: Inspection) -> None:
    if inspection.outbox.resume():
        admin.log_change(request, Event(), "Pause ended.")
        text = "The pause is over: what is due is sent by the next drain."
        admin.message_user(request, text, messages.SUCCESS)
    else:
        admin.message_user(request, "Nothing is paused.", messages.WARNING)


def _retry(admin: Any, request: Any, inspection: Inspection, numbers: Sequence[int] | None) -> None:
    if numbers is None:
        events = [Event()]
    else:
        events = [Event(pk=row.id) for row in inspection.among(numbers) if row.rejected]
    done = inspection.retry(numbers)
    for event in events if done else ():
        admin.log_change(request, event, "Sent again.")
    text = f"{_count(done)} due now: sent by the next drain."
    if len(numbers or ()) > done:
        text += " What is pending is tried again by itself."
    admin.message_user(request, text, messages.SUCCESS if done else messages.WARNING)


def _delete(admin: Any, request: Any, inspection: Inspection, numbers: Sequence[int]) -> None:
    events = [Event(pk=row.id) for row in inspection.among(numbers)]
    done = inspection.delete(numbers)
    if done:
        admin.log_deletions(request, events)
    level = messages.SUCCESS if done else messages.WARNING
    admin.message_user(request, f"{_count(done)} deleted.", level)


def _count(number: int) -> str:
    return f"{number} event" if number == 1 else f"{number} events"
