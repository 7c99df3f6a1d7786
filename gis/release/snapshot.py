"""Snapshots: for every layer a table of released copies in schema ``release``, which is all that partners read.

The table has the fields that readers of level ``partner`` may read, as plain values; each row carries its recipient
and its release. It is declared as a ``Layer`` whose fields are all stored, so that pages, tiles, filters and files
read it like any layer. ``content_function`` is the SQL function that gives the releasable content of a feature; it
runs with its caller's rights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute, replace
from functools import cache, cached_property

from geoalchemy2 import Geometry
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


def content_function(layer: Layer, referent_layer: ReferentLayer | None) -> str:
    """The SQL of ``app.shared_<layer>(ids, fields, decimals)``, which gives the releasable content of features.

    It returns one row per feature: its id and its content as JSON without null values. Coordinates are rounded to
    ``decimals`` of a degree, and fields that would locate it more precisely, such as a chainage in metres, are rounded
    or left out too; without decimals no geometry is released. The fields that the layer requires with a geometry are
    always released with it, and without them the geometry is not. An address is left out if it is counted from a
    feature of ``referent_layer`` that partners may not see.
    """
    row = Row(RELEASE_LEVEL, layer)
    always = {*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry}
    columns = []
    for name, field in layer.readable_fields(RELEASE_LEVEL).items():
        if name == "version":  # in a release this is the number of the release's version
            continue
        sql = _generalized(name, field.expression(row))
        if name == "address" and referent_layer is not None and referent_layer.route_column in layer.fields:
            hidden = referent_layer.hidden_sql.format(
                route=f"t.{referent_layer.route_column}", address=field.expression(row), level=RELEASE_LEVEL
            )
            sql = f"case when not coalesce({hidden}, false) then {sql} end"
        columns.append(
            f'{sql} as "{name}"' if name in always else f"case when '{name}' = any($2) then {sql} end as \"{name}\""
        )
    has_required = "".join(f" and t.{name} is not null" for name in layer.required_with_geometry)
    rounded = f"ST_ReducePrecision(ST_Force2D({geometry_sql(row, layer)}), power(10, -$3))"
    return f"""
create or replace function app.shared_{layer.name}(ids uuid[], fields text[], decimals integer)
returns table (id uuid, content jsonb)
language sql stable set search_path = pg_catalog, public set timezone = 'UTC' as $$
    select p.id, (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(p)) where value <> 'null')
    from (
        select t.id, '{layer.name}' as layer, {", ".join(columns)},
            case when $3 is not null{has_required} then (
                select ST_AsGeoJSON(ST_ForcePolygonCCW(place), $3, 0)::jsonb
                from {rounded} place where not ST_IsEmpty(place)
            ) end as geometry
        from app.{layer.name} t
        where t.id = any($1) and t.retired_at is null and t.level <= '{RELEASE_LEVEL}'::app.level
    ) p
$$;
revoke all on function app.shared_{layer.name} from public;"""


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


def _generalized(name: str, sql: str) -> str:
    """The SQL of a field that locates a feature, as precise as the decimals allow: five are a metre along a route."""
    step = "power(10, 5 - $3)"
    if name == "chainage_m":
        return f"case when $3 is not null then (round(({sql} / {step})::numeric) * {step}::numeric)::float8 end"
    if name == "accuracy_m":
        return f"case when $3 is not null and {sql} is not null then greatest({sql}, {step}) end"
    if name == "address":  # with an offset in metres it locates a point to the metre
        return f"case when $3 >= 5 or $3 is not null and {sql} !~ '\\d\\s*k?m\\M' then {sql} end"
    return f"{sql}::text" if name == "level" else sql
