"""FirstPromoter for Python web apps: the right visitor, the right address, no lost lead.

Importing this package loads no framework, no HTTP client and no database library.

PYTEST_DONT_REWRITE: its plugin makes pytest want to, and it would warn where an app has imported
the package before it runs pytest.
"""

from .account import Fprom
from .errors import (
    FpromConfigError,
    FpromError,
    FpromNotInstalled,
    FpromOutboxError,
    FpromTokenError,
)
from .events.lead import Lead
from .events.payments import Cancellation, Refund, Sale
from .events.receipt import Reason, Receipt, Status
from .money import minor_units
from .outbox.stats import Stats
from .settings.model import FpromSettings
from .tracking import (
    dump_tracking,
    load_tracking,
    stripe_metadata,
    track_cancellation,
    track_cancellation_async,
    track_refund,
    track_refund_async,
    track_sale,
    track_sale_async,
    track_signup,
    track_signup_async,
)
from .version import __version__
from .visitor.context import TrackingContext
from .visitor.locate import get_tracking

__all__ = [
    "Cancellation",
    "Fprom",
    "FpromConfigError",
    "FpromError",
    "FpromNotInstalled",
    "FpromOutboxError",
    "FpromSettings",
    "FpromTokenError",
    "Lead",
    "Reason",
    "Receipt",
    "Refund",
    "Sale",
    "Stats",
    "Status",
    "TrackingContext",
    "__version__",
    "dump_tracking",
    "get_tracking",
    "load_tracking",
    "minor_units",
    "stripe_metadata",
    "track_cancellation",
    "track_cancellation_async",
    "track_refund",
    "track_refund_async",
    "track_sale",
    "track_sale_async",
    "track_signup",
    "track_signup_async",
]
