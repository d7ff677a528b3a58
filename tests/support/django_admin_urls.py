"""The addresses of the project with an admin, and with a second one of its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from fprom_middleware.django.admin import EventAdmin
from fprom_middleware.django.models import Event

desk = admin.AdminSite(name="desk")
desk.register(Event, EventAdmin)

urlpatterns = [path("admin/", admin.site.urls), path("desk/", desk.urls)]
