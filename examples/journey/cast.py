"""Who plays: the local FirstPromoter, the payment provider and the shops, each as it is run."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .servers import Server, Servers

EXAMPLES = Path(__file__).resolve().parent.parent
API_KEY = "sandbox-key"
ACCOUNT_ID = "sandbox-account"
PAYMENTS_SECRET = "payments-secret"  # noqa: S105 - of a provider that moves no money

_FOREIGN = ("FPROM_", "SHOP_", "PAYMENTS_", "FLASK_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY")


def start_sandbox(
    servers: Servers, folder: Path, *, port: int = 0, shop: str | None = None
) -> Server:
    """Start the local FirstPromoter.

    Args:
        servers: Who will stop it.
        folder: Where its output goes.
        port: Its port; 0 for any.
        shop: Where its page's referral links lead, where that is known already.
    """
    command = [str(Path(sysconfig.get_path("scripts"), "fprom")), "sandbox"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--api-key", API_KEY, "--account-id", ACCOUNT_ID]
    if shop is not None:
        command += ["--app-url", shop]
    return servers.start("sandbox", command, _environment(folder), folder)


def start_payments(servers: Servers, folder: Path) -> Server:
    """Start the payment provider.

    Args:
        servers: Who will stop it.
        folder: Where its output goes.
    """
    command = [sys.executable, "-m", "uvicorn", "--host=127.0.0.1", "--port=0"]
    command += [f"--app-dir={EXAMPLES}", "--factory", "payments.provider:create_app"]
    environment = _environment(folder) | {"PAYMENTS_SECRET": PAYMENTS_SECRET}
    return servers.start("payments", command, environment, folder)


def start_flask_shop(
    servers: Servers,
    folder: Path,
    sandbox: str,
    *,
    trusted_proxies: str,
    port: int = 0,
    more: Mapping[str, str] | None = None,
) -> Server:
    """Start the Flask example under gunicorn.

    Args:
        servers: Who will stop it.
        folder: Where its data and output go.
        sandbox: The address of the local FirstPromoter.
        trusted_proxies: Its FPROM_TRUSTED_PROXIES.
        port: Its port; 0 for any.
        more: More of its settings.
    """
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}"]
    command += [f"--pythonpath={EXAMPLES}", "--graceful-timeout=2"]
    # Browsers open connections ahead of need; a worker with one thread waits for them.
    command += ["--worker-class=gthread", "--threads=4", "flask_app.app:create_app()"]
    environment = shop_environment(folder, sandbox, trusted_proxies) | dict(more or {})
    return servers.start("flask", command, environment, folder)


def start_starlette_shop(
    servers: Servers,
    folder: Path,
    sandbox: str,
    *,
    trusted_proxies: str,
    port: int = 0,
    more: Mapping[str, str] | None = None,
) -> Server:
    """Start the Starlette example under uvicorn.

    Args:
        servers: Who will stop it.
        folder: Where its data and output go.
        sandbox: The address of the local FirstPromoter.
        trusted_proxies: Its FPROM_TRUSTED_PROXIES.
        port: Its port; 0 for any.
        more: More of its settings.
    """
    command = [sys.executable, "-m", "uvicorn", "--host=127.0.0.1", f"--port={port}"]
    command += [f"--app-dir={EXAMPLES}", "--timeout-graceful-shutdown=2"]
    # uvicorn would put the forwarded address in the peer's place before the shop sees it.
    command += ["--no-proxy-headers", "--factory", "starlette_app.app:create_app"]
    environment = shop_environment(folder, sandbox, trusted_proxies) | dict(more or {})
    return servers.start("starlette", command, environment, folder)


SHOPS = {"flask": start_flask_shop, "starlette": start_starlette_shop}
"""How to start each shop, by its name."""


def shop_environment(folder: Path, sandbox: str, trusted_proxies: str) -> dict[str, str]:
    """Return all of a shop's environment, its settings among it.

    Args:
        folder: Where its data go.
        sandbox: The address of the local FirstPromoter.
        trusted_proxies: Its FPROM_TRUSTED_PROXIES.
    """
    return _environment(folder) | {
        "FPROM_API_KEY": API_KEY,
        "FPROM_ACCOUNT_ID": ACCOUNT_ID,
        "FPROM_BASE_URL": f"{sandbox}/api/v2/track",
        "FPROM_TRUSTED_PROXIES": trusted_proxies,
        "SHOP_DATA": str(folder),
    }


def payment_settings(url: str) -> dict[str, str]:
    """Return what lets a shop sell.

    Args:
        url: The address of the payment provider.
    """
    return {"SHOP_PAYMENTS_URL": url, "SHOP_PAYMENTS_SECRET": PAYMENTS_SECRET}


def _environment(folder: Path) -> dict[str, str]:
    # What the caller has set for an app of their own must not decide what the demo shows,
    # and loopback is not reached through a proxy.
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_FOREIGN) and not key.lower().endswith("_proxy")
    }
    # gunicorn puts its control socket there, else into the home directory.
    return kept | {"PYTHONUNBUFFERED": "1", "XDG_RUNTIME_DIR": str(folder)}
