"""A Flask user's code, for mypy and pyright; a line that must not pass carries the complaint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from flask import Flask, request

from fprom_middleware import (
    Fprom,
    Receipt,
    TrackingContext,
    get_tracking,
    track_refund,
    track_sale,
    track_signup,
)
from fprom_middleware.flask import init_app

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def create_app(session: Session) -> Flask:
    """Make the shop."""
    app = Flask("shop")
    app.config["FPROM_ENABLED"] = False
    assert_type(init_app(app), Fprom)
    init_app("shop")  # type: ignore[arg-type]
    init_app(app, fprm=None)  # type: ignore[call-arg]

    @app.post("/signup")
    def sign_up() -> dict[str, Any]:
        tracking = get_tracking(request)
        assert_type(tracking, TrackingContext)
        assert_type(tracking.tid, str | None)
        receipt = track_signup(request, request.form["email"], session=session)
        assert_type(receipt, Receipt)
        track_signup(request, e_mail="a@b.c")  # type: ignore[call-arg]
        track_signup(request, "a@b.c", uid=1.5)  # type: ignore[arg-type]
        return {"status": receipt.status, "reason": receipt.reason}

    @app.post("/webhook")
    def webhook() -> str:
        assert_type(track_sale(request, "a@b.c", event_id="in_1", amount=1290), Receipt)
        track_sale(request, "a@b.c", event_id="in_1", amount=12.9)  # type: ignore[arg-type]
        track_sale(request, "a@b.c", event_id="in_1", price=1290)  # type: ignore[call-arg]
        track_refund(request, "a@b.c", event_id="re_1", amount=12.9)  # type: ignore[arg-type]
        return ""

    @app.post("/async")
    async def sign_up_too() -> str:
        await track_signup(request, "a@b.c")  # type: ignore[misc]
        return ""

    return app
