"""Django migrations of the outbox."""
