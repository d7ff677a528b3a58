"""The shop's pages: landing, registration, welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from fprom_middleware import track_signup_async

from .confirmation import ask
from .forms import read_form
from .registration import Registration
from .render import templates
from .users import EmailTaken

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .ledger import Ledger
    from .users import Users


async def landing(request: Request) -> Response:
    """Show what referral links lead to."""
    return templates.TemplateResponse(request, "landing.html")


async def form(request: Request) -> Response:
    """Show the empty registration form."""
    return templates.TemplateResponse(request, "register.html", {"email": "", "mistakes": {}})


async def register(request: Request) -> Response:
    """Create the account, then tell FirstPromoter who brought this visitor."""
    registration = Registration.read(await read_form(request))
    mistakes = registration.mistakes()
    if mistakes:
        return _refused(request, registration, mistakes, 422)
    if request.app.state.confirms:
        await ask(request, registration)
        return templates.TemplateResponse(request, "mail_sent.html")
    users: Users = request.app.state.users
    try:
        # Hashing and SQLite would stop the event loop.
        await run_in_threadpool(users.add, registration.email, registration.password)
    except EmailTaken:
        taken = {"email": "There is an account with this e-mail address already."}
        return _refused(request, registration, taken, 409)

    # After the commit: there must be no lead without an account. Visitors who came by no
    # referral link are skipped, and nothing that the API does can fail this view.
    await track_signup_async(request, registration.email)
    request.session["email"] = registration.email
    return RedirectResponse("/welcome", 303)


async def welcome(request: Request) -> Response:
    """Greet the new customer, who may buy now, and show what was bought."""
    ledger: Ledger = request.app.state.ledger
    email = request.session.get("email", "")
    context = {
        "can_buy": email and request.app.state.payments_url,
        "payments": await run_in_threadpool(ledger.of, email),
    }
    return templates.TemplateResponse(request, "welcome.html", context)


def _refused(
    request: Request, registration: Registration, mistakes: dict[str, str], status: int
) -> Response:
    context = {"email": registration.shown_email, "mistakes": mistakes}
    return templates.TemplateResponse(request, "register.html", context, status_code=status)
