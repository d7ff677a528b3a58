"""The cells of the matrix: each framework on the servers that it is usually deployed on."""

from __future__ import annotations

from dataclasses import dataclass

from tests.system.servers.servers import KINDS, SHOPS


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework's shop.

    Attributes:
        distribution: Its name on PyPI.
        app: The shop, ``module:name``.
        servers: What it runs on here, by their names in `KINDS`.
    """

    distribution: str
    app: str
    servers: tuple[str, ...]


FRAMEWORKS: dict[str, Framework] = {
    "Flask": Framework(
        "flask",
        f"{SHOPS}.flask_shop:app",
        (
            "gunicorn (sync)",
            "gunicorn (gthread)",
            "gunicorn (gevent)",
            "gunicorn (--preload)",
            "uWSGI",
            "waitress",
            "granian (WSGI)",
            "wsgiref",
        ),
    ),
    "Django (WSGI)": Framework(
        "django",
        f"{SHOPS}.django_shop:app",
        ("gunicorn (sync)", "gunicorn (gthread)", "uWSGI", "waitress"),
    ),
    "Pyramid": Framework("pyramid", f"{SHOPS}.pyramid_shop:app", ("waitress", "gunicorn (sync)")),
    "Falcon (WSGI)": Framework(
        "falcon", f"{SHOPS}.falcon_shop:wsgi", ("gunicorn (gthread)", "uWSGI")
    ),
    "Bottle": Framework("bottle", f"{SHOPS}.bottle_shop:app", ("wsgiref", "waitress")),
    "CherryPy": Framework("cherrypy", f"{SHOPS}.cherrypy_shop:app", ("cheroot",)),
    "Starlette": Framework(
        "starlette",
        f"{SHOPS}.starlette_shop:app",
        (
            "uvicorn (1 worker)",
            "uvicorn (--proxy-headers)",
            "uvicorn (2 workers)",
            "gunicorn (uvicorn worker)",
            "gunicorn (ASGI worker)",
            "hypercorn",
            "granian (ASGI)",
            "daphne",
        ),
    ),
    "FastAPI": Framework(
        "fastapi",
        f"{SHOPS}.fastapi_shop:app",
        (
            "uvicorn (1 worker)",
            "uvicorn (2 workers)",
            "gunicorn (uvicorn worker)",
            "hypercorn",
            "granian (ASGI)",
        ),
    ),
    "Django (ASGI)": Framework(
        "django",
        f"{SHOPS}.django_asgi_shop:app",
        ("uvicorn (1 worker)", "gunicorn (uvicorn worker)", "hypercorn", "daphne"),
    ),
    "Quart": Framework("quart", f"{SHOPS}.quart_shop:app", ("hypercorn", "uvicorn (1 worker)")),
    "Litestar": Framework(
        "litestar", f"{SHOPS}.litestar_shop:app", ("uvicorn (1 worker)", "granian (ASGI)")
    ),
    "Falcon (ASGI)": Framework("falcon", f"{SHOPS}.falcon_shop:asgi", ("uvicorn (1 worker)",)),
    "Sanic": Framework("sanic", f"{SHOPS}.sanic_shop:app", ("uvicorn (1 worker)", "hypercorn")),
    "BlackSheep": Framework(
        "blacksheep", f"{SHOPS}.blacksheep_shop:app", ("uvicorn (1 worker)", "granian (ASGI)")
    ),
    "Connexion": Framework(
        "connexion", f"{SHOPS}.connexion_shop:app", ("uvicorn (1 worker)", "hypercorn")
    ),
    "aiohttp": Framework(
        "aiohttp", f"{SHOPS}.aiohttp_shop:make_app", ("aiohttp.web", "gunicorn (aiohttp worker)")
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A framework on a server, by their names."""

    framework: str
    server: str

    def __str__(self) -> str:
        """Name it as a test's id."""
        return f"{self.framework} on {self.server}"


CELLS = tuple(Cell(name, server) for name, one in FRAMEWORKS.items() for server in one.servers)
WSGI_CELLS = tuple(cell for cell in CELLS if KINDS[cell.server].protocol == "WSGI")
ASYNC_CELLS = tuple(cell for cell in CELLS if KINDS[cell.server].protocol != "WSGI")
