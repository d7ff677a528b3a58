"""The version, said once: the distribution's metadata and the User-Agent take it from here."""

from typing import Final

__version__: Final = "0.1.0"
