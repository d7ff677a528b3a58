"""A real Celery worker, whose tasks have a time limit while they wait for FirstPromoter."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.accounts import CREDENTIALS
from tests.support.misbehaving import hang, serving
from tests.support.programs import clean_environment
from tests.support.waiting import becomes, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASKS = """
import os
from pathlib import Path
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from fprom_middleware import Fprom, TrackingContext

HERE = Path(__file__).parent
QUEUE = str(HERE / "queue")
app = Celery("tasks", broker="filesystem://", broker_transport_options={
    "data_folder_in": QUEUE, "data_folder_out": QUEUE, "control_folder": QUEUE,
})

@app.task(soft_time_limit=1)
def wait(delivery):
    fprom = Fprom(dict(os.environ) | {"FPROM_DELIVERY": delivery})
    try:
        fprom.track_signup(TrackingContext(tid="t"), "a@b.example")
        fprom.drain()
    except SoftTimeLimitExceeded:
        (HERE / delivery).write_text("ended")
    else:
        (HERE / delivery).write_text("swallowed")
"""
WORKER = ["-m", "celery", "-A", "tasks", "worker", "--pool=prefork", "--concurrency=1"]


@contextmanager
def working(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a worker, one process at a time."""
    command = [sys.executable, *WORKER]
    with (
        (folder / "worker.log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as worker,
    ):
        try:
            yield
        finally:
            worker.terminate()


def test_a_task_ends_at_its_time_limit(tmp_path: Path) -> None:
    """In a sign-up's own call and in a drain; the worker's next task runs."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "tasks.py").write_text(TASKS)
    with serving(hang) as server:
        environment = clean_environment(
            PYTHONPATH=":".join([str(tmp_path), *sys.path]),
            FPROM_BASE_URL=server.url,
            FPROM_OUTBOX_URL=f"sqlite:///{tmp_path}/outbox.db",
            FPROM_WORKER="none",
            FPROM_TIMEOUT="30",
            **CREDENTIALS,
        )
        with working(tmp_path, environment):
            for delivery in ("inline", "outbox"):
                code = f"import tasks; tasks.wait.delay({delivery!r})"
                subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            said = [tmp_path / delivery for delivery in ("inline", "outbox")]
            assert eventually(lambda: all(file.exists() for file in said))
            assert becomes(lambda: [file.read_text() for file in said], ["ended"] * 2)
