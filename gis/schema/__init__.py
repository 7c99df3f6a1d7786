"""The database schema: rights, migrations and its fingerprint."""

from gis.schema.policy_model import Policy

__all__ = [
    "Policy",
]
