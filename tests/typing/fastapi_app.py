"""A FastAPI user's code, for mypy and pyright; a line that must not pass says so."""

from typing import Annotated, assert_type

from fastapi import Depends, FastAPI, Request

from fprom_middleware import (
    Fprom,
    Receipt,
    TrackingContext,
    track_sale_async,
    track_signup,
    track_signup_async,
)
from fprom_middleware.fastapi import FpromDep, Tracking, get_tracking, init_app, lifespan

app = FastAPI(lifespan=lifespan)
assert_type(init_app(app), Fprom)


@app.post("/signup")
async def sign_up(tracking: Tracking, email: str) -> str:
    """Register an account."""
    assert_type(tracking, TrackingContext)
    assert_type(tracking.tid, str | None)
    receipt = await track_signup_async(tracking, email)
    assert_type(receipt, Receipt)
    await track_signup(tracking, email)  # type: ignore[misc]
    track_signup_async(tracking, email)  # type: ignore[unused-coroutine]
    await track_signup_async(tracking, email, user_id=7)  # type: ignore[call-arg]
    tracking.visitor_id  # type: ignore[attr-defined]  # noqa: B018
    return receipt.status


@app.post("/by-hand")
def by_hand(tracking: Annotated[TrackingContext, Depends(get_tracking)]) -> str:
    """Register one from a thread."""
    return track_signup(tracking, "a@b.c").status


@app.post("/webhook")
async def webhook(request: Request, fprom: FpromDep) -> None:
    """Hear of a payment."""
    assert_type(fprom, Fprom)
    assert_type(await fprom.track_sale_async(uid=7, event_id="in_1", amount=1290), Receipt)
    await fprom.track_sale_async(uid=7, event_id="in_1", amount=12.9)  # type: ignore[arg-type]
    await track_sale_async(request, uid=7, amount=1290)  # type: ignore[call-arg]
    await fprom.track_sale(uid=7, event_id="in_1", amount=1290)  # type: ignore[misc]
