"""The shop in Django, with sync views for a WSGI server."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path

from tests.system.servers.shops.registration import PAGE, register

settings.configure(
    SECRET_KEY="of-this-shop",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["fprom_middleware.django.FpromMiddleware"],
    **{name: value for name, value in os.environ.items() if name.startswith("FPROM_")},
)


def home(_: Any) -> HttpResponse:
    """The page."""
    return HttpResponse(PAGE)


def go(_: Any) -> HttpResponse:
    """A link that leads to it."""
    return HttpResponseRedirect("/")


def signup(request: Any) -> HttpResponse:
    """The registration."""
    return JsonResponse(register(request, request.GET["email"]))


urlpatterns = [path("", home), path("go", go), path("signup", signup)]
app = get_wsgi_application()
