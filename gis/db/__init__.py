"""Database access: actors, transactions and connection pools."""

from gis.db.actors import Actor, Role, application_actor
from gis.db.pool import BoundQuery
from gis.db.reader import AccessLogEntry, Reader, result_of
from gis.db.session import (
    ACCOUNTS_LOGIN,
    LOGINS,
    PARTNER_LOGIN,
    READER_LOGIN,
    SEALER_LOGIN,
    WRITER_LOGIN,
    Database,
    Session,
)

__all__ = [
    "ACCOUNTS_LOGIN",
    "LOGINS",
    "PARTNER_LOGIN",
    "READER_LOGIN",
    "SEALER_LOGIN",
    "WRITER_LOGIN",
    "AccessLogEntry",
    "Actor",
    "BoundQuery",
    "Database",
    "Reader",
    "Role",
    "Session",
    "application_actor",
    "result_of",
]
