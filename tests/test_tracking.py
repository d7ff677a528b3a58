"""The verbs a view calls: module functions and methods, sync and async, are one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

import fprom_middleware
from fprom_middleware import Fprom, tracking

if TYPE_CHECKING:
    from collections.abc import Callable

VERBS = sorted(
    name
    for name, _ in inspect.getmembers(Fprom, inspect.isfunction)
    if name.startswith("track_") and not name.endswith("_async")
)


def signature(form: Callable[..., object]) -> inspect.Signature:
    """Return what a caller hands in and gets back."""
    found = inspect.signature(form)
    return found.replace(
        parameters=[one for name, one in found.parameters.items() if name != "self"]
    )


def test_there_are_verbs() -> None:
    """The table below is not empty."""
    assert "track_signup" in VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_all_forms_of_a_verb_take_the_same(verb: str) -> None:
    """Names, order, kinds, defaults and annotations; only the async ones are awaited."""
    method = getattr(Fprom, verb)
    forms = [
        getattr(Fprom, f"{verb}_async"),
        getattr(tracking, verb),
        getattr(tracking, f"{verb}_async"),
    ]
    for form in forms:
        assert signature(form) == signature(method)
        assert (
            inspect.signature(form).return_annotation == inspect.signature(method).return_annotation
        )
        assert inspect.iscoroutinefunction(form) == form.__name__.endswith("_async")
        assert form.__doc__


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_exported(verb: str) -> None:
    """From the package's own door."""
    assert {verb, f"{verb}_async"} <= set(fprom_middleware.__all__)


def test_what_may_be_left_out_says_so() -> None:
    """The help of each verb names the default that None is not."""
    assert "email: 'str | None' = NOT_GIVEN" in str(inspect.signature(tracking.track_signup))
