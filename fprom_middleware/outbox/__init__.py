"""The durable queue: put, claim, settle, in SQLite, PostgreSQL, MariaDB or MySQL.

Start reading in `store`: one row an event, claimed by a lease and settled by a decision that
somebody else made. `retry` and `throttle` are those decisions, pure; `database` runs a piece
of work in a transaction; `transactions` writes into a caller's own.

May import: the types of `api.protocol`, events, settings, the leaves and SQLAlchemy. Knows no
HTTP client; only `transactions.django` sees Django, late.
"""
