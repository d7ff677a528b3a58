"""What survives a restart: clicks and calls as they came, told to the double again.

Start reading in `journal`, the contract between the double and what writes down; `file` writes
into one SQLite file of its own, bounded, for ``fprom sandbox --data``.

May import: the records that it keeps. Imported by the double, its books and `sandbox.command`.
"""
