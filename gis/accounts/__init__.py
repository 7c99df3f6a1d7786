"""Accounts: people, roles, authentication, passwords, tokens and throttling."""

from sqlalchemy.orm import Session as AccountsSession

from gis.accounts.authentication import Accounts
from gis.accounts.passwords import MIN_LENGTH
from gis.accounts.principals import Principal, may_write
from gis.accounts.second_factor import drop_second_factor
from gis.accounts.sign_ins import StartedSession, sign_out
from gis.accounts.throttle import delay_s
from gis.accounts.token_usage import DEFAULT_PER_MINUTE, MAX_PER_MINUTE
from gis.accounts.tokens import release_of_scope

__all__ = [
    "DEFAULT_PER_MINUTE",
    "MAX_PER_MINUTE",
    "MIN_LENGTH",
    "Accounts",
    "AccountsSession",
    "Principal",
    "StartedSession",
    "delay_s",
    "drop_second_factor",
    "may_write",
    "release_of_scope",
    "sign_out",
]
