"""The documents' own text as files to run, and what it runs against."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.loopback import LoopbackApi, loopback_api

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    """FirstPromoter on a loopback socket."""
    with loopback_api() as one:
        yield one


@pytest.fixture
def environ(api: LoopbackApi, tmp_path: Path) -> dict[str, str]:
    """The environment of an app whose web processes send nothing themselves."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("FPROM_", "DJANGO_")) and not key.lower().endswith("_proxy")
    }
    bin_folder = Path(sys.executable).parent
    return kept | {
        **api.environ,
        "FPROM_OUTBOX_URL": f"sqlite:///{tmp_path}/.fprom/outbox.db",
        "FPROM_WORKER": "none",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
    }
