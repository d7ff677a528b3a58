"""Who the visitor is: a request's cookies, link, headers and socket → tid, ref_id, ip.

Pure decisions, no I/O: nothing here opens a file, a socket or a database. Start reading in
`context`, what a view is handed; `attach` puts it on a request and `locate` finds it again.
`client_ip` decides whose address counts, `sources` in which order cookies, headers, links and
our own cookie are asked.

May import: hooks, settings and the leaves; itsdangerous in `tokens` and `keep_cookie`.
"""
