"""The moment of reading: a setting of the transaction, which the SQL function ``app.as_of()`` returns.

``gis.db`` sets it at the beginning of every transaction. SQL about the present does not call the function.
"""

import datetime as dt
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

AS_OF: Final = "(select app.as_of())"
"""The SQL of the moment. As a sub-select it is evaluated once for a statement, not for every row."""

AS_OF_FUNCTION: Final = """
create or replace function app.as_of() returns timestamptz language sql stable parallel safe
    return coalesce(nullif(current_setting('cotmoc.as_of', true), '')::timestamptz, now());
"""
"""It has no ``set search_path`` and the form of a single expression, so that the planner inlines it."""

SET_AS_OF: Final = text("select set_config('cotmoc.as_of', :as_of, true)")


def in_force_sql(moment: str, alias: str | None = None) -> list[str]:
    """The SQL conditions that a state in a history table is in force at a moment.

    A state is in force from the beginning of its validity up to, but not including, its end. The last state of a
    deleted row, which records the deletion, is never in force, although its validity is the moment of the deletion.
    """
    prefix = "" if alias is None else f"{alias}."
    return [f"{prefix}valid @> {moment}", f"{prefix}action <> 'delete'"]


def setting_of(as_of: dt.datetime | None) -> str:
    """The value of the setting for a moment of the past, or for the present."""
    return "" if as_of is None else as_of.isoformat()


def set_as_of(session: Session, as_of: dt.datetime | None) -> None:
    """Let the transaction of a session read as of a moment from here on."""
    session.execute(SET_AS_OF, {"as_of": setting_of(as_of)})
