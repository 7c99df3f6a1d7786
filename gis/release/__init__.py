"""Releases to partners: models, workflow, snapshots and publishing."""
