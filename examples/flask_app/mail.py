"""The shop's mail: a file each, where a real shop would have a mail server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path


def send(folder: Path, recipient: str, link: str) -> None:
    """Send the link that confirms an address.

    Args:
        folder: Where mail goes.
        recipient: Whom it is for.
        link: What to open.
    """
    folder.mkdir(exist_ok=True)
    text = f"To: {recipient}\nSubject: Your first parcel\n\nPlease confirm your address:\n{link}\n"
    (folder / f"{uuid4().hex}.txt").write_text(text, encoding="utf-8")
