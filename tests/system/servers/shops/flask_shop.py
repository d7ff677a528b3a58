"""The shop in Flask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, redirect, request

from fprom_middleware import FpromSettings
from fprom_middleware.flask import init_app
from tests.system.servers.shops.registration import PAGE, register

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

app = Flask(__name__)
init_app(app, FpromSettings.from_env())


@app.get("/")
def home() -> str:
    """The page."""
    return PAGE


@app.get("/go")
def go() -> Response:
    """A link that leads to it."""
    return redirect("/")


@app.post("/signup")
def signup() -> dict[str, Any]:
    """The registration."""
    return register(request, request.args["email"])
