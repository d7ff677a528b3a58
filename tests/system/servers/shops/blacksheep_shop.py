"""The shop in BlackSheep."""

from blacksheep import Application, Request, Response, Router, html, json, redirect

from fprom_middleware.asgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register_async

shop = Application(router=Router())


@shop.router.get("/")
async def home() -> Response:
    """The page."""
    return html(PAGE)


@shop.router.get("/go")
async def go() -> Response:
    """A link that leads to it."""
    return redirect("/")


@shop.router.post("/signup")
async def signup(request: Request, email: str) -> Response:
    """The registration."""
    return json(await register_async(request, email))


app = FpromMiddleware(shop)
