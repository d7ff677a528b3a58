"""A Django user's code, for mypy and pyright; a line that must not pass says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from django.db import connection
from django.http import HttpResponse, JsonResponse

from fprom_middleware import Fprom, Receipt, TrackingContext
from fprom_middleware.django import (
    get_fprom,
    get_tracking,
    track_sale,
    track_signup,
    track_signup_async,
)

if TYPE_CHECKING:
    from django.http import HttpRequest


def sign_up(request: HttpRequest) -> HttpResponse:
    """Register an account."""
    assert_type(get_tracking(request), TrackingContext)
    receipt = track_signup(request, "a@b.c", uid=7, session=connection)
    assert_type(receipt, Receipt)
    track_signup(request, "a@b.c", user=7)  # type: ignore[call-arg]
    return JsonResponse({"status": receipt.status})


async def sign_up_async(request: HttpRequest) -> HttpResponse:
    """Register one on an event loop."""
    receipt = await track_signup_async(request, "a@b.c")
    assert_type(receipt, Receipt)
    await track_signup(request, "a@b.c")  # type: ignore[misc]
    track_signup_async(request, "a@b.c")  # type: ignore[unused-coroutine]
    return JsonResponse({"status": receipt.status})


def webhook(request: HttpRequest) -> HttpResponse:
    """Hear of a payment."""
    fprom = get_fprom()
    assert_type(fprom, Fprom)
    assert_type(fprom.track_sale(uid=7, event_id="in_1", amount=1290), Receipt)
    track_sale(request, uid=7, event_id="in_1", amount=12.9)  # type: ignore[arg-type]
    return HttpResponse()
