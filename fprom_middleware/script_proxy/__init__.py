"""The vendor's script and its two calls through the app's own address (FPROM_SCRIPT_PROXY).

Start reading in `proxy`: one request in, one answer out. `calls` decides what goes out and what
comes back, `same_site` whose pages may call; both are pure. `limits` bounds how much of this
process the calls take, `script` keeps the copy, `vendor` calls. `wsgi` and `asgi` translate.

May import: the account and below, and the page's snippet. Nothing here is loaded while the
setting is off.
"""
