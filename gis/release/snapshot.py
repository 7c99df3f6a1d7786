"""Snapshots: for every layer a table of released copies in schema ``release``, which is all that partners read.

The table has the fields that readers of level ``partner`` may read, as plain values; each row carries its recipient
and its release. It is declared as a ``Layer`` whose fields are all stored, so that pages, tiles, filters and files
read it like any layer. ``content_function`` is the SQL function that gives the releasable content of a feature; it
runs with its caller's rights.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field as attribute, replace
from functools import cache, cached_property

from geoalchemy2 import Geometry
from psycopg import sql
from sqlalchemy import Column, Computed, Date, Index, Integer, Table, Text as SqlText
from sqlalchemy.dialects.postgresql import UUID

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.model import field_types
from gis.model.fields import Field, Level
from gis.model.layer import Layer, catalog
from gis.model.record import Record
from gis.model.row import Row
from gis.model.sources import LINKS
from gis.read.sql import geometry_sql
from gis.release.referent import ReferentLayer
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile

SQL = SqlFile(__file__)

RELEASE_SCHEMA = "release"

RELEASE_LEVEL = Level.PARTNER
"""The clearance with which the content of a release is read."""

ALWAYS_RELEASED_FIELDS = ("level", "position_source")
"""The fields that every released feature has: its level, and how far its position may be trusted."""

MAX_DECIMALS = 6
"""Decimals of a degree of the most precise released coordinates: about a decimetre."""


@dataclass
class SnapshotLayer(Layer):
    """A layer of released copies: all fields are stored, and there are no links, edits or history."""

    snapshot_fields: Mapping[str, Field] = attribute(default_factory=dict)

    __hash__ = Layer.__hash__

    @cached_property
    def fields(self) -> dict[str, Field]:
        return dict(self.snapshot_fields)


@cache
def snapshot_layer(layer: Layer) -> SnapshotLayer:
    """The snapshot of a layer. The first call declares its table in the metadata."""
    fields = {
        name: replace(field, sql=None, reads=(), masked_when_assumed=False, writable=False, nullable=True, default=None)
        for name, field in layer.readable_fields(RELEASE_LEVEL).items()
    }
    fields["version"] = replace(fields["version"], title=Text("Phiên bản của bản chia sẻ", "Version of the release"))
    fields["release"] = Field("release", Text("Bản chia sẻ", "Release"), field_types.UUID, writable=False)
    geometry_type = "GEOMETRY" if layer.geometry_from_links else layer.geometry_type
    _snapshot_table(layer.name, geometry_type, fields)
    return SnapshotLayer(
        name=layer.name,
        model=layer.model,
        geometry_type=geometry_type,
        title=layer.title,
        style_field=layer.style_field if layer.style_field in fields else None,
        order=layer.order,
        time=layer.time if layer.time in fields else None,
        label_sql=layer.label_sql,
        editable=False,
        has_geometry=layer.has_geometry or layer.geometry_from_links,
        required_with_geometry=layer.required_with_geometry,
        schema=RELEASE_SCHEMA,
        snapshot_fields=fields,
    )


def snapshot_catalog() -> dict[str, Layer]:
    """The snapshot of every layer by name, in the order of the catalog."""
    return {name: snapshot_layer(layer) for name, layer in catalog.items()}


def _snapshot_table(name: str, geometry_type: str, fields: Mapping[str, Field]) -> Table:
    """The table of a snapshot. Its key is recipient and id, as a feature reaches a recipient through one release."""
    columns = [
        Column(field.name, field.type.column) for field in fields.values() if field.name not in ("version", "release")
    ]
    return Table(
        name,
        Record.metadata,
        Column("recipient", SqlText(), primary_key=True),
        Column("id", UUID(as_uuid=True), primary_key=True),
        Column("release", UUID(as_uuid=True), nullable=False),
        Column("added_in", Integer(), nullable=False),
        Column("version", Integer(), nullable=False),
        Column("sha256", SqlText(), nullable=False),
        Column("served_from", Date()),
        Column("served_to", Date()),
        *columns,
        Column("shared_geom", Geometry(geometry_type, srid=WGS84, spatial_index=True)),
        Column(
            "shared_mercator",
            Geometry(geometry_type, srid=WEB_MERCATOR, spatial_index=False),
            Computed(f"ST_Transform(shared_geom, {WEB_MERCATOR})", persisted=True),
        ),
        Index(f"ix_{name}_release", "release", "version"),
        schema=RELEASE_SCHEMA,
    )


def content_function(layer: Layer, referent_layer: ReferentLayer | None) -> sql.Composed:
    """The SQL of ``app.shared_<layer>(ids, fields, decimals)``, which gives the releasable content of features.

    It returns one row per feature: its id and its content as JSON without null values. Coordinates are rounded to
    ``decimals`` of a degree, and fields that would locate it more precisely, such as a chainage in metres, are rounded
    or left out too; without decimals no geometry is released. The fields that the layer requires with a geometry are
    always released with it, and without them the geometry is not. An address is left out if it is counted from a
    feature of ``referent_layer`` that partners may not see.
    """
    always = {*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry}
    columns = [
        sql.SQL("{} as {}").format(
            value if name in always else SQL.compose("if_chosen", name=name, value=value), sql.Identifier(name)
        )
        for name, value in _released_values(layer, referent_layer)
    ]
    return SQL.compose(
        "content_function",
        function=sql.Identifier(f"shared_{layer.name}"),
        layer=layer.name,
        table=sql.Identifier(layer.name),
        columns=sql.SQL(", ").join(columns),
        has_required=sql.Composed(
            [sql.SQL(" and t.{} is not null").format(sql.Identifier(name)) for name in layer.required_with_geometry]
        ),
        geometry=sql.SQL(geometry_sql(Row(RELEASE_LEVEL, layer), layer)),
        level=RELEASE_LEVEL,
    )


def _released_values(layer: Layer, referent_layer: ReferentLayer | None) -> Iterator[tuple[str, sql.Composable]]:
    """The fields that may be released, with their SQL. ``version`` is left out: a release has one of its own."""
    for name, field in layer.readable_fields(RELEASE_LEVEL).items():
        expression = sql.SQL(field.expression(Row(RELEASE_LEVEL, layer)))
        value = _generalized(name, expression)
        if name == "address" and referent_layer is not None and referent_layer.route_column in layer.fields:
            route = sql.SQL("t.{}").format(sql.Identifier(referent_layer.route_column))
            hidden = referent_layer.hidden(route, expression, RELEASE_LEVEL)
            value = SQL.compose("unless_hidden", hidden=hidden, value=value)
        if name != "version":
            yield name, value


def linked_content_conditions(layer: Layer) -> list[str]:
    """Conditions that a holding ``h`` of the layer contains data of its links.

    Such data are the derived fields that declare to read the links, and the geometry of a feature that is drawn from
    its links and had no geometry of its own at the moment of the copy.
    """
    names = [name for name, field in layer.readable_fields(RELEASE_LEVEL).items() if LINKS in field.reads]
    conditions = [f"h.content ?| '{{{','.join(names)}}}'"] if names else []
    if layer.geometry_from_links:
        row_at_copy = f"select from app.{layer.name}_history t where t.id = h.feature_id and t.valid @> h.since"
        conditions.append(f"h.content ? 'geometry' and not exists ({row_at_copy} and t.shared_geom is not null)")
    return [f"h.layer = '{layer.name}' and {condition}" for condition in conditions]


LOCATING_FIELDS = {"chainage_m": "rounded_chainage", "accuracy_m": "rounded_accuracy", "address": "rounded_address"}
"""The fields that locate a feature beside its geometry, with the statement that rounds each of them."""


def _generalized(name: str, value: sql.Composable) -> sql.Composable:
    """The SQL of a field; of one that locates a feature, as precise as the decimals allow."""
    if name in LOCATING_FIELDS:
        return SQL.compose(LOCATING_FIELDS[name], value=value)
    return sql.SQL("{}::text").format(value) if name == "level" else value
