"""The layer that addresses are counted from, as the policy declares it."""

from dataclasses import dataclass

from psycopg import sql

from gis.model.fields import Level


@dataclass(frozen=True)
class ReferentLayer:
    """The layer whose features addresses are counted from (the referents of ISO 19148), and two conditions in SQL.

    ``route_column`` is the column, of features and of links, that names the route along which an address is counted;
    a layer without it has no addresses of this kind. ``mentions_sql`` is the condition that an ``{address}`` on a
    ``{route}`` is counted from the ``{row}`` of ``layer``; ``hidden_sql`` is the condition that it is counted from a
    feature that readers of ``{level}`` may not see.
    """

    layer: str
    route_column: str
    mentions_sql: str
    hidden_sql: str

    def mentions(self, row: str, route: sql.Composable, address: sql.Composable) -> sql.Composed:
        """``mentions_sql`` for the row with the alias ``row``."""
        return sql.SQL(self.mentions_sql).format(row=sql.Identifier(row), route=route, address=address)

    def hidden(self, route: sql.Composable, address: sql.Composable, level: Level) -> sql.Composed:
        """``hidden_sql`` for a reader; false where it is not known."""
        condition = sql.SQL(self.hidden_sql).format(route=route, address=address, level=level)
        return sql.SQL("coalesce({}, false)").format(condition)
