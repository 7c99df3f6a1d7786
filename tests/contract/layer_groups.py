"""Parametrisations over the layers of the catalogue, and rows to test with."""

import pytest
from psycopg import sql

from gis.db.actors import Actor
from gis.model.layer import Layer, catalog
from layers.policy import OFFICE, PARTNER, PUBLIC
from tests.factories import put

every_layer = pytest.mark.parametrize("layer", catalog.values(), ids=lambda layer: layer.name)
every_editable_layer = pytest.mark.parametrize(
    "layer", [layer for layer in catalog.values() if layer.editable], ids=lambda layer: layer.name
)
below_internal = pytest.mark.parametrize("reader", [PARTNER, PUBLIC], ids=lambda reader: reader.level.value)
every_layer_with_geometry = pytest.mark.parametrize(
    "layer", [layer for layer in catalog.values() if layer.has_geometry], ids=lambda layer: layer.name
)
every_editable_layer_with_geometry = pytest.mark.parametrize(
    "layer",
    [layer for layer in catalog.values() if layer.has_geometry and layer.editable],
    ids=lambda layer: layer.name,
)

CLERK = Actor("clerk", OFFICE.role)


def table(layer: Layer, suffix: str = "") -> sql.Identifier:
    return sql.Identifier("app", f"{layer.name}{suffix}")


def create_row(database, layer, **values):
    """Insert a row as the office; gives its id."""
    with database.transaction(OFFICE, write=True, reason="quyết định 12") as session:
        return put(session, layer, **values).id


def create_assumed_row(database, connect, layer):
    """Insert a public row with an assumed position; gives its id."""
    row = create_row(database, layer, level="public")
    admin = connect()
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    admin.execute(
        f"update app.{layer.name} set position_source = 'assumed', address = '118 + 5 m', chainage_m = 12345"
        " where id = %s",
        [row],
    )
    return row


def positions(coordinates):
    """The positions in the coordinates of any GeoJSON geometry."""
    if not isinstance(coordinates[0], list):
        return [coordinates]
    return [point for coordinate in coordinates for point in positions(coordinate)]
