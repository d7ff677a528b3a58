"""docs/spa.md: the preflight and the call of a page on another host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from fprom_middleware import Fprom, starlette, track_signup_async
from tests.documents.recipes.documents import DOCS, block
from tests.support.accounts import make_settings
from tests.support.visits import EMAIL, TID

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock


@pytest.fixture
def client() -> TestClient:
    """A client of the document's app."""
    key, value = block("spa.md", "ini").strip().split("=")
    assert key == "FPROM_TID_HEADER"
    fprom = Fprom(make_settings(tid_header=value, delivery="inline"))

    async def register(request: Any) -> PlainTextResponse:
        await track_signup_async(request, (await request.json())["email"])
        return PlainTextResponse("Welcome!")

    names: dict[str, Any] = {
        "register": register,
        "init_app": lambda app: starlette.init_app(app, fprom),
    }
    exec(block("spa.md", "python"), names)  # noqa: S102 - that is the point
    return TestClient(names["app"])


def headers_of(text: str) -> dict[str, str]:
    """Read the header lines of an example."""
    return dict(re.findall(r"^([\w-]+): (.*)$", text, re.MULTILINE))


def test_the_preflight(client: TestClient) -> None:
    """What the document says the browser asks, and what it says it must be answered."""
    question, answer = re.findall(
        r"```http\n(.*?)```", DOCS.joinpath("spa.md").read_text(), re.DOTALL
    )
    got = client.options("/register", headers=headers_of(question))
    assert got.is_success
    for name, value in headers_of(answer).items():
        if name == "Access-Control-Max-Age":
            assert name in got.headers
        else:
            wanted = {one.strip() for one in value.split(",")}
            assert wanted <= {
                one.strip().lower() if "Headers" in name else one.strip()
                for one in got.headers[name].split(",")
            }


def test_the_call(client: TestClient, fprom: FpromMock) -> None:
    """The header of the page's script is the tid."""
    code = block("spa.md", "javascript")
    (name,) = re.findall(r'"(X-[\w-]+)": tid', code)
    headers = {"Origin": "https://app.example", name: TID}
    answer = client.post("/register", json={"email": EMAIL}, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    fprom.assert_lead(email=EMAIL, tid=TID)
