"""The outbox in Django's admin: who may see and do what, and what is shown of whom."""

from __future__ import annotations

import io
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client, override_settings

from fprom_middleware import TrackingContext
from tests.support.accounts import make_outbox
from tests.support.django_admin import admin_project
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fprom_middleware import Fprom
    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

LIST, EVENT = "/admin/fprom/event/", "/admin/fprom/event/1/"
EMAIL, UID, TID, IP = "kim@example.com", "customer-12345", "tid-of-the-visitor", "203.0.113.7"
PERSONAL = (EMAIL, UID, TID, IP)
FIRST = {"_selected_action": ["1"]}
NO_LOG: list[str] = []


class Desk:
    """A project with an admin, and the account whose events it shows.

    Args:
        url: The outbox.
        fprom: The account, as the app's processes have it.
        api: What they call.
    """

    def __init__(self, url: str, fprom: Fprom, api: Api) -> None:
        self.url, self.fprom, self.api = url, fprom, api

    def reject(self, count: int = 1) -> None:
        """Let so many sign-ups be refused."""
        self.api.says = 400
        for _ in range(count):
            visitor = TrackingContext(tid=TID, ip=IP)
            assert self.fprom.track_signup(visitor, EMAIL, uid=UID).durable
            assert self.fprom.drain()["rejected"] == 1
        self.api.says = 200

    def pause(self) -> None:
        """Let the API refuse the key, with an event that waits and one behind it."""
        self.api.says = 401
        for number in (1, 2):
            self.fprom.track_sale(email=EMAIL, event_id=f"in_{number}", amount=4900)
        self.fprom.drain()

    def log_in(self, *permissions: str, staff: bool = True, root: bool = False) -> Client:
        """Return a browser of a person with these permissions."""
        person = apps.get_model("auth", "User")(username="ann", is_staff=staff, is_superuser=root)
        person.save()
        person.user_permissions.set(known_permissions().filter(codename__in=permissions))
        client = Client()
        client.force_login(person)
        return client

    @property
    def root(self) -> Client:
        """A browser of a person who may do everything."""
        return self.log_in(root=True)


@pytest.fixture
def desk(tmp_path: Path, sqlite_url: str, make: MakeFprom, api: Api) -> Iterator[Desk]:
    """A project whose outbox is a file of its own."""
    with admin_project(tmp_path, FPROM_OUTBOX_URL=sqlite_url):
        yield Desk(sqlite_url, make(sqlite_url), api)


def text(response: Any) -> str:
    """Return what a page says, in one line."""
    assert response.status_code == 200, response
    found = response.content.decode().partition('id="content-start"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found))


def known_permissions() -> Any:
    """Return the permissions that `migrate` has made for the outbox."""
    return apps.get_model("auth", "Permission").objects.filter(content_type__app_label="fprom")


def log() -> list[str]:
    """Return the admin's own log, oldest first."""
    entries = apps.get_model("admin", "LogEntry").objects.order_by("pk")
    return [f"{entry.object_repr}: {entry}" for entry in entries]


def test_the_index_leads_to_the_outbox(desk: Desk) -> None:
    """Nothing is installed for it but the app, beside Django's admin."""
    page = desk.root.get("/admin/").content.decode()

    assert f'<a href="{LIST}">Outbox</a>' in page
    assert "event/add" not in page


def test_migrate_makes_the_permissions(desk: Desk) -> None:
    """They can be given to people and groups."""
    assert {one.codename for one in known_permissions()} == {
        "view_event",
        "change_event",
        "delete_event",
        "reveal_event",
    }


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ((), ()),
        (("view_event",), ("list", "event")),
        (("view_event", "reveal_event"), ("list", "event", "reveal")),
        (("view_event", "delete_event"), ("list", "event", "delete")),
        (("change_event",), ("list", "event", "retry", "retry_all", "resume")),
        (("delete_event", "reveal_event"), ()),
    ],
)
def test_a_person_sees_and_does_what_permissions_allow(
    desk: Desk, permissions: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    """And is offered nothing else."""
    desk.reject()
    client = desk.log_in(*permissions)
    answers = {
        "list": client.get(LIST),
        "event": client.get(EVENT),
        "reveal": client.post(EVENT),
        "retry_all": client.post(LIST, {"action": "retry_all"}),
        "retry": client.post(LIST, FIRST | {"action": "retry"}),
        "resume": client.post(LIST, {"resume": "Resume now"}),
        "delete": client.post(LIST, FIRST | {"action": "delete"}),
    }

    assert {name for name, one in answers.items() if one.status_code < 400} == set(allowed)
    assert {one.status_code for one in answers.values()} <= {200, 302, 403}
    if "event" in allowed:
        page = answers["event"].content.decode()
        assert ("Show personal data" in page) is ("reveal" in allowed)
        assert ("Send again" in page) is ("retry" in allowed)
        assert ('name="delete"' in page) is ("delete" in allowed)
        actions = answers["list"].content.decode()
        assert ('value="retry_all"' in actions) is ("retry" in allowed)
        assert ('value="delete"' in actions) is ("delete" in allowed)


@pytest.mark.parametrize("staff", [True, False])
def test_the_page_is_for_staff(desk: Desk, *, staff: bool) -> None:
    """Anyone else is led to the admin's login, with every permission too."""
    client = Client() if staff else desk.log_in("view_event", staff=False)
    for address in (LIST, EVENT):
        assert client.get(address).headers["location"].startswith("/admin/login/")
        assert client.post(address).headers["location"].startswith("/admin/login/")


def test_another_site_cannot_ask_for_it(desk: Desk) -> None:
    """What changes or reveals anything carries the token of the page."""
    desk.reject()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = desk.root.cookies
    forged = {"csrfmiddlewaretoken": "x" * 64}

    assert strict.post(EVENT, forged).status_code == 403
    assert strict.post(LIST, {"action": "retry_all", **forged}).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text_of(strict.get(EVENT)))
    assert token
    assert EMAIL in text(strict.post(EVENT, {"csrfmiddlewaretoken": token[1]}))


def text_of(response: Any) -> str:
    """Return a page as it is."""
    page: str = response.content.decode()
    return page


def test_personal_data_is_masked_until_it_is_asked_for(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Asking is a POST; it stands in the admin's log, and the data in no log and no cache."""
    caplog.set_level(logging.DEBUG)
    desk.reject()
    client = desk.root
    masked = [client.get(LIST), client.get(EVENT)]
    shown = client.post(EVENT)

    for page in masked:
        assert "k***@example.com" in text(page)
        assert not any(value in page.content.decode() for value in PERSONAL)
    assert all(value in text(shown) for value in PERSONAL)
    assert "no-store" in shown.headers["cache-control"]
    assert log() == ["event 1: Changed “event 1” — Personal data shown."]
    assert not any(value in caplog.text for value in PERSONAL)
    assert not any(value in text(client.get(EVENT)) for value in PERSONAL)


def test_the_list_says_what_waits_and_what_was_refused(desk: Desk) -> None:
    """With the reason, the calls, and where the outbox is."""
    desk.reject()
    desk.fprom.track_sale(email=EMAIL, event_id="in_1", amount=4900)
    page = text(desk.root.get(LIST))

    assert "1 pending, the oldest for" in page
    assert "1 rejected." in page
    assert str(desk.url).removeprefix("sqlite:///") in page
    assert "signup 1 k***@example.com rejected: bad_request" in page
    assert "sale 2 k***@example.com pending" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["3", "2", "1"]),
        ("?state=pending", ["3", "2"]),
        ("?state=rejected", ["1"]),
        ("?state=delivered", []),
        ("?kind=sale", ["3", "2"]),
        ("?kind=sale&state=rejected", []),
        ("?before=2", ["1"]),
        ("?state=nonsense&kind=&before=x", ["3", "2", "1"]),
    ],
)
def test_the_list_is_narrowed_by_its_address(desk: Desk, query: str, shown: list[str]) -> None:
    """As every list of the admin; what an address says that is none is passed over."""
    desk.reject()
    for number in (1, 2):
        desk.fprom.track_sale(email=EMAIL, event_id=f"in_{number}", amount=4900)
    page = desk.root.get(LIST + query).content.decode()

    assert re.findall(r'name="_selected_action" value="(\d+)"', page) == shown
    assert ("No events." in page) is (shown == [])


def test_a_choice_keeps_the_others(desk: Desk) -> None:
    """And begins at the newest events."""
    desk.reject()
    page = desk.root.get(f"{LIST}?state=pending&before=7").content.decode()

    assert '<li class="selected"><a href="?state=pending">Pending</a></li>' in page
    assert '<a href="?state=pending&amp;kind=sale">Sale</a>' in page
    assert '<a href="?">All</a>' in page


def test_older_events_are_behind_a_link(desk: Desk) -> None:
    """A hundred a page."""
    for number in range(101):
        desk.fprom.track_sale(email=EMAIL, event_id=str(number), amount=1)
    client = desk.root

    first = client.get(f"{LIST}?kind=sale").content.decode()
    assert first.count('name="_selected_action"') == 100
    assert '<a href="?kind=sale&amp;before=2">Older events</a>' in first
    assert "Older events" not in client.get(f"{LIST}?kind=sale&before=2").content.decode()


def test_what_was_rejected_is_sent_again(desk: Desk) -> None:
    """The selected ones, or all; it stands in the log, without a word about whom."""
    desk.reject(3)
    client = desk.root
    done = client.post(f"{LIST}?kind=signup", FIRST | {"action": "retry"}, follow=True)
    assert done.redirect_chain == [(f"{LIST}?kind=signup", 302)]
    assert "1 event due now" in text(done)
    assert "2 events due now" in text(client.post(LIST, {"action": "retry_all"}, follow=True))

    assert desk.fprom.drain()["sent"] == 3
    assert log() == [
        "event 1: Changed “event 1” — Sent again.",
        "outbox: Changed “outbox” — Sent again.",
    ]


def test_what_is_pending_is_tried_again_by_itself(desk: Desk) -> None:
    """Nothing happens, and the person is told so."""
    desk.fprom.track_sale(email=EMAIL, event_id="in_1", amount=4900)
    done = desk.root.post(LIST, FIRST | {"action": "retry"}, follow=True)

    assert "0 events due now" in text(done)
    assert "What is pending is tried again by itself." in text(done)
    assert log() == NO_LOG


@pytest.mark.parametrize("data", [{"action": "retry"}, FIRST, FIRST | {"action": "x"}])
def test_nothing_is_done_where_nothing_was_chosen(desk: Desk, data: dict[str, Any]) -> None:
    """Neither an action nor an event."""
    desk.reject()
    assert "No action selected." in text(desk.root.post(LIST, data, follow=True))
    assert desk.fprom.stats().rejected == 1


def test_an_event_is_deleted_once_it_is_confirmed(desk: Desk) -> None:
    """The page that asks shows masked what it is about."""
    desk.reject(2)
    client = desk.root
    asked = client.post(LIST, FIRST | {"delete": "Delete"})
    assert "signup 1, k***@example.com, rejected: bad_request" in text(asked)
    assert desk.fprom.stats().rejected == 2
    assert log() == NO_LOG

    done = client.post(LIST, FIRST | {"delete": "", "confirmed": "Yes"}, follow=True)
    assert "1 event deleted." in text(done)
    assert desk.fprom.stats().rejected == 1
    assert log() == ["event 1: Deleted “event 1.”"]
    assert "0 events deleted." in text(client.post(LIST, FIRST | {"delete": ""}, follow=True))


def test_a_pause_is_shown_with_its_reason_and_ended(desk: Desk) -> None:
    """All that is pending is paused by then; without a pause there is nothing to end."""
    desk.pause()
    client = desk.root
    page = client.get(LIST)
    assert re.search(r"Paused since [-\d]+ [:\d]+: unauthorized. Check FPROM_API_KEY", text(page))
    assert "sale 1 k***@example.com paused" in text(page)
    assert '<a href="?state=pending">Paused</a>' in page.content.decode()
    assert "state paused behind an earlier event" in text(client.get("/admin/fprom/event/2/"))

    done = text(client.post(LIST, {"resume": "Resume now"}, follow=True))
    assert "The pause is over" in done
    assert "sale 1 k***@example.com pending" in done
    assert "Nothing is paused." in text(client.post(LIST, {"resume": ""}, follow=True))
    assert log() == ["outbox: Changed “outbox” — Pause ended."]


def test_a_delivered_event_leaves_what_no_one_is_known_by(desk: Desk) -> None:
    """How FirstPromoter answered, when, and the end of the tid: there is nothing to reveal."""
    desk.reject()
    desk.fprom.track_sale(email=EMAIL, event_id="in_1", amount=4900)
    client = desk.root
    client.post(LIST, {"action": "retry_all"})
    assert desk.fprom.drain()["sent"] == 2

    assert "sale 2 sent" in text(client.get(f"{LIST}?state=delivered&kind=sale"))
    page = client.get(EVENT)
    assert re.search(r"kind signup state sent .*delivered [-\d]+ [:\d]+ UTC", text(page))
    assert f"tid …{TID[-4:]}" in text(page)
    assert "Show personal data" not in page.content.decode()
    assert "Send again" not in page.content.decode()
    gone = FIRST | {"delete": "", "confirmed": ""}
    assert "1 event deleted." in text(client.post(LIST, gone, follow=True))


@pytest.mark.parametrize("whom", [EMAIL, " KIM@example.com ", UID])
def test_a_customer_is_found_by_e_mail_or_uid(desk: Desk, whom: str) -> None:
    """What was rejected, delivered and waits, the newest first; no address names the customer."""
    desk.reject()
    desk.fprom.track_sale(email=EMAIL, uid=UID, event_id="in_1", amount=4900)
    desk.fprom.drain()
    desk.fprom.track_sale(email=EMAIL, uid=UID, event_id="in_2", amount=4900)
    desk.fprom.track_sale(email="lou@example.com", event_id="in_3", amount=4900)
    found = desk.log_in("view_event").post(LIST, {"whom": whom})

    told = text(found)
    places = [told.index(one) for one in ("sale 3", "sale 2", "signup 1")]
    assert places == sorted(places)
    assert "sale 4" not in told
    assert 'id="changelist-filter"' not in found.content.decode()


def test_of_a_customer_who_was_skipped_nothing_is_stored(desk: Desk) -> None:
    """And the page says why that may be."""
    desk.reject()
    told = text(desk.root.post(LIST, {"whom": "noa@example.com"}))
    assert "Nothing is stored of this customer: the visitor was organic" in told


def test_an_event_that_is_gone_is_told(desk: Desk) -> None:
    """It was delivered, mostly; and the admin's log leads to what was deleted."""
    desk.reject()
    client = desk.root
    for number in ("2", "9" * 30):
        done = client.get(f"/admin/fprom/event/{number}/", follow=True)
        assert done.request["PATH_INFO"] == LIST
        assert f"There is no event {number} in the outbox." in text(done)


def test_a_row_that_cannot_be_read_is_shown_as_it_is(desk: Desk) -> None:
    """On request; what it holds is personal data all the same."""
    desk.reject()
    damage(desk)
    client = desk.root

    assert "unreadable" in text(client.get(LIST))
    assert "unreadable" in text(client.get(EVENT))
    assert "damaged &lt;b&gt;kim" in text(client.post(EVENT))


def damage(desk: Desk) -> None:
    """Write into a row what no version of ours would, behind everything's back."""
    import sqlite3  # noqa: PLC0415 - only here

    with sqlite3.connect(desk.url.removeprefix("sqlite:///")) as file:
        file.execute("UPDATE fprom_outbox SET payload = 'damaged <b>kim', queued_at = 'soon'")
    file.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "There is no outbox yet at /"),
        ({"FPROM_DELIVERY": "inline"}, "inline delivery keeps no outbox"),
        ({"FPROM_OUTBOX_URL": "sqlite:////proc/nothing/outbox.db"}, "no outbox yet at /proc"),
    ],
)
def test_where_there_is_nothing_to_show_it_is_said(
    desk: Desk, settings: dict[str, str], told: str
) -> None:
    """In the page, as the command would say it."""
    with override_settings(**settings):
        assert told in text(desk.root.get(LIST))


def test_a_database_that_refuses_is_told_by_type(desk: Desk, tmp_path: Path) -> None:
    """Its text can quote a row."""
    (tmp_path / "broken.db").write_bytes(b"x" * 4096)
    with override_settings(FPROM_OUTBOX_URL=f"sqlite:///{tmp_path}/broken.db"):
        page = text(desk.root.get(EVENT))
    assert "The outbox's database refused (DatabaseError)" in page.replace("&#x27;", "'")


@pytest.mark.parametrize("where", ["alias", "postgresql", "mariadb"])
def test_the_outbox_may_be_in_any_database(
    where: str, tmp_path: Path, make: MakeFprom, api: Api, request: pytest.FixtureRequest
) -> None:
    """Of Django's, in transactions of the request's too, and of none that Django knows."""
    file = f"sqlite:///{tmp_path / 'shop.db'}"
    url = file if where == "alias" else request.getfixturevalue(f"{where}_url")
    named = "django:default" if where == "alias" else url
    with admin_project(tmp_path, FPROM_OUTBOX_URL=named):
        make_tables(url)
        desk = Desk(url, make(url), api)
        desk.reject(2)
        desk.pause()
        client = desk.root
        assert "signup 1 k***@example.com rejected" in text(client.get(LIST))
        assert EMAIL in text(client.post(EVENT))
        assert "The pause is over" in text(client.post(LIST, {"resume": ""}, follow=True))
        assert "1 event due now" in text(
            client.post(LIST, FIRST | {"action": "retry"}, follow=True)
        )
        gone = {"_selected_action": ["2"], "delete": "", "confirmed": ""}
        assert "1 event deleted" in text(client.post(LIST, gone, follow=True))
        api.says = 200
        assert desk.fprom.drain()["sent"] == 3


def make_tables(url: str) -> None:
    """Make the outbox's tables, for which a busy machine takes its own time."""
    database = make_outbox(url, time.time).database
    database.run(lambda _: None, patience=PATIENCE, bound=PATIENCE)
    database.close()


def test_another_admin_site_has_it_too(desk: Desk) -> None:
    """Its links stay within it."""
    desk.reject()
    client = desk.root
    page = client.get("/desk/fprom/event/").content.decode()

    assert '<a href="/desk/fprom/event/1/">signup 1</a>' in page
    assert 'href="/admin/' not in page
    done = client.get("/desk/fprom/event/9/", follow=True)
    assert done.request["PATH_INFO"] == "/desk/fprom/event/"


@pytest.mark.parametrize("all_of_it", [True, False])
def test_dumpdata_finds_no_table_to_dump(desk: Desk, *, all_of_it: bool) -> None:
    """The model behind the permissions has none."""
    desk.reject()
    out = io.StringIO()
    call_command("dumpdata", "fprom", use_base_manager=all_of_it, stdout=out)
    assert out.getvalue().strip() == "[]"


def test_the_admin_is_as_its_checks_want_it(desk: Desk) -> None:
    """And there is nothing to migrate further."""
    call_command("check", fail_level="WARNING")
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
