"""Every FPROM_* key, parsed and validated once, at start.

Start reading in `model`: `FpromSettings` has one row and one attribute a key. `parsers` holds
how the value of each is read from Python or from the text of an environment; `choices` the
words that a key may be one of.

May import: the leaves (errors, masking, addresses). Knows no visitor, event or database.
"""
