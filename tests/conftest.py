"""What every test of this package runs under."""

import signal

from hypothesis import settings

pytest_plugins = ["tests.support.fixtures", "tests.support.missing_packages"]

# A shell starts what runs in its background deaf to Ctrl-C, and children inherit it; these
# tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("house", deadline=None, database=None, max_examples=100)
settings.load_profile("house")
