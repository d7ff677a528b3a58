"""One request of a visitor through either middleware, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from fprom_middleware import TrackingContext, get_tracking
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware

if TYPE_CHECKING:
    from http.cookies import Morsel

    from fprom_middleware import Fprom

COOKIE = "fprom_keep"
"""The name of our cookie."""
OLD_KEY = "the key that signed until this spring"
FOREIGN_KEY = "the key of another app, of a good length"
TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
OTHER_TID = "a0b1c2d3-0000-4111-8222-333344445555"
IP = "203.0.113.77"
EMAIL = "visitor@example.com"
HTML = ("Content-Type", "text/html; charset=utf-8")

NAVIGATION = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}
"""What a browser sends when a person opens a page."""
REFERRED = NAVIGATION | {"Cookie": f"_fprom_tid={TID}"}
"""The same of a visitor whom a promoter has sent."""


@dataclass
class Answer:
    """What came back of a request, and the context the app was given."""

    context: TrackingContext
    connection: dict[str, Any]
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def written(self) -> list[str]:
        """The Set-Cookie lines, in order."""
        return [value for name, value in self.headers if name.lower() == "set-cookie"]

    @property
    def kept(self) -> Morsel[str] | None:
        """Our cookie, where this response writes it."""
        cookies: SimpleCookie = SimpleCookie()
        for line in self.written:
            cookies.load(line)
        return cookies.get(COOKIE)

    @property
    def jar(self) -> str:
        """Our cookie as the browser sends it back."""
        assert self.kept is not None, self.headers
        return f"{COOKIE}={self.kept.value}"


Visit = Callable[..., Answer]


def visit_by_wsgi(
    fprom: Fprom,
    *,
    method: str = "GET",
    cookie: str = "",
    query: str = "",
    headers: Mapping[str, str] = NAVIGATION,
    scheme: str = "http",
    status: int = 200,
    answer: Iterable[tuple[str, str]] = (HTML,),
) -> Answer:
    """Send one request through the WSGI middleware."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "REMOTE_ADDR": IP,
        "wsgi.url_scheme": scheme,
    }
    for name, value in {**headers, **({"Cookie": cookie} if cookie else {})}.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    result = Answer(TrackingContext(), environ)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        result.context = get_tracking(environ)
        start_response(f"{status} What it means", list(answer))
        return []

    def start_response(_: str, headers: list[tuple[str, str]], *__: Any) -> Any:
        result.headers = headers

    list(WsgiMiddleware(app, fprom)(environ, start_response))
    return result


def visit_by_asgi(
    fprom: Fprom,
    *,
    method: str = "GET",
    cookie: str = "",
    query: str = "",
    headers: Mapping[str, str] = NAVIGATION,
    scheme: str = "http",
    status: int = 200,
    answer: Iterable[tuple[str, str]] = (HTML,),
) -> Answer:
    """Send one request through the ASGI middleware."""
    lines = [*headers.items(), *([("Cookie", cookie)] if cookie else [])]
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "query_string": query.encode("latin-1"),
        "client": (IP, 4711),
        "scheme": scheme,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in lines],
    }
    result = Answer(TrackingContext(), scope)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        result.context = get_tracking(scope)
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body"})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            raw = message["headers"]
            result.headers = [(name.decode(), value.decode("latin-1")) for name, value in raw]

    work = AsgiMiddleware(app, fprom)(scope, lambda: None, send)  # type: ignore[arg-type, return-value]
    # Nothing here waits, so no event loop is needed.
    try:
        work.send(None)
    except StopIteration:
        return result
    message = "the app waited"
    raise AssertionError(message)
