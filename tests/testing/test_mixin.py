"""The same for unittest and Django: what a test case hands in is the test's."""

from __future__ import annotations

import io
import unittest
from typing import Any

from django.db import connection
from django.test import SimpleTestCase

from fprom_middleware import TrackingContext
from fprom_middleware.delivery.inline import InlineDelivery
from fprom_middleware.testing import FpromTestMixin
from tests.support.django import django_settings
from tests.testing.accounts import make_fprom

VISITOR = TrackingContext("tid-of-a-visitor")
ACCOUNT = make_fprom()


class Mixed(FpromTestMixin, unittest.TestCase):
    """As an app's own test case, collected by pytest."""

    @classmethod
    def setUpClass(cls) -> None:
        """Hand in what belongs to no test."""
        super().setUpClass()
        assert ACCOUNT.track_signup(VISITOR, uid="of the class").durable

    def setUp(self) -> None:
        """Hand in something without calling the mixin's."""
        ACCOUNT.track_signup(VISITOR, uid="of the set-up")

    def test_a_test_gets_its_own(self) -> None:
        """Its set-up's included, another test's and the class's not."""
        ACCOUNT.track_signup(VISITOR, uid=1)
        self.fprom.assert_lead(uid="of the set-up")
        assert [lead.uid for lead in self.fprom.leads] == ["of the set-up", "1"]

    def test_another_test_gets_its_own(self) -> None:
        """Nothing is left of the one before."""
        assert len(self.fprom.events) == 1


class Async(FpromTestMixin, unittest.IsolatedAsyncioTestCase):
    """With an event loop of its own."""

    async def test_an_async_view(self) -> None:
        """It is awaited within the test."""
        await ACCOUNT.track_signup_async(VISITOR, uid=1)
        self.fprom.assert_lead(uid=1)


def run(case: type[unittest.TestCase]) -> str:
    """Run a test case as unittest does, and return what it wrote."""
    out = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    unittest.TextTestRunner(out, verbosity=0).run(suite)
    return out.getvalue()


def test_afterwards_each_account_has_its_own_delivery() -> None:
    """A test case leaves nothing behind."""

    class Case(FpromTestMixin, unittest.TestCase):
        def test(self) -> None:
            """Hand in a lead."""
            ACCOUNT.track_signup(VISITOR, uid=1)
            self.fprom.assert_lead(uid=1)

    assert run(Case).endswith("OK\n")
    assert isinstance(ACCOUNT.delivery, InlineDelivery)


def test_a_failure_shows_the_test_s_own_line_and_none_of_ours() -> None:
    """As unittest's own assertions do."""

    class Case(FpromTestMixin, unittest.TestCase):
        def test(self) -> None:
            """Expect what did not come."""
            self.fprom.assert_lead(email="kim@example.com")

    shown = run(Case)
    assert "AssertionError: no lead with email='kim@example.com' arrived" in shown
    assert 'self.fprom.assert_lead(email="kim@example.com")' in shown
    assert "fprom_middleware" not in shown


def test_django_s_test_case_sets_data_up_within_it() -> None:
    """Its class-wide set-up hands nothing to the outbox; session= is taken without a database."""

    class Case(FpromTestMixin, SimpleTestCase):  # type: ignore[misc]  # Django has no types
        receipts: list[Any]

        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            cls.receipts = [ACCOUNT.track_signup(VISITOR, uid=1)]

        def test(self) -> None:
            """Hand in a lead in a transaction."""
            assert self.receipts[0].durable
            ACCOUNT.track_signup(VISITOR, uid=2, session=connection)
            self.fprom.assert_lead(uid=2)

    with django_settings():
        assert run(Case).endswith("OK\n")
