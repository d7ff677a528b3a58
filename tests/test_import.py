"""What importing the package loads, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import fprom_middleware

HEAVY = {
    *("httpx", "httpcore", "anyio", "sqlalchemy", "itsdangerous", "click", "uvicorn"),
    *("flask", "werkzeug", "starlette", "fastapi", "django", "quart", "falcon"),
    *("aiohttp", "asyncio", "ssl"),
}
A_REQUEST = """
from fprom_middleware.wsgi import FpromMiddleware
FpromMiddleware(print, {"FPROM_ENABLED": "false"})({"HTTP_COOKIE": "_fprom_tid=t"}, print)
"""
A_SIGN_UP = """
from fprom_middleware import Fprom, TrackingContext
Fprom({"FPROM_ENABLED": "false"}).track_signup(TrackingContext("t"), "a@b.example")
"""


def loaded_by(code: str) -> set[str]:
    """Return the names of all modules that are loaded after some code in a fresh process."""
    answer = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stderr == ""
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import fprom_middleware",
        "import fprom_middleware.wsgi, fprom_middleware.asgi",
        A_REQUEST,
        A_SIGN_UP,
    ],
    ids=["the package", "both middlewares", "a request", "a sign-up on a disabled machine"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    """No framework, no HTTP client, no database library: they wait for the first sign-up."""
    bare, loaded = loaded_by(""), loaded_by(code)

    assert "fprom_middleware.visitor.context" in loaded
    assert sorted((loaded - bare).intersection(HEAVY)) == []


def test_the_public_names() -> None:
    """What the package exports is there, sorted, and all that the documentation names."""
    names = set(fprom_middleware.__all__)

    assert names >= {
        *("Fprom", "FpromSettings", "TrackingContext", "Lead", "Receipt", "Status", "Reason"),
        *("Stats", "__version__"),
        *("get_tracking", "track_signup", "track_signup_async"),
        *("FpromError", "FpromConfigError", "FpromNotInstalled", "FpromTokenError"),
    }
    assert fprom_middleware.__all__ == sorted(names)
    for name in names:
        assert getattr(fprom_middleware, name) is not None


def test_the_version_is_the_distribution_s() -> None:
    """Said once in the source, so that nothing reads metadata at import."""
    assert fprom_middleware.__version__ == version("fprom-middleware")


def test_errors_carry_data() -> None:
    """Each exception is one of ours, one of Python's, and says which key or why."""
    config = fprom_middleware.FpromConfigError("is wrong", key="FPROM_X")
    token = fprom_middleware.FpromTokenError("too old", reason="expired")

    assert (str(config), config.key) == ("FPROM_X: is wrong", "FPROM_X")
    assert str(fprom_middleware.FpromConfigError("wrong")) == "wrong"
    assert (str(token), token.reason) == ("too old", "expired")
    for error in (config, token, fprom_middleware.FpromNotInstalled()):
        assert isinstance(error, fprom_middleware.FpromError)
    assert isinstance(token, ValueError)
