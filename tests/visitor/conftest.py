"""One request, by either protocol."""

from __future__ import annotations

import pytest

from tests.support.visits import Visit, visit_by_asgi, visit_by_wsgi


@pytest.fixture(params=[visit_by_wsgi, visit_by_asgi], ids=["wsgi", "asgi"])
def visit(request: pytest.FixtureRequest) -> Visit:
    """One request through the middleware, by either protocol."""
    chosen: Visit = request.param
    return chosen
