"""The database schema: rights, migrations and its fingerprint."""
