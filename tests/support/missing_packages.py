"""Tests of packages that are not installed, skipped where TEST_SKIP_MISSING_PACKAGES=1 says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SKIPS = os.environ.get("TEST_SKIP_MISSING_PACKAGES") == "1"
OURS = {"benchmarks", "examples", "fprom_middleware", "pytest_fprom", "tests"}


def missing_package(error: BaseException | None) -> str | None:
    """Return the name of the package whose absence an error comes of, None where it does not."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            name = (error.name or "").partition(".")[0]
            return None if name in OURS else name
        error = error.__cause__
    return None


if SKIPS:

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        collector: pytest.Collector,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Skip a file that imports one."""
        report = yield
        call: pytest.CallInfo[list[pytest.Item]] | None = getattr(report, "call", None)
        if call is not None and call.excinfo is not None:
            name = missing_package(call.excinfo.value)
            if name is not None:
                report.outcome = "skipped"
                report.longrepr = (str(collector.path), 0, f"Skipped: without {name}")
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup() -> Generator[None, None, None]:
        """Skip a test one of whose fixtures imports one."""
        return (yield from _skipping())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call() -> Generator[None, None, None]:
        """Skip a test that imports one itself."""
        return (yield from _skipping())


def _skipping() -> Generator[None, None, None]:
    try:
        return (yield)
    except ModuleNotFoundError as error:
        name = missing_package(error)
        if name is None:
            raise
        pytest.skip(f"without {name}")
