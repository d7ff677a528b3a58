"""The shop's pages: landing, registration, welcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for

from fprom_middleware import track_signup

from .confirmation import ask
from .database import payments
from .registration import Registration
from .users import EmailTaken, add_user

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from werkzeug.wrappers import Response

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
    """Create the account, and tell FirstPromoter who brought this visitor."""
    registration = Registration.read(request.form)
    mistakes = registration.mistakes()
    if mistakes:
        return _refused(registration, mistakes, 422)
    if "confirmation" in current_app.blueprints:
        ask(registration)
        return render_template("mail_sent.html")
    database: Engine = current_app.extensions["shop_database"]
    try:
        with database.begin() as db:
            add_user(db, registration.email, registration.password)
            # In the account's own transaction: both are there, or neither. Visitors who came by no
            # referral link are skipped, and nothing that the API does can fail this view.
            track_signup(request, registration.email, session=db)
    except EmailTaken:
        taken = {"email": "There is an account with this e-mail address already."}
        return _refused(registration, taken, 409)
    session["email"] = registration.email
    return redirect(url_for("pages.welcome"), 303)


@pages.get("/welcome")
def welcome() -> str:
    """Greet the new customer, who may buy now, and show what was bought."""
    database: Engine = current_app.extensions["shop_database"]
    theirs = payments.select().where(payments.c.email == session.get("email"))
    with database.begin() as db:
        return render_template("welcome.html", payments=db.execute(theirs).all())


def _refused(registration: Registration, mistakes: dict[str, str], status: int) -> Page:
    page = render_template("register.html", email=registration.shown_email, mistakes=mistakes)
    return page, status
