"""Accounts that exist once their e-mail address is confirmed, maybe on another device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

from fprom_middleware import dump_tracking, load_tracking, track_signup

from .mail import send
from .users import EmailTaken, UnknownCode, confirm_user, hold_user

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from werkzeug.wrappers import Response

    from .registration import Registration

confirmation = Blueprint("confirmation", __name__)


def ask(registration: Registration) -> None:
    """Send a link that will create the account.

    Args:
        registration: A form without mistakes.
    """
    database: Engine = current_app.extensions["shop_database"]
    with database.begin() as db:
        code = hold_user(db, registration.email, registration.password)
    # The device that opens the link may have none of this visitor's cookies.
    visitor = dump_tracking(request, purpose="confirm")
    link = url_for("confirmation.look", code=code, visitor=visitor, _external=True)
    send(Path(current_app.instance_path, "mail"), registration.email, link)


@confirmation.get("/confirm")
def look() -> str:
    """Show a button: programs that look through mail open links, but press none."""
    return render_template("confirm.html", **_given())


@confirmation.post("/confirm")
def confirm() -> Response:
    """Create the account, and tell FirstPromoter who brought the visitor who registered."""
    given = _given()
    # A link that is too old or was changed leaves the visitor who opened it.
    visitor = load_tracking(request, given["visitor"], purpose="confirm", default=request)
    database: Engine = current_app.extensions["shop_database"]
    try:
        with database.begin() as db:
            email = confirm_user(db, given["code"])
            track_signup(visitor, email, session=db)
    except (EmailTaken, UnknownCode):
        abort(410, "This link was used before.")
    session["email"] = email
    return redirect(url_for("pages.welcome"), 303)


def _given() -> dict[str, str]:
    return {name: request.values.get(name, "") for name in ("code", "visitor")}
