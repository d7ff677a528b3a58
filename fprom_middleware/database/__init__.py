"""The database under the outbox: engines, tables, and pieces of work in transactions.

Start reading in `database`: a piece of work is run in one transaction, again for as long as the
database is busy or away, and for a server within a bound of our own. `engines` and `sqlite_file`
open connections; `schema` says what the tables are, `tables` makes and upgrades them; `refusal`
names what was refused, without what it may quote.

May import: settings, the leaves and SQLAlchemy. Knows no event, no API and no framework.
"""
