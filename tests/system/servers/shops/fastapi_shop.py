"""The shop in FastAPI."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from fprom_middleware.fastapi import init_app
from tests.system.servers.shops.registration import PAGE, register_async

app = FastAPI()
init_app(app)


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    """The page."""
    return PAGE


@app.get("/go")
async def go() -> RedirectResponse:
    """A link that leads to it."""
    return RedirectResponse("/")


@app.post("/signup")
async def signup(request: Request, email: str) -> dict[str, Any]:
    """The registration."""
    return await register_async(request, email)
