"""The layer that addresses are counted from, as the policy declares it."""

from dataclasses import dataclass


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
