"""The sandbox's page: what arrived, as whose, and how it was judged.

Start reading in `document`, which writes the whole page; `rows` writes one event of its list, by
`outcomes` (what a status means to its sender) and `findings` (how each field was judged). `live`
pushes what changes into open pages. `page.js` and `page.css` are what the browser gets.

May import: masking, and what the double kept. Only `sandbox.app` imports it.
"""
