"""What is sent, and what came of it: values and the pure decision between the two.

Start reading in `prepare`: from what a view said and who the visitor is to an event, or to the
receipt that says why there is none. `kinds` lists what goes to the API, `receipt` is what the view
gets back.

May import: visitor, hooks, settings and the leaves. Knows no HTTP and no database.
"""
