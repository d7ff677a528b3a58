"""The tests' root on the path, an account, and both protocols."""

from __future__ import annotations

import pytest

from tests.support.visits import Account, Visit, visit_by_asgi, visit_by_wsgi


@pytest.fixture
def account() -> Account:
    """An account that keeps nothing and whose keys sign tokens."""
    return Account()


@pytest.fixture(params=[visit_by_wsgi, visit_by_asgi], ids=["wsgi", "asgi"])
def visit(request: pytest.FixtureRequest) -> Visit:
    """One request through the middleware, by either protocol."""
    chosen: Visit = request.param
    return chosen


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops."""
    backend: str = request.param
    return backend
