"""A referred customer's whole journey with made-up data: click, sign-up, sale, refund."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .received import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .double import FirstPromoterDouble

PROMOTER: Final = "anna"
_NAMES: Final = ("kim", "noa", "sam", "lou", "mika", "toni")
_ADDRESS: Final = "203.0.113.7"
"""Of a block for documentation: no visitor has it."""


def walk(double: FirstPromoterDouble) -> Iterator[str]:
    """Make the journey, a step each time; trouble on purpose hits it as it would an app.

    Args:
        double: Where it leads.

    Yields:
        What was done.
    """
    tag = secrets.token_hex(3)
    customer = {"email": f"{secrets.choice(_NAMES)}-{tag}@example.com", "uid": f"made-up-{tag}"}
    tid = double.click(PROMOTER, _ADDRESS).tid
    yield "click"
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    lead = {"tid": tid, "ip": _ADDRESS, "created_at": moment}
    sale = {"event_id": f"in_{tag}", "amount": 4900, "plan": "pro"}
    refund = {"event_id": f"re_{tag}", "amount": 1900, "sale_event_id": f"in_{tag}"}
    for kind, fields in ((Kind.SIGNUP, lead), (Kind.SALE, sale), (Kind.REFUND, refund)):
        _call(double, kind, customer | fields)
        yield kind


def _call(double: FirstPromoterDouble, kind: Kind, fields: dict[str, Any]) -> None:
    headers = {
        "authorization": f"Bearer {double.api_key}",
        "account-id": double.account_id,
        "content-type": "application/json",
    }
    double.call(kind, headers, json.dumps(fields).encode())
