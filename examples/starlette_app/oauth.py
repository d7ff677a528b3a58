"""Accounts by way of an OAuth provider, whose answer may come without the shop's cookies."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from fprom_middleware import dump_tracking, load_tracking, track_signup_async

from .users import EmailTaken

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .users import Users

NONCE = "oauth_nonce"
MAX_SECONDS = 600


async def start(request: Request) -> Response:
    """Send the visitor to the provider."""
    # The state carries who the visitor is. The nonce in its purpose makes it good for this
    # browser alone, which is what a state is there for.
    nonce = secrets.token_urlsafe(16)
    query = {
        "response_type": "code",
        "client_id": "tea",
        "redirect_uri": str(request.url_for("oauth_callback")),
        "state": dump_tracking(request, purpose=f"oauth {nonce}"),
    }
    answer = RedirectResponse(f"{request.app.state.oauth_url}/authorize?{urlencode(query)}", 302)
    answer.set_cookie(
        NONCE,
        nonce,
        max_age=MAX_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


async def callback(request: Request) -> Response:
    """Create the account, then tell FirstPromoter who brought the visitor who set out."""
    nonce, state = request.cookies.get(NONCE), request.query_params.get("state")
    visitor = load_tracking(
        request, state, purpose=f"oauth {nonce}", max_age=MAX_SECONDS, default=None
    )
    if nonce is None or visitor is None:
        raise HTTPException(400, "This took too long, or began elsewhere. Please try again.")
    email = await _email_of(request)
    users: Users = request.app.state.users
    try:
        await run_in_threadpool(users.add, email, secrets.token_urlsafe())
    except EmailTaken:
        pass  # the account exists: a sign-in, not a sign-up
    else:
        await track_signup_async(visitor, email)
    request.session["email"] = email
    return RedirectResponse("/welcome", 303)


async def _email_of(request: Request) -> str:
    code = request.query_params.get("code", "")
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.post(f"{request.app.state.oauth_url}/token", data={"code": code})
        email: str = answer.raise_for_status().json()["email"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise HTTPException(502, "The provider does not say who you are.") from error
    return email


routes = [
    Route("/oauth/start", start),
    Route("/oauth/callback", callback, name="oauth_callback"),
]
