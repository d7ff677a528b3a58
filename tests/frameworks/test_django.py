"""Django: WSGIRequest and ASGIRequest, behind the WSGI and ASGI middlewares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import JsonResponse
from django.test import override_settings
from django.urls import path

from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.frameworks import Account, sign_up, sign_up_async

if TYPE_CHECKING:
    from collections.abc import Iterator


def view(request: Any) -> Any:
    """Register somebody."""
    assert isinstance(request, WSGIRequest | ASGIRequest)
    return JsonResponse(sign_up(request))


async def view_async(request: Any) -> Any:
    """Register somebody without blocking."""
    assert isinstance(request, WSGIRequest | ASGIRequest)
    return JsonResponse(await sign_up_async(request))


def rest_view() -> Any:
    """Make a view of Django REST framework, whose request wraps Django's."""
    rest = pytest.importorskip("rest_framework.decorators", reason="no Django REST framework here")
    response = pytest.importorskip("rest_framework.response")

    def register(request: Any) -> Any:
        assert type(request).__module__ == "rest_framework.request"
        return response.Response(sign_up(request))

    for decorate in (
        rest.authentication_classes([]),
        rest.permission_classes([]),
        rest.api_view(["POST"]),
    ):
        register = decorate(register)
    return register


@pytest.fixture(autouse=True)
def _django() -> Iterator[None]:
    if not settings.configured:
        settings.configure(SECRET_KEY="of these tests")
    with override_settings(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[],
        REST_FRAMEWORK={
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
    ):
        django.setup()
        yield


@pytest.mark.parametrize("handler", [view, view_async])
def test_a_view_under_wsgi_signs_up(account: Account, handler: Any) -> None:
    """Sync and async views, WSGIRequest."""
    with override_settings(ROOT_URLCONF=(path("signup", handler),)):
        account.check_wsgi(WsgiMiddleware(WSGIHandler(), account.fprom))


@pytest.mark.parametrize("handler", [view, view_async])
def test_a_view_under_asgi_signs_up(account: Account, handler: Any) -> None:
    """Sync and async views, ASGIRequest."""
    with override_settings(ROOT_URLCONF=(path("signup", handler),)):
        account.check_asgi(AsgiMiddleware(ASGIHandler(), account.fprom))


def test_a_view_of_the_rest_framework_signs_up(account: Account) -> None:
    """Its request hands attributes on to the one it wraps, on both sides."""
    with override_settings(ROOT_URLCONF=(path("signup", rest_view()),)):
        account.check_wsgi(WsgiMiddleware(WSGIHandler(), account.fprom))
        other = Account()
        other.check_asgi(AsgiMiddleware(ASGIHandler(), other.fprom))
