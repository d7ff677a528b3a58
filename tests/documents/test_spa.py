"""docs/spa.md: the preflight and the call of a page on another host."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from fprom_middleware import starlette, track_signup_async
from tests.documents.recipes.documents import DOCS, block
from tests.support.accounts import Account
from tests.support.visits import EMAIL, TID


@pytest.fixture
def page() -> tuple[TestClient, Account]:
    """A client of the document's app, and the account behind it."""
    key, value = block("spa.md", "ini").strip().split("=")
    assert key == "FPROM_TID_HEADER"
    account = Account(tid_header=value)

    async def register(request: Any) -> PlainTextResponse:
        await track_signup_async(request, (await request.json())["email"])
        return PlainTextResponse("Welcome!")

    names: dict[str, Any] = {
        "register": register,
        "init_app": lambda app: starlette.init_app(app, account.fprom),
    }
    exec(block("spa.md", "python"), names)  # noqa: S102 - that is the point
    return TestClient(names["app"]), account


def headers_of(text: str) -> dict[str, str]:
    """Read the header lines of an example."""
    return dict(re.findall(r"^([\w-]+): (.*)$", text, re.MULTILINE))


def test_the_preflight(page: tuple[TestClient, Account]) -> None:
    """What the document says the browser asks, and what it says it must be answered."""
    client, _ = page
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


def test_the_call(page: tuple[TestClient, Account]) -> None:
    """The header of the page's script is the tid."""
    client, account = page
    code = block("spa.md", "javascript")
    (name,) = re.findall(r'"(X-[\w-]+)": tid', code)
    headers = {"Origin": "https://app.example", name: TID}
    answer = client.post("/register", json={"email": EMAIL}, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert account.leads[0]["tid"] == TID
