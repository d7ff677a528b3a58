"""Who moves an event from the view to the API: inline, or an outbox, a drain and a thread.

Start reading in `base`, what every delivery answers to. `durable` accepts an event by writing
one row; `waiting` holds it in memory where the database refuses; `drain` claims, sends and
settles; `thread` runs the drain in the background of each process.

May import: outbox, api, events, hooks, settings and the leaves. Knows no framework.
"""
