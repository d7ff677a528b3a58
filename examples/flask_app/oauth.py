"""Accounts by way of an OAuth provider, whose answer may come without the shop's cookies."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
from flask import Blueprint, abort, current_app, redirect, request, session, url_for

from fprom_middleware import dump_tracking, load_tracking, track_signup

from .users import EmailTaken, add_user

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from werkzeug.wrappers import Response

NONCE = "oauth_nonce"
MAX_SECONDS = 600

oauth = Blueprint("oauth", __name__, url_prefix="/oauth")


@oauth.get("/start")
def start() -> Response:
    """Send the visitor to the provider."""
    # The state carries who the visitor is. The nonce in its purpose makes it good for this
    # browser alone, which is what a state is there for.
    nonce = secrets.token_urlsafe(16)
    query = {
        "response_type": "code",
        "client_id": "tea",
        "redirect_uri": url_for("oauth.callback", _external=True),
        "state": dump_tracking(request, purpose=f"oauth {nonce}"),
    }
    answer = redirect(f"{current_app.config['SHOP_OAUTH_URL']}/authorize?{urlencode(query)}")
    answer.set_cookie(
        NONCE, nonce, max_age=MAX_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return answer


@oauth.get("/callback")
def callback() -> Response:
    """Create the account, and tell FirstPromoter who brought the visitor who set out."""
    nonce, state = request.cookies.get(NONCE), request.args.get("state")
    visitor = load_tracking(
        request, state, purpose=f"oauth {nonce}", max_age=MAX_SECONDS, default=None
    )
    if nonce is None or visitor is None:
        abort(400, "This took too long, or began in another browser. Please try again.")
    email = _email_of(request.args.get("code", ""))
    database: Engine = current_app.extensions["shop_database"]
    try:
        with database.begin() as db:
            add_user(db, email, secrets.token_urlsafe())
            track_signup(visitor, email, session=db)
    except EmailTaken:
        pass  # the account exists: a sign-in, not a sign-up
    session["email"] = email
    return redirect(url_for("pages.welcome"), 303)


def _email_of(code: str) -> str:
    try:
        answer = httpx.post(
            f"{current_app.config['SHOP_OAUTH_URL']}/token", data={"code": code}, timeout=5
        )
        email: str = answer.raise_for_status().json()["email"]
    except (httpx.HTTPError, ValueError, KeyError):
        abort(502, "The provider does not say who you are. Please try again.")
    return email
