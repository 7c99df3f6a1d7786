"""CQL2 filters compiled to SQL."""
