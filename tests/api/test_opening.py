"""The first call opens the pool, which may take its time: neither an end nor a fork suffers."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.api.client import TrackingApi
from tests.support.accounts import make_settings
from tests.support.misbehaving import SENT, answer, serving
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

    from fprom_middleware import Lead


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate file that has its reader wait until it is written."""
    path = tmp_path / "certificates"
    os.mkfifo(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def opening(certificates: Path, authority: trustme.CA, lead: Lead) -> Iterator[TrackingApi]:
    """An API whose first call, in a thread of its own, opens the pool."""
    with serving(answer(200, SENT)) as server:
        api = TrackingApi(make_settings(base_url=server.url))
        caller = threading.Thread(target=api.send, args=(lead,))
        caller.start()
        assert eventually(api._lock.locked)
        yield api
        if caller.is_alive() and api._pooled is None:
            authority.cert_pem.write_to_path(certificates)
        caller.join(PATIENCE)
        assert not caller.is_alive()
        api.close()


def test_the_end_does_not_wait_for_it(opening: TrackingApi) -> None:
    """What closes an account is bounded, whatever another thread is kept by."""
    opening.close()

    assert opening._lock.locked()


def test_a_fork_waits_for_it(
    opening: TrackingApi, certificates: Path, authority: trustme.CA
) -> None:
    """A child forked in the middle would find modules that are being imported for ever."""

    def write() -> None:
        eventually(lambda: opening._fork_lock._forking)
        authority.cert_pem.write_to_path(certificates)

    writer = threading.Thread(target=write)
    writer.start()
    pid = os.fork()
    if not pid:
        os._exit(0 if opening._pooled is not None else 1)
    writer.join()

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
