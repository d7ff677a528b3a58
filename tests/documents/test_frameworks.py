"""docs/frameworks.md: its recipes, run as they stand there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient as AioClient
from aiohttp.test_utils import TestServer
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fprom_middleware.starlette import init_app, lifespan
from tests.documents.recipes.documents import run_block
from tests.support.accounts import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fprom_middleware.testing import FpromMock

EMAIL = "kim@example.com"

run = partial(run_block, "frameworks.md")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the recipes' apps are configured with."""
    monkeypatch.chdir(tmp_path)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)


def test_fastapi(fprom: FpromMock) -> None:
    """The app with its lifespan, and the view with its parameters."""
    app = run("from fastapi")["app"]
    run("from typing", app=app)
    with TestClient(app) as client:
        tid = fprom.visit(client)
        assert client.post("/register", data={"email": EMAIL}).status_code == 200
    fprom.assert_lead(email=EMAIL, tid=tid)


def test_aiohttp(fprom: FpromMock) -> None:
    """The application and its view, over a socket."""
    app = run("from aiohttp", __name__="shop")["app"]

    async def register() -> int:
        client: AioClient[Any, Any] = AioClient(TestServer(app))
        async with client:
            cookie = {"Cookie": "_fprom_tid=tid-of-kim"}
            answer = await client.post("/register", data={"email": EMAIL}, headers=cookie)
            return answer.status

    assert asyncio.run(register()) == 200
    fprom.assert_lead(email=EMAIL, tid="tid-of-kim")


def test_a_lifespan_of_one_s_own(fprom: FpromMock) -> None:
    """The account is closed before the pool."""
    ends: list[str] = []

    @asynccontextmanager
    async def open_pool() -> AsyncIterator[str]:
        yield "the pool"
        ends.append("pool")

    names = run("from contextlib", open_pool=open_pool, lifespan=lifespan)
    app = Starlette(lifespan=names["own_lifespan"])
    account: Any = init_app(app)
    account.close = lambda: ends.append("account")
    with TestClient(app):
        assert ends == []
    assert ends == ["account", "pool"]
