"""Holding a decoded body to the schemas of the Tracking API, which stand in the sandbox."""

from __future__ import annotations

from typing import Final

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from fprom_middleware.sandbox.contract.schemas import ANSWERS, REQUESTS, Schema

__all__ = ["ANSWERS", "REQUESTS", "Schema", "problems"]


def _is_whole(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON Schema takes 12.0 for an integer; an amount that went through a float is a fault.
_Validator: Final = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)


def problems(schema: Schema, value: object) -> list[str]:
    """Say what is wrong with a decoded body.

    Args:
        schema: One of ``REQUESTS`` or ``ANSWERS``.
        value: The body as Python values; None where there is none.

    Returns:
        One line for each fault, with its place; empty where the body is as the schema says.
    """
    faults = _Validator(schema).iter_errors(value)
    return [f"{fault.json_path}: {fault.message}" for fault in faults]
