"""How users call the package; type checkers read it, nobody runs it.

Each deliberate mistake carries the code of the complaint it must cause: where a checker
does not complain, the unused `type: ignore` is the error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_type
from unittest import TestCase
from uuid import uuid4

from aiohttp import web
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

from fprom_middleware import (
    Cancellation,
    Fprom,
    FpromConfigError,
    FpromError,
    FpromNotInstalled,
    FpromSettings,
    FpromTokenError,
    Lead,
    Receipt,
    Refund,
    Sale,
    Status,
    TrackingContext,
    aiohttp,
    asgi,
    dump_tracking,
    fastapi,
    flask,
    get_tracking,
    load_tracking,
    minor_units,
    starlette,
    stripe_metadata,
    testing,
    track_cancellation,
    track_cancellation_async,
    track_refund,
    track_refund_async,
    track_sale,
    track_sale_async,
    track_signup,
    track_signup_async,
    wsgi,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import httpx
    from starlette.config import Config
    from starlette.requests import Request
    from starlette.types import ASGIApp


def settings_by_hand() -> None:
    """Python values and text alike."""
    FpromSettings(api_key="k", account_id="a")
    FpromSettings(
        api_key="k",
        account_id="a",
        enabled="false",
        base_url="http://127.0.0.1:8750",
        timeout="2.5",
        trusted_proxies=["10.0.0.0/8", "loopback"],
        client_ip_header="CF-Connecting-IP",
        send_ip="truncated",
        delivery="inline",
        worker="none",
        rate_limit=100,
        secret_keys=("old", "new"),
        link_params="fpr, via",
        consent=bool,
        before_send="shop.hooks.before_send",
    )
    settings = FpromSettings.from_mapping({"FPROM_ENABLED": False, "OTHER": object()})
    assert_type(settings, FpromSettings)
    assert_type(FpromSettings.from_env(), FpromSettings)
    assert_type(settings.timeout, float)
    assert_type(settings.api_key, str | None)
    assert_type(settings.trusted_proxies, int | tuple[str, ...])
    FpromSettings("k", "a")  # type: ignore[call-arg]
    FpromSettings(api_key=b"k")  # type: ignore[arg-type]
    FpromSettings(apikey="k")  # type: ignore[call-arg]
    FpromSettings(consent=lambda: True)  # type: ignore[arg-type,misc]
    settings.timeout = 5  # type: ignore[misc]


def accounts(config: Mapping[str, Any], client: httpx.Client, other: httpx.AsyncClient) -> None:
    """What an account is made of."""
    fprom = Fprom(FpromSettings(api_key="k", account_id="a"))
    Fprom()
    Fprom(config)
    Fprom(config, clock=lambda: 0.0, client=client)
    assert_type(fprom.settings, FpromSettings)
    assert_type(fprom.close(), None)
    Fprom("https://api.firstpromoter.com")  # type: ignore[arg-type]
    Fprom(config, client=other)  # type: ignore[arg-type]
    Fprom(config, clock=datetime.now)  # type: ignore[arg-type]


def takes_text(text: str | None) -> None:
    """Take what may be missing."""


def takes_text_only(text: str) -> None:
    """Take what must be there."""


def sign_ups(request: object, fprom: Fprom, context: TrackingContext) -> None:
    """What a sync view does."""
    receipt = track_signup(request, "visitor@example.com")
    assert_type(receipt, Receipt)
    assert_type(receipt.status, Status)
    assert_type(receipt.durable, bool)
    assert_type(receipt.lead, Lead | None)
    assert_type(receipt.event, Lead | Sale | Refund | Cancellation | None)
    assert_type(receipt.status == "queued", bool)
    takes_text(receipt.reason)
    track_signup(
        request,
        uid=7,
        ref_id="anna",
        created_at=datetime.now(UTC),
        skip_email_notification=True,
        session=object(),
    )
    fprom.track_signup(context, uid=uuid4())
    tracking = get_tracking(request)
    assert_type(tracking, TrackingContext)
    assert_type(tracking.tid, str | None)
    assert_type(tracking.ref_id, str | None)
    assert_type(tracking.ip, str | None)
    takes_text(tracking.tid)
    takes_text_only(tracking.tid)  # type: ignore[arg-type]
    track_signup()  # type: ignore[call-arg]
    track_signup(request, 7)  # type: ignore[arg-type]
    track_signup(request, "a@b.c", "7")  # type: ignore[call-arg]
    track_signup(request, uid=object())  # type: ignore[arg-type]
    track_signup(request, None, uid=None)
    track_signup(None, "a@b.c")
    track_signup(request, email="a@b.c", tid="t")  # type: ignore[call-arg]
    track_signup(request, "a@b.c", created_at="2025-04-25")  # type: ignore[arg-type]
    tracking.tid = "another"  # type: ignore[misc]
    receipt.status = Status.SENT  # type: ignore[misc]


async def async_sign_ups(request: Request, fprom: Fprom) -> None:
    """What an async view does."""
    assert_type(await track_signup_async(request, "visitor@example.com"), Receipt)
    assert_type(await fprom.track_signup_async(request, uid=7), Receipt)
    assert_type(await fprom.aclose(), None)
    forgotten: Receipt = track_signup_async(request, "a@b.c")  # type: ignore[assignment]
    assert_type(forgotten.status, Status)


def payments(request: object, fprom: Fprom, context: TrackingContext) -> None:
    """What a webhook and a job do."""
    assert_type(track_sale(request, "a@b.c", event_id="ch_1", amount=1290), Receipt)
    track_sale(
        request,
        uid=7,
        event_id=uuid4(),
        amount=minor_units(Decimal("12.90"), "EUR"),
        currency="EUR",
        quantity=2,
        plan="monthly",
        mrr=1290,
        promo_code="ANNA20",
        visitor=context,
        skip_email_notification=True,
        session=object(),
    )
    assert_type(fprom.track_sale(email="a@b.c", event_id=4711, amount=1290), Receipt)
    assert_type(track_refund(request, "a@b.c", event_id="re_1", amount=1290), Receipt)
    track_refund(request, "a@b.c", event_id="re_1", amount=5, sale_event_id="ch_1", quantity=1)
    assert_type(fprom.track_refund(uid=7, event_id="re_1", amount=1290), Receipt)
    assert_type(track_cancellation(request, "a@b.c"), Receipt)
    assert_type(fprom.track_cancellation(uid=uuid4(), session=object()), Receipt)
    assert_type(stripe_metadata(request), dict[str, str])
    assert_type(fprom.stripe_metadata(context), dict[str, str])
    track_sale(request, "a@b.c", event_id=None, amount=1290)
    track_sale(request, "a@b.c", amount=1290)  # type: ignore[call-arg]
    track_sale(request, "a@b.c", event_id="ch_1")  # type: ignore[call-arg]
    track_sale(request, "a@b.c", event_id="ch_1", amount=12.9)  # type: ignore[arg-type]
    track_sale(request, "a@b.c", event_id="ch_1", amount="1290")  # type: ignore[arg-type]
    track_sale(request, "a@b.c", event_id="ch_1", amount=Decimal(1290))  # type: ignore[arg-type]
    track_sale(request, "a@b.c", event_id="ch_1", amount=1290, mrr=12.9)  # type: ignore[arg-type]
    track_sale(request, "a@b.c", event_id="ch_1", amount=1290, tid="t")  # type: ignore[call-arg]
    fprom.track_refund(uid=7, event_id="re_1", amount=12.9)  # type: ignore[arg-type]
    track_refund(request, "a@b.c", event_id="re_1", amount=5, visitor=context)  # type: ignore[call-arg]
    track_cancellation(request, "a@b.c", event_id="ch_1")  # type: ignore[call-arg]


async def async_payments(request: Request, fprom: Fprom) -> None:
    """What an async webhook does."""
    assert_type(await track_sale_async(request, "a@b.c", event_id="ch_1", amount=1290), Receipt)
    assert_type(await track_refund_async(request, "a@b.c", event_id="re_1", amount=5), Receipt)
    assert_type(await track_cancellation_async(request, "a@b.c"), Receipt)
    assert_type(await fprom.track_sale_async(uid=7, event_id="ch_1", amount=1290), Receipt)
    assert_type(await fprom.track_refund_async(uid=7, event_id="re_1", amount=5), Receipt)
    assert_type(await fprom.track_cancellation_async(uid=7), Receipt)
    await fprom.track_sale_async(uid=7, event_id="ch_1", amount=12.9)  # type: ignore[arg-type]


def amounts() -> None:
    """What becomes minor units."""
    assert_type(minor_units(Decimal("12.90"), "EUR"), int)
    minor_units("12.90", "EUR")
    minor_units(12, "JPY")
    minor_units(12.9, "EUR")  # type: ignore[arg-type]
    minor_units(Decimal("12.90"))  # type: ignore[call-arg]


def events(event: Lead | Sale | Refund | Cancellation, receipt: Receipt) -> str | None:
    """What a hook does with each kind."""
    if receipt.event is not None:
        assert_type(receipt.event.email, str | None)
    if isinstance(event, Sale | Refund):
        assert_type(event.event_id, str)
        assert_type(event.amount, int)
        return event.currency
    if isinstance(event, Lead):
        return event.ip
    assert_type(event, Cancellation)
    event.uid = "8"  # type: ignore[misc]
    Sale(event_id="ch_1", amount=12.9)  # type: ignore[arg-type]
    Refund(event_id="re_1")  # type: ignore[call-arg]
    return event.uid


def leads_and_contexts() -> None:
    """What can be made by hand."""
    context = TrackingContext("t", ref_id="anna", ip="203.0.113.7", captured_at=datetime.now(UTC))
    assert_type(context.captured_at, datetime | None)
    lead = Lead(email="a@b.c", tid="t", created_at=datetime.now(UTC))
    assert_type(lead.to_json(), dict[str, Any])
    Lead("a@b.c")  # type: ignore[call-arg]
    Lead(uid=7)  # type: ignore[arg-type]
    lead.email = None  # type: ignore[misc]
    Receipt(Status.SKIPPED)
    Receipt("skipped")  # type: ignore[arg-type]


def wsgi_apps(app: WSGIApplication, config: Mapping[str, Any], fprom: Fprom) -> WSGIApplication:
    """The middleware is a WSGI app around a WSGI app."""
    wsgi.FpromMiddleware(app)
    wsgi.FpromMiddleware(app, config)
    wsgi.FpromMiddleware(app, fprom.settings)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert_type(get_tracking(environ).tid, str | None)
        start_response("200 OK", [])
        return []

    wsgi.FpromMiddleware(application, "key")  # type: ignore[arg-type]
    wsgi.FpromMiddleware(len)  # type: ignore[arg-type]
    return wsgi.FpromMiddleware(application, fprom)


def asgi_apps(app: ASGIApp, fprom: Fprom) -> ASGIApp:
    """The middleware is an ASGI app around an ASGI app."""
    asgi.FpromMiddleware(app, {"FPROM_ENABLED": False})
    asgi.FpromMiddleware(len)  # type: ignore[arg-type]
    return asgi.FpromMiddleware(Starlette(), fprom)


def frameworks(fprom: Fprom, config: Config) -> None:
    """Each framework's one line."""
    assert_type(flask.init_app(Flask("shop")), Fprom)
    flask.init_app(Flask("shop"), fprom)
    flask.init_app(Flask("shop"), {"FPROM_ENABLED": False})
    flask.init_app(Starlette())  # type: ignore[arg-type]
    assert_type(starlette.init_app(Starlette()), Fprom)
    starlette.init_app(Starlette(), config)
    starlette.init_app(Starlette(), {"FPROM_ENABLED": "false"})
    starlette.init_app(Flask("shop"))  # type: ignore[arg-type]
    assert_type(fastapi.init_app(FastAPI(), fprom), Fprom)
    site = web.Application()
    assert_type(aiohttp.init_app(site, {"FPROM_ENABLED": False}), Fprom)
    assert_type(site[aiohttp.APP_KEY], Fprom)
    aiohttp.init_app(Starlette())  # type: ignore[arg-type]
    app = FastAPI()
    app.add_middleware(fastapi.FpromMiddleware, fprom=fprom)
    app.add_middleware(fastapi.FpromMiddleware, fprm=fprom)  # type: ignore[call-arg]


def dependencies(tracking: fastapi.Tracking, fprom: fastapi.FpromDep) -> None:
    """What a FastAPI view takes as parameters."""
    assert_type(tracking, TrackingContext)
    assert_type(tracking.tid, str | None)
    assert_type(fprom, Fprom)
    tracking.track_signup("a@b.c")  # type: ignore[attr-defined]
    FastAPI(lifespan=fastapi.lifespan)
    Starlette(lifespan=starlette.lifespan)


def carried(request: object, fprom: Fprom, context: TrackingContext) -> None:
    """A context on its way through a link or a job."""
    assert_type(dump_tracking(request), str)
    assert_type(load_tracking(request, "token"), TrackingContext)
    assert_type(load_tracking(request, None, default=None), TrackingContext | None)
    assert_type(fprom.dump_tracking(context, purpose="invitation"), str)
    assert_type(fprom.load_tracking("token", max_age=3600), TrackingContext)
    dump_tracking(request, purpose=7)  # type: ignore[arg-type]
    load_tracking(request, "token", default=None).tid  # type: ignore[union-attr]  # noqa: B018


def takes_value_error(error: ValueError) -> None:
    """Take what settings code catches."""


def takes_lookup_error(error: LookupError) -> None:
    """Take what a view catches."""


def errors(error: FpromError) -> str:
    """What there is to catch."""
    if isinstance(error, FpromConfigError):
        assert_type(error.key, str | None)
        takes_value_error(error)
    if isinstance(error, FpromTokenError):
        return error.reason
    if isinstance(error, FpromNotInstalled):
        takes_lookup_error(error)
    return str(error)


def own_tests(fprom: testing.FpromMock, client: object) -> None:
    """What a test says with the fixture."""
    assert_type(fprom.visit(client), str)
    assert_type(fprom.visit(client, ref="anna", tid="t"), str)
    assert_type(fprom.leads, list[Lead])
    assert_type(fprom.sales, list[Sale])
    assert_type(fprom.refunds, list[Refund])
    assert_type(fprom.cancellations, list[Cancellation])
    assert_type(fprom.events, list[Lead | Sale | Refund | Cancellation])
    assert_type(fprom.assert_lead(email="a@b.c", uid=7, tid="t", ip=None), Lead)
    assert_type(fprom.assert_lead(created_at=datetime.now(UTC)), Lead)
    assert_type(fprom.assert_sale(event_id=uuid4(), amount=1290, plan="pro"), Sale)
    assert_type(fprom.assert_refund(sale_event_id=7, quantity=1), Refund)
    assert_type(fprom.assert_cancellation(), Cancellation)
    fprom.assert_no_events()
    fprom.fail_next(500)
    fprom.fail_next(TimeoutError, times=2)
    fprom.fail_next(OSError("gone"), 3)
    fprom.refuse_next(times=2)
    assert_type(fprom.drain(), dict[str, int])
    fprom.drain(1, wait=True)
    fprom.assert_lead(emial="a@b.c")  # type: ignore[call-arg]
    fprom.assert_lead(amount=1)  # type: ignore[call-arg]
    fprom.assert_sale(amount="12.90")  # type: ignore[arg-type]
    fprom.fail_next("500")  # type: ignore[arg-type]
    fprom.leads = []  # type: ignore[misc]


class OwnTest(testing.FpromTestMixin, TestCase):
    """What a test case says."""

    def test_a_view(self) -> None:
        """With the same verbs."""
        assert_type(self.fprom, testing.FpromMock)
        assert_type(self.fprom.assert_lead(email="a@b.c").tid, str | None)


def in_a_block(client: object) -> None:
    """Where there is neither pytest nor unittest."""
    with testing.mock_fprom() as fprom:
        assert_type(fprom, testing.FpromMock)
        fprom.visit(client)
