"""The commands behind ``fprom``, ``flask fprom`` and ``manage.py fprom``.

Each takes an `Fprom` and does not care where its settings came from: a front door is a
`Source`.
"""

from .group import FpromGroup, make_group
from .source import Source

__all__ = ["FpromGroup", "Source", "make_group"]
