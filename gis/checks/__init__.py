"""Checks of a running system: doctor and reconciliation."""
