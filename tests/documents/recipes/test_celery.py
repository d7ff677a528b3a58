"""docs/celery.md: a real worker, a real broker, and the code of the document."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from tests.documents.recipes.documents import block, lines_of
from tests.support.leads import pending_in, sign_up_in
from tests.support.services import missing, postgresql_database
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import LoopbackApi

kombu: Any = import_module("kombu")  # half-typed: as Any it is at least honest
BROKERS = {
    "rabbitmq": os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    "redis": os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
}
# What a test needs and a reader does not: a queue of its own, and no wait of a minute for beat.
OWN = """
from tasks import app
app.conf.update(
    task_default_queue={queue!r}, task_default_exchange={queue!r},
    worker_enable_remote_control=False, worker_send_task_events=False,
)
app.conf.beat_schedule["drain-outbox"]["schedule"] = {every}
from tasks import drain_outbox
from views import kick
"""


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest) -> str:
    """Each broker in turn."""
    url = BROKERS[request.param]
    connection = kombu.Connection(url, connect_timeout=5)
    try:
        connection.ensure_connection(max_retries=1, timeout=5)
    except (*connection.connection_errors, kombu.exceptions.OperationalError, OSError):
        missing(f"no {request.param} for Celery")
    finally:
        connection.release()
    return url


@pytest.fixture
def queue(broker: str) -> Iterator[str]:
    """A queue that nobody else has; it is deleted in the end."""
    name = f"fprom-test-{uuid.uuid4().hex}"
    yield name
    with kombu.Connection(broker) as connection:
        channel = connection.default_channel
        if broker.startswith("redis"):
            # The list itself, and what kombu notes down about it.
            channel.client.delete(*channel.client.keys(f"*{name}*"), name)
        else:
            kombu.Queue(name, channel=channel).delete()
            kombu.Exchange(name, channel=channel).delete()


@pytest.fixture
def shop(
    broker: str, queue: str, environ: dict[str, str], tmp_path: Path, request: Any
) -> Iterator[dict[str, str]]:
    """The document's modules in a folder, and the environment to run them in."""
    (tmp_path / "tasks.py").write_text(block("celery.md", "python", "# tasks.py"))
    (tmp_path / "views.py").write_text(block("celery.md", "python", "# views.py"))
    every = getattr(request, "param", 3600.0)
    (tmp_path / "own.py").write_text(OWN.format(queue=queue, every=every))
    ini = block("celery.md", "ini")
    assert "FPROM_WORKER=none" in ini
    with postgresql_database("celery") as url:
        yield environ | {"CELERY_BROKER_URL": broker, "FPROM_OUTBOX_URL": url}


@contextmanager
def worker(shop: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the document's command line, on the module that gives it a queue of its own."""
    (line,) = lines_of("celery.md", "celery ")
    log = folder / "celery.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "-m", *line.replace("tasks", "own").split(),
                "--concurrency=2", f"--hostname=fprom-{uuid.uuid4().hex}@%h",
                "--without-gossip", "--without-mingle", "--without-heartbeat",
                f"--schedule={folder / 'beat'}", "--loglevel=INFO",
            ],
            cwd=folder, env=shop, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        assert eventually(lambda: " ready." in log.read_text())
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    text = log.read_text()
    assert "Traceback" not in text, text
    assert "@example.com" not in text


def test_a_kick_after_the_signup_sends_the_lead(
    shop: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """Committed in one process, kicked, sent by a worker in another."""
    with worker(shop, tmp_path):
        sign_up_in(shop, "ann@example.com", "bob@example.com")
        subprocess.run(
            [sys.executable, "-c", "import own; own.kick()"], cwd=tmp_path, env=shop, check=True
        )
        assert eventually(lambda: pending_in(shop) == 0)

    assert sorted(loopback.emails) == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize("shop", [0.5], indirect=True)
def test_beat_alone_sends_the_lead(
    shop: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """Nobody kicks; the schedule's task is found by its name, again and again."""
    with worker(shop, tmp_path):
        for email in ("ann@example.com", "bob@example.com"):
            sign_up_in(shop, email)
            assert eventually(lambda: pending_in(shop) == 0)

    assert loopback.emails == ["ann@example.com", "bob@example.com"]


def test_a_broker_that_is_away_does_not_disturb_the_signup(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """The kick is given up; the lead waits for the next run."""
    (tmp_path / "tasks.py").write_text(block("celery.md", "python", "# tasks.py"))
    (tmp_path / "views.py").write_text(block("celery.md", "python", "# views.py"))
    code = "import tasks, views; tasks.app.conf.broker_connection_timeout = 1; views.kick()"

    for url in ("amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environ | {"CELERY_BROKER_URL": url},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_schedule_in_the_document_is_a_minute(environ: dict[str, str], tmp_path: Path) -> None:
    """As its text says, for a task that exists."""
    (tmp_path / "tasks.py").write_text(block("celery.md", "python", "# tasks.py"))
    code = (
        "import tasks; (entry,) = tasks.app.conf.beat_schedule.values();"
        "assert entry['task'] in tasks.app.tasks; assert entry['schedule'] == 60.0"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environ | {"CELERY_BROKER_URL": "memory://"},
        check=True,
    )


def test_a_django_project_uses_its_own_settings(environ: dict[str, str], tmp_path: Path) -> None:
    """The document's third block, called as a worker would."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text(block("celery.md", "python", "# shop/tasks.py"))
    sign_up_in(environ, "ann@example.com")
    code = (
        "import os; from django.conf import settings;"
        "settings.configure(**{k: v for k, v in os.environ.items() if k.startswith('FPROM_')});"
        "from shop.tasks import drain_outbox; assert drain_outbox()['sent'] == 1"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, check=True)
