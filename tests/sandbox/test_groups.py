"""Tries of one event stand together, and go together."""

from __future__ import annotations

from tests.sandbox.calling import call, make_double, signup


def test_what_is_forgotten_leaves_its_group() -> None:
    """The oldest calls go first, and a group with its last one."""
    double = make_double(limit=4)
    for uid in ("1", "2", "1", "1", "3"):
        signup(double, uid=uid)

    groups = double.groups(10)
    assert [(group.number, len(group.attempts)) for group in groups] == [(5, 1), (1, 2), (2, 1)]

    call(double, "cancellation", uid="1")
    assert [group.number for group in double.groups(10)] == [6, 5, 1]


def test_only_what_is_asked_for_is_listed() -> None:
    """So many, after a number, of a kind."""
    double = make_double()
    for uid in ("1", "2", "3"):
        signup(double, uid=uid)

    assert [group.number for group in double.groups(2)] == [3, 2]
    assert [group.number for group in double.groups(9, after=2)] == [3]
    even = double.groups(9, wanted=lambda group: group.number == 2)
    assert [group.number for group in even] == [2]


def test_a_list_is_a_copy() -> None:
    """What arrives later does not change what was handed out."""
    double = make_double()
    signup(double, uid="1")
    (group,) = double.groups(1)
    signup(double, uid="1")

    assert len(group.attempts) == 1


def test_a_watcher_hears_of_every_change_until_it_goes() -> None:
    """Clicks, calls, clearing, undoing and trouble: each is one change."""
    double = make_double()
    heard: list[int] = []
    unwatch = double.watch(lambda: heard.append(1))

    double.click("anna")
    signup(double, uid="1")
    double.reset()
    double.undo_reset()
    double.trouble = None
    assert len(heard) == 5
    unwatch()
    double.click("anna")
    assert len(heard) == 5
