"""Accounts: authentication, passwords, tokens and throttling."""
