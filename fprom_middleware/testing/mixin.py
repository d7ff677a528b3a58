"""The same verbs for unittest and for Django's TestCase: ``self.fprom``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mock import FpromMock, mock_fprom

if TYPE_CHECKING:
    from unittest import TestCase, TestResult
else:
    TestCase = object


class FpromTestMixin(TestCase):
    """Take what every `Fprom` hands in, a new `FpromMock` for each test.

    It stands before the test case: ``class RegisterTest(FpromTestMixin, TestCase)``. Nothing of
    it is in ``setUp``, which a test may have without calling ours.

    Attributes:
        fprom: What the test looks with, and asserts.
    """

    fprom: FpromMock

    @classmethod
    def setUpClass(cls) -> None:
        """Take what is handed in while the class is set up, Django's setUpTestData included."""
        cls.enterClassContext(mock_fprom())
        super().setUpClass()

    def run(self, result: TestResult | None = None) -> TestResult | None:
        """Run the test."""
        with mock_fprom() as self.fprom:
            return super().run(result)
