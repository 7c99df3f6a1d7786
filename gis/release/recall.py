"""Recall: a published record whose level is raised above ``partner`` is removed from every release at once.

A trigger does it in the same transaction, together with every released copy that mentions the record: by a field that
is derived from it, by a geometry drawn from a link, or by an address that is counted from it. If the record is the
document that a version is based on, the manifest no longer names it.
"""

from collections.abc import Iterator

from psycopg import sql

from gis.db.session import PUBLISHER
from gis.model.fields import SCHEMA
from gis.model.layer import all_layers
from gis.release.mentions import copies_with_mentioning_value
from gis.release.publish import PUBLISH_LOCK_KEY
from gis.release.referent import ReferentLayer
from gis.release.snapshot import RELEASE_LEVEL, linked_content_conditions
from gis.text.sql_files import SqlFile, any_of

SQL = SqlFile(__file__)

RECALL_FUNCTION = SQL.compose("recall_function", publish_lock=PUBLISH_LOCK_KEY)


def mentions_functions(referent_layer: ReferentLayer | None) -> sql.Composed:
    """``app.told_of(feature)``: the ids of the current holdings that mention a feature; ``app.label_of``: its label.

    Such a holding is a copy of the feature, or showed a link to the feature at the moment of the copy, or contains a
    value that was derived from it, or an address that is counted from it.
    """
    holdings = [
        SQL.compose("copies_of_feature"),
        SQL.compose("copies_with_link", shows_link=_shows_link()),
        *map(sql.SQL, copies_with_mentioning_value()),
        *(() if referent_layer is None else _copies_with_address(referent_layer)),
    ]
    return SQL.compose(
        "mentions_functions", holdings=sql.SQL(" union ").join(holdings), publisher=sql.Identifier(PUBLISHER)
    )


def _shows_link() -> sql.Composed:
    """The condition that a holding ``h`` contains data of its links."""
    return any_of(sql.SQL(condition) for layer in all_layers() for condition in linked_content_conditions(layer))


def _copies_with_address(referent_layer: ReferentLayer) -> Iterator[sql.Composed]:
    """The queries of the holdings that contain an address counted from a feature: their own, or that of a link."""
    referent, route = sql.Identifier(referent_layer.layer), sql.Identifier(referent_layer.route_column)
    for layer in all_layers():
        if referent_layer.route_column in layer.fields:
            yield SQL.compose(
                "copies_with_address",
                referent=referent,
                layer=layer.name,
                history=sql.Identifier(f"{layer.name}_history"),
                mentions=referent_layer.mentions("f", sql.SQL("t.{}").format(route), sql.SQL("h.content->>'address'")),
            )
    yield SQL.compose(
        "copies_with_link_address",
        referent=referent,
        mentions=referent_layer.mentions("f", sql.SQL("l.{}").format(route), sql.SQL("l.at")),
        shows_link=_shows_link(),
    )


def recall_trigger(layer: str) -> sql.Composed:
    """The trigger of a layer that recalls a record whose level is raised above that of releases."""
    return SQL.compose("recall_trigger", table=sql.Identifier(SCHEMA, layer), release_level=RELEASE_LEVEL)
