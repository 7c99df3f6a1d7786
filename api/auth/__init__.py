"""Signing in, accounts, people and tokens."""
