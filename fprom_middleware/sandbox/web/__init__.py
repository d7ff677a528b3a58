"""HTTP around the double: who may call, how much is read, how an answer goes out, the switches.

Start reading in `wire`, which sends an answer whole, late, cut, or never. `loopback` stands in
front of everything; `controls` has the endpoints that change something, for the page and
for programs.

May import: what it switches, and the page's end. Only `sandbox.app` and `sandbox.server` import it.
"""
