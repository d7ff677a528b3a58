"""For an app's own tests: nothing leaves the process, and what was handed in can be asserted.

Under pytest the fixture ``fprom`` is there by itself (``pytest_fprom.py``, beside the package);
`FpromTestMixin` is the same for unittest and Django, `mock_fprom` for anything else. Start reading
in `mock`, the verbs of a test; `outbox` keeps what was handed in and sends it nowhere; `clients`
knows the test clients, `difference` says what arrived in place of what was expected.

May import: account and the rooms below it. No other room imports this one.
"""

from __future__ import annotations

from .fields import CancellationFields, LeadFields, RefundFields, SaleFields
from .mixin import FpromTestMixin
from .mock import FpromMock, mock_fprom

__all__ = [
    "CancellationFields",
    "FpromMock",
    "FpromTestMixin",
    "LeadFields",
    "RefundFields",
    "SaleFields",
    "mock_fprom",
]
