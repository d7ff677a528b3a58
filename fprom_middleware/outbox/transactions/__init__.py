"""An event written in the caller's own transaction: it exists exactly when the user row does."""
