"""What the documents' own text, run as files, runs against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import fprom_environment
from tests.support.programs import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import LoopbackApi


@pytest.fixture
def environ(loopback: LoopbackApi, tmp_path: Path) -> dict[str, str]:
    """The environment of an app whose web processes send nothing themselves."""
    return clean_environment(
        **fprom_environment(
            loopback.url,
            FPROM_OUTBOX_URL=f"sqlite:///{tmp_path}/.fprom/outbox.db",
            FPROM_WORKER="none",
        ),
        PYTHONPATH=str(tmp_path),
    )
