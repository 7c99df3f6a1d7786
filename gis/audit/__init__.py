"""The sealed journal: signing keys, seals and their verification."""
