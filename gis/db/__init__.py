"""Database access: actors, sessions and connection pools."""
