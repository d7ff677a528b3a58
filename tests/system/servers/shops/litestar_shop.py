"""The shop in Litestar."""

from typing import Any

from litestar import Litestar, MediaType, Request, get, post
from litestar.response import Redirect

from fprom_middleware.asgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register_async


@get("/", media_type=MediaType.HTML)
async def home() -> str:
    """The page."""
    return PAGE


@get("/go", status_code=302)
async def go() -> Redirect:
    """A link that leads to it."""
    return Redirect("/")


@post("/signup", status_code=200)
async def signup(request: Request[Any, Any, Any], email: str) -> dict[str, Any]:
    """The registration."""
    return await register_async(request, email)


app = FpromMiddleware(Litestar([home, go, signup], logging_config=None))
