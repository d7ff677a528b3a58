"""One shop for each cell of the matrix, and each server's output beside a failure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import fprom_environment
from tests.support.misbehaving import SENT, Server, answer, serving
from tests.system.servers.cells import FRAMEWORKS
from tests.system.servers.running import Running, require
from tests.system.servers.servers import KINDS
from tests.system.servers.shop import Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.system.servers.cells import Cell


@pytest.fixture(scope="session")
def api() -> Iterator[Server]:
    """An API that takes every lead."""
    with serving(answer(200, SENT)) as server:
        yield server


@pytest.fixture(scope="module")
def settings(api: Server) -> dict[str, str]:
    """Settings of an account behind one trusted proxy on this machine."""
    return fprom_environment(
        api.url,
        FPROM_DELIVERY="inline",
        FPROM_TRUSTED_PROXIES="127.0.0.1",
        FPROM_SEND_IP="any",
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for the paths of sockets are short."""
    with tempfile.TemporaryDirectory(prefix="fprom-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def cell(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The shop of one cell, started once for all of its stories."""
    one: Cell = request.param
    framework, kind = FRAMEWORKS[one.framework], KINDS[one.server]
    require(framework.distribution, *kind.distributions)
    with (
        tempfile.TemporaryDirectory(prefix="fprom-") as folder,
        open_shop(framework.app, kind, Path(folder)) as shop,
    ):
        yield shop


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server printed beside the test that failed."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            server = value.server if isinstance(value, Shop) else value
            if isinstance(server, Running):
                report.sections.append(("output of the server", server.output()))
    return report
