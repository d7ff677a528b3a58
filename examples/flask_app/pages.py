"""The shop's pages: landing, registration, welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, redirect, render_template, request, url_for

from fprom_middleware import track_signup

from .confirmation import ask
from .registration import Registration
from .users import EmailTaken

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from .users import Users

pages = Blueprint("pages", __name__)

Page = tuple[str, int]


@pages.get("/")
def landing() -> str:
    """Show what referral links lead to."""
    return render_template("landing.html")


@pages.get("/register")
def form() -> str:
    """Show the empty registration form."""
    return render_template("register.html", email="", mistakes={})


@pages.post("/register")
def register() -> Response | Page | str:
    """Create the account, then tell FirstPromoter who brought this visitor."""
    registration = Registration.read(request.form)
    mistakes = registration.mistakes()
    if mistakes:
        return _refused(registration, mistakes, 422)
    if "confirmation" in current_app.blueprints:
        ask(registration)
        return render_template("mail_sent.html")
    users: Users = current_app.extensions["shop_users"]
    try:
        users.add(registration.email, registration.password)
    except EmailTaken:
        taken = {"email": "There is an account with this e-mail address already."}
        return _refused(registration, taken, 409)

    # After the commit: there must be no lead without an account. Visitors who came by no
    # referral link are skipped, and nothing that the API does can fail this view.
    track_signup(request, registration.email)
    return redirect(url_for("pages.welcome"), 303)


@pages.get("/welcome")
def welcome() -> str:
    """Greet the new customer."""
    return render_template("welcome.html")


def _refused(registration: Registration, mistakes: dict[str, str], status: int) -> Page:
    page = render_template("register.html", email=registration.shown_email, mistakes=mistakes)
    return page, status
