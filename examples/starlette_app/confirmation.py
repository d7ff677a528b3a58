"""Accounts that exist once their e-mail address is confirmed, maybe on another device."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from fprom_middleware import dump_tracking, load_tracking, track_signup_async

from .forms import read_form
from .mail import send
from .render import templates
from .users import EmailTaken, UnknownCode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .registration import Registration
    from .users import Users


async def ask(request: Request, registration: Registration) -> None:
    """Send a link that will create the account.

    Args:
        request: The registration's.
        registration: A form without mistakes.
    """
    users: Users = request.app.state.users
    code = await run_in_threadpool(users.hold, registration.email, registration.password)
    # The device that opens the link may have none of this visitor's cookies.
    query = urlencode({"code": code, "visitor": dump_tracking(request, purpose="confirm")})
    link = f"{request.url_for('confirmation')}?{query}"
    await run_in_threadpool(send, request.app.state.mail, registration.email, link)


async def look(request: Request) -> Response:
    """Show a button: programs that look through mail open links, but press none."""
    given = {name: request.query_params.get(name, "") for name in ("code", "visitor")}
    return templates.TemplateResponse(request, "confirm.html", given)


async def confirm(request: Request) -> Response:
    """Create the account, then tell FirstPromoter who brought the visitor who registered."""
    given = await read_form(request)
    users: Users = request.app.state.users
    try:
        email = await run_in_threadpool(users.confirm, given.get("code", ""))
    except (EmailTaken, UnknownCode) as error:
        raise HTTPException(410, "This link was used before.") from error
    # A link that is too old or was changed leaves the visitor who opened it.
    visitor = load_tracking(request, given.get("visitor"), purpose="confirm", default=request)
    await track_signup_async(visitor, email)
    request.session["email"] = email
    return RedirectResponse("/welcome", 303)


routes = [
    Route("/confirm", look, methods=["GET"], name="confirmation"),
    Route("/confirm", confirm, methods=["POST"]),
]
