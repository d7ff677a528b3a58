"""What every test of this package runs under."""

from hypothesis import settings

settings.register_profile("house", deadline=None, database=None, max_examples=100)
settings.load_profile("house")
