"""An event written in the caller's own transaction: it exists exactly when the user row does.

Start reading in `writer`: what `session=` takes, and when the outbox's tables are made there.
`sqlalchemy` and `django` are siblings, each the transaction of one library; `django_ddl` is the
tables' definition in SQL for Django's own migrations.

May import: the rooms of the outbox, the leaves and SQLAlchemy. Only `django` sees Django; it is
imported once a Django connection is handed in.
"""
