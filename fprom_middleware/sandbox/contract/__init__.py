"""The sandbox's contract: what callers may send and what they are answered, as a document.

Start reading in `schemas`, the four calls as JSON schemas in words of our own; tests hold the
double and the client to them. `openapi` puts them, and the sandbox's own switches, into the
document that the sandbox serves.

May import: what the double answers with. Only `sandbox.app` and tests import it.
"""
