"""uWSGI without threads is warned about, for nothing would ever be sent."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Fprom
from tests.support.accounts import CREDENTIALS, make_settings
from tests.support.programs import BIN, clean_environment
from tests.support.services import missing
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

APP = """
from fprom_middleware.wsgi import FpromMiddleware

def shop(environ, start_response):
    start_response("200 OK", [])
    return []

application = FpromMiddleware(shop, None)
"""
WARNING = "uWSGI runs without threads, so nothing is sent in the background"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "warned"), [((), True), (("--enable-threads",), False), (("--threads=2",), False)]
)
def test_threads_that_stand_still_are_named_at_start(
    options: tuple[str, ...], tmp_path: Path, *, warned: bool
) -> None:
    """In the server's own log, before the first request."""
    command = shutil.which("uwsgi", path=str(BIN))
    if command is None:
        missing("uWSGI is not installed")
    (tmp_path / "shop.py").write_text(APP)
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [command, "--http-socket=127.0.0.1:0", "--wsgi-file=shop.py", *options],
            cwd=tmp_path,
            env=clean_environment(
                **CREDENTIALS,
                FPROM_OUTBOX_URL=f"sqlite:///{tmp_path / 'outbox.db'}",
                PYTHONHOME=sys.base_prefix,
                PYTHONPATH=":".join(filter(None, sys.path)),
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            assert eventually(lambda: b"spawned uWSGI worker" in log.read_bytes())
        finally:
            process.send_signal(signal.SIGKILL)

    assert "WSGI app 0" in log.read_text(), log.read_text()
    assert (WARNING in log.read_text()) is warned


@pytest.mark.parametrize(
    ("has_threads", "worker", "warned"),
    [(0, "thread", True), (0, "none", False), (1, "thread", False)],
)
def test_only_a_thread_that_is_wanted_can_stand_still(
    has_threads: int,
    worker: str,
    *,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """The module is uWSGI's own; a worker beside the server needs no thread in it."""
    module = ModuleType("uwsgi")
    monkeypatch.setattr(module, "has_threads", has_threads, raising=False)
    monkeypatch.setitem(sys.modules, "uwsgi", module)

    Fprom(make_settings(f"sqlite:///{tmp_path / 'outbox.db'}", worker=worker)).close()

    assert (WARNING in caplog.text) is warned
