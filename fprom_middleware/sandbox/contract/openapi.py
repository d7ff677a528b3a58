"""The sandbox's own OpenAPI document: the four calls, and the sandbox's switches."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from ..received import Kind
from ..trouble import MOST_SECONDS, Special
from .schemas import ANSWERS, EMPTY, MESSAGE, REQUESTS, TEXT

Json = dict[str, Any]

_SUMMARIES: Final = {
    Kind.SIGNUP: "Register a lead",
    Kind.SALE: "Credit a sale to the lead's promoter",
    Kind.REFUND: "Take a sale's commission back",
    Kind.CANCELLATION: "Say that a customer has left",
}
_ANY: Final[Json] = {"type": "object"}
TROUBLE: Final[Json] = {
    "type": "object",
    "properties": {
        "answer": {
            "description": "200 for as usual; a status from 400 to 599; or one of the words.",
            "anyOf": [
                {"const": "200"},
                {"const": 200},
                {"type": "integer", "minimum": 400, "maximum": 599},
                {"type": "string", "pattern": "^[45][0-9]{2}$"},
                {"enum": [word.value for word in Special]},
            ],
        },
        "next": {"type": ["integer", "null"], "minimum": 1, "description": "For so many calls."},
        "percent": {"type": "integer", "minimum": 1, "maximum": 100},
        "delay": {"type": "number", "minimum": 0, "maximum": MOST_SECONDS},
        "retry_after": {"type": ["integer", "null"], "minimum": 0, "maximum": 86_400},
        "per_minute": {"type": "integer", "minimum": 1},
    },
    "required": ["answer"],
    "additionalProperties": False,
}
_CLICK: Final[Json] = {
    "type": "object",
    "properties": {"cid": TEXT, "ref": TEXT},
    "required": ["cid", "ref"],
}
_CLICKED: Final[Json] = {
    "type": "object",
    "properties": {"tid": TEXT, "ref": TEXT},
    "required": ["tid", "ref"],
}
_STATE: Final[Json] = {
    "type": "object",
    "properties": {
        name: {"type": "array", "items": _ANY}
        for name in ("clicks", "leads", "sales", "refunds", "cancellations", "attempts")
    },
}


def write_openapi(base_url: str, api_path: str) -> Json:
    """Write the document.

    Args:
        base_url: Where the sandbox is reached.
        api_path: Below which the four calls stand.

    Returns:
        OpenAPI 3.1 as Python values.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FirstPromoter sandbox",
            "version": "1",
            "description": "A local stand-in for FirstPromoter's Tracking API v2, and what "
            "switches it. Written for fprom-middleware; not FirstPromoter's own.",
        },
        "servers": [{"url": base_url}],
        "paths": {f"{api_path}/{kind}": {"post": _call(kind)} for kind in Kind} | _own_paths(),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "account": {"type": "apiKey", "in": "header", "name": "Account-ID"},
            }
        },
    }


def _call(kind: Kind) -> Json:
    answers = {
        str(status): _answer(status, None if schema == EMPTY else schema)
        for (path, status), schema in ANSWERS.items()
        if path == f"/{kind}"
    }
    answers["default"] = {
        "description": "Trouble that was asked for, with this status",
        "content": {"application/json": {"schema": MESSAGE}},
    }
    return {
        "operationId": kind.value,
        "summary": _SUMMARIES[kind],
        "security": [{"key": [], "account": []}],
        "requestBody": _body(REQUESTS[f"/{kind}"]),
        "responses": answers,
    }


def _own_paths() -> Json:
    guarded = {"403": {"description": "It came from another page"}}
    done = {"204": {"description": "Done"}} | guarded
    trouble = {"200": _answer(200, TROUBLE)}
    set_trouble = {
        "summary": "Answer the next calls so",
        "requestBody": _body(TROUBLE),
        "responses": trouble | {"400": _answer(400, MESSAGE)} | guarded,
    }
    return {
        "/click": {
            "post": {
                "summary": "Register a visit by a referral link, as the script does",
                "requestBody": _body(_CLICK),
                "responses": {
                    "200": _answer(200, _CLICKED),
                    "400": _answer(400, MESSAGE),
                    "404": _answer(404, MESSAGE),
                },
            }
        },
        "/state.json": {
            "get": {
                "summary": "List all that arrived, oldest first",
                "responses": {"200": _answer(200, _STATE)},
            }
        },
        "/trouble": {
            "get": {"summary": "Say what is wrong on purpose", "responses": trouble},
            "put": set_trouble,
            "delete": {"summary": "Answer as usual again", "responses": done},
        },
        "/reset": {"post": {"summary": "Forget all that arrived", "responses": done}},
        "/undo": {
            "post": {
                "summary": "Bring back what the last reset took, where nothing has arrived since",
                "responses": done | {"409": _answer(409, MESSAGE)},
            }
        },
        "/journey": {"post": {"summary": "Walk a made-up customer's whole way", "responses": done}},
        "/events": {
            "get": {
                "summary": "Stream what changes, for the page",
                "responses": {"200": {"description": "OK", "content": {"text/event-stream": {}}}},
            }
        },
        "/fpr.js": {
            "get": {
                "summary": "Load the browser script",
                "responses": {"200": {"description": "OK", "content": {"text/javascript": {}}}},
            }
        },
    }


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answer(status: int, schema: Json | None) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    return answer
