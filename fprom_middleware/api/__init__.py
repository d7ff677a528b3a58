"""FirstPromoter's Tracking API: an event goes out, an outcome comes back; no state is kept.

Start reading in `protocol`, pure functions: what is sent, and what each answer means. `client`
makes the call over httpx; `transport` bounds a whole call by one deadline, which httpx does
not.

May import: events, settings and the leaves; httpx in `client` and `transport`.
"""
