"""What a visitor may register with; checked on the server, whatever the browser did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EMAIL = 254
MIN_PASSWORD = 8
MAX_PASSWORD = 128

# What browsers accept in <input type=email> (HTML, section 4.10.5.1.5), with a dot required.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")


@dataclass(frozen=True)
class Registration:
    """One filled-in form.

    Attributes:
        email: The e-mail address, without the blanks around it.
        password: The password as typed.
    """

    email: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, form: Mapping[str, object]) -> Registration:
        """Take the two fields out of a form; what is not text (an upload) counts as empty."""
        email, password = form.get("email"), form.get("password")
        return cls(
            email=email.strip() if isinstance(email, str) else "",
            password=password if isinstance(password, str) else "",
        )

    @property
    def shown_email(self) -> str:
        """The address as the form may show it again: no control characters, no 10,000 letters."""
        return "".join(filter(str.isprintable, self.email[:MAX_EMAIL]))

    def mistakes(self) -> dict[str, str]:
        """Say what is wrong, by field; empty where all is well."""
        found = {}
        if len(self.email) > MAX_EMAIL:
            found["email"] = f"An e-mail address has at most {MAX_EMAIL} characters."
        elif not _EMAIL.fullmatch(self.email):
            found["email"] = "This does not look like an e-mail address."
        if len(self.password) < MIN_PASSWORD:
            found["password"] = f"A password needs at least {MIN_PASSWORD} characters."
        elif len(self.password) > MAX_PASSWORD:
            found["password"] = f"A password has at most {MAX_PASSWORD} characters."
        return found
