"""CQL2 (OGC 21-065r2) filters: parsing and compilation to SQL."""
