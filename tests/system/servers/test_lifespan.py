"""uvicorn ends by the signal that stopped it: what closes an account then is the app's lifespan."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.accounts import CREDENTIALS
from tests.support.programs import clean_environment, find_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SHOP = """
from fastapi import FastAPI
from fprom_middleware.fastapi import FpromDep, Tracking, init_app, lifespan

app = FastAPI(lifespan=lifespan)
without = FastAPI()

for each in (app, without):
    @each.get("/")
    async def register(tracking: Tracking, fprom: FpromDep) -> bool:
        return (await fprom.track_signup_async(tracking, "kim@example.com")).durable

    init_app(each)
"""


@pytest.mark.parametrize(("app", "told"), [("app", 1), ("without", 0)])
def test_what_waits_in_memory_is_tried_once_more(tmp_path: Path, app: str, told: int) -> None:
    """The database refuses to the end, which is said; without a lifespan nothing is tried."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "folder").write_text("where the outbox's folder should be")
    port = find_port()
    environment = clean_environment(
        FPROM_OUTBOX_URL=f"sqlite:///{tmp_path}/folder/outbox.db",
        FPROM_BASE_URL="http://127.0.0.1:9",
        **CREDENTIALS,
    )
    command = [sys.executable, "-m", "uvicorn", f"shop:{app}", "--port", str(port)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log, stdout=log) as server,
    ):
        try:
            assert eventually(lambda: is_kept_in_memory(port))
        finally:
            server.terminate()
        server.wait(timeout=60)
    text = (tmp_path / "log").read_text()
    assert text.count("events that waited in memory are lost: the process ends") == told


def is_kept_in_memory(port: int) -> bool:
    """Register, once the server listens, and say whether the database refused."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"Cookie": "_fprom_tid=t"})
    except httpx.TransportError:
        return False
    return answer.json() is False
