"""Apply the security surface (functions, triggers, views, policies, grants), and find where a database differs."""

import hashlib

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.db.session import OWNER_ROLE
from gis.schema.fingerprint import surface_fingerprint
from gis.schema.grants import security_sql
from gis.schema.policy_model import Policy
from gis.text.sql_files import SqlFile

SQL = SqlFile(__file__)


def security_drift(connection: Connection, policy: Policy) -> list[str]:
    """What has changed since the last ``apply``: ``policy`` (the rendered SQL), ``catalogue`` (the database) or both.

    ``surface`` alone means that the surface was never applied.
    """
    return _drift_from(connection, _hash(security_sql(policy)))


def _hash(rendered: str) -> str:
    return hashlib.sha256(rendered.encode()).hexdigest()


def _drift_from(connection: Connection, expected: str) -> list[str]:
    """As ``security_drift``, with the hash of the rendered SQL."""
    stored = connection.execute(text("select rendered, standing from app.surface")).one_or_none()
    if stored is None:
        return ["surface"]
    current = (expected, surface_fingerprint(connection))
    return [name for name, before, now in zip(("policy", "catalogue"), stored, current, strict=True) if before != now]


def apply(connection: Connection, policy: Policy) -> bool:
    """Apply the security surface if it differs, in the caller's transaction; returns whether it was applied.

    ``app.surface`` stores the hash of the applied SQL and the fingerprint of the catalogue afterwards, so that a policy
    dropped or a grant added by hand is found and corrected. All that protects is dropped first, foreign objects
    included, and then created as ``security_sql`` has it; a foreign function stays, but without SECURITY DEFINER and
    without the public right to call it, and with another name if it overloads one of ours. Raw SQL goes through the
    driver without parameters, because policies contain ``%``.
    """
    rendered = security_sql(policy)
    expected = _hash(rendered)
    if not _drift_from(connection, expected):
        return False
    cursor = connection.connection.cursor()
    cursor.execute(sql.SQL("set local role {}").format(sql.Identifier(OWNER_ROLE)))
    definers = connection.execute(text(SQL.text("security_definers"))).scalars().all()
    cursor.execute(SQL.text("drop_surface"))
    unchanged = [f"{oid}{version}" for oid, version in connection.execute(text(SQL.text("row_versions")))]
    cursor.execute(rendered)
    cursor.execute(SQL.text("disarm_overloads", unchanged=unchanged))
    cursor.execute(SQL.text("revoke_disarmed", definers=list(definers)))
    connection.execute(text("delete from app.surface"))
    connection.execute(
        text("insert into app.surface values (:rendered, :standing)"),
        {"rendered": expected, "standing": surface_fingerprint(connection)},
    )
    cursor.execute("reset role")
    return True
