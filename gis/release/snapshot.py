"""What was released: every layer once more, as a table of plain values in a schema of its own.

A partner reads copies, never the originals: the table of a released layer holds what readers of level ``partner`` may
know of the layer, each row with its recipient and the release it came through. Its card is a layer like any other,
with all its fields stored, so pages of features, tiles, filters and files read it by the one path. ``shared`` is the
SQL that says what of a feature may go; whoever runs it sees no more than their own rights let them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute, replace
from functools import cache, cached_property
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import ARRAY, Boolean, Column, Computed, Date, DateTime, Float, Index, Integer, Table, Text as SqlText
from sqlalchemy.dialects.postgresql import JSONB, UUID

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.model.fields import TEXT_COLLATION, Field, Level
from gis.model.layer import Layer, catalog
from gis.model.record import Record
from gis.read import sql as query
from gis.text.i18n import Text

RELEASE_SCHEMA = "release"

RELEASE_LEVEL = Level.PARTNER
"""With whose eyes a release is made."""

ALWAYS_RELEASED_FIELDS = ("level", "position_source")
"""The fields that go with every feature: how open it is, and how far its place may be trusted."""

LINKS_TABLE = "app.links"
"""How the SQL of a derived field says that it tells of what the row is linked to."""

MAX_DECIMALS = 6
"""Decimals of a degree of the finest places that leave the house: about a decimetre."""

SQL_TYPES: dict[str, Any] = {
    "text": SqlText(collation=TEXT_COLLATION),
    "code": SqlText(),
    "integer": Integer(),
    "number": Float(),
    "date": Date(),
    "datetime": DateTime(timezone=True),
    "boolean": Boolean(),
    "uuid": UUID(as_uuid=True),
    "list": ARRAY(SqlText(collation=TEXT_COLLATION)),
    "json": JSONB(),
}


@dataclass
class SnapshotLayer(Layer):
    """The card of a layer as it was released, copied by value: nothing is computed, linked, edited or remembered."""

    snapshot_fields: Mapping[str, Field] = attribute(default_factory=dict)

    __hash__ = Layer.__hash__

    @cached_property
    def fields(self) -> dict[str, Field]:
        return dict(self.snapshot_fields)


@cache
def snapshot_layer(layer: Layer) -> SnapshotLayer:
    """The released twin of a layer; its table is declared when it is first asked for."""
    known = {
        name: replace(one, sql=None, masked_when_assumed=False, writable=False, nullable=True, default=None)
        for name, one in layer.readable_fields(RELEASE_LEVEL).items()
    }
    known["version"] = replace(known["version"], title=Text("Phiên bản của bản chia sẻ", "Version of the release"))
    known["release"] = Field("release", Text("Bản chia sẻ", "Release"), "uuid", writable=False)
    kind = "GEOMETRY" if layer.geometry_from_links else layer.geometry_type
    _snapshot_table(layer.name, kind, known)
    return SnapshotLayer(
        name=layer.name,
        model=layer.model,
        geometry_type=kind,
        title=layer.title,
        style_field=layer.style_field if layer.style_field in known else None,
        order=layer.order,
        time=layer.time if layer.time in known else None,
        label_sql=layer.label_sql,
        editable=False,
        has_geometry=layer.has_geometry or layer.geometry_from_links,
        required_with_geometry=layer.required_with_geometry,
        schema=RELEASE_SCHEMA,
        snapshot_fields=known,
    )


def snapshot_catalog() -> dict[str, Layer]:
    """Every layer as it was released, in reading order."""
    return {name: snapshot_layer(layer) for name, layer in catalog.items()}


def _snapshot_table(name: str, geometry_type: str, fields: Mapping[str, Field]) -> Table:
    """One feature reaches a recipient through one release only: recipient and id are the key."""
    columns = [
        Column(one.name, SQL_TYPES[one.type]) for one in fields.values() if one.name not in ("version", "release")
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


def content_function(layer: Layer, hidden_sql: str) -> str:
    """The SQL of a function that gives what of some features may go: ``app.shared_<layer>(ids, fields, decimals)``.

    One row per feature: its id and its content as JSON, without what is empty. A place is rounded to so many decimals
    of a degree, and what would tell it more finely, such as a chainage in metres, is rounded or left out with it;
    without decimals no place goes at all. The card's ``always_with`` goes with every place, or the place does not.
    ``hidden`` is the policy's condition that an address is counted from what partners may not know of; it stays then.
    """
    always = {*ALWAYS_RELEASED_FIELDS, *layer.required_with_geometry}
    shown = []
    for name, one in layer.readable_fields(RELEASE_LEVEL).items():
        if name == "version":  # the release counts its own
            continue
        sql = _generalized(name, one.expression(RELEASE_LEVEL))
        if name == "address" and "border" in layer.fields:
            kept = hidden_sql.format(border="t.border", address=one.expression(RELEASE_LEVEL), level=RELEASE_LEVEL)
            sql = f"case when not coalesce({kept}, false) then {sql} end"
        shown.append(
            f'{sql} as "{name}"' if name in always else f"case when '{name}' = any($2) then {sql} end as \"{name}\""
        )
    vouched = "".join(f" and t.{name} is not null" for name in layer.required_with_geometry)
    place = f"ST_ReducePrecision(ST_Force2D({query.geometry_sql(layer, RELEASE_LEVEL)}), power(10, -$3))"
    return f"""
create or replace function app.shared_{layer.name}(ids uuid[], fields text[], decimals integer)
returns table (id uuid, content jsonb)
language sql stable set search_path = pg_catalog, public set timezone = 'UTC' as $$
    select p.id, (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(p)) where value <> 'null')
    from (
        select t.id, '{layer.name}' as layer, {", ".join(shown)},
            case when $3 is not null{vouched} then (
                select ST_AsGeoJSON(ST_ForcePolygonCCW(place), $3, 0)::jsonb
                from {place} place where not ST_IsEmpty(place)
            ) end as geometry
        from app.{layer.name} t
        where t.id = any($1) and t.retired_at is null and t.level <= '{RELEASE_LEVEL}'::app.level
    ) p
$$;
revoke all on function app.shared_{layer.name} from public;"""


def linked_content_conditions(layer: Layer) -> list[str]:
    """What of a layer's content is another feature's by a link, and so a copy of it: conditions on a holding ``h``.

    A place is, of what is drawn by its links, where it has none of its own at the moment of the copy.
    """
    names = [
        name
        for name, one in layer.readable_fields(RELEASE_LEVEL).items()
        if one.sql is not None and LINKS_TABLE in one.sql
    ]
    found = [f"h.content ?| '{{{','.join(names)}}}'"] if names else []
    if layer.geometry_from_links:
        own = f"select from app.{layer.name}_history t where t.id = h.feature_id and t.valid @> h.since"
        found.append(f"h.content ? 'geometry' and not exists ({own} and t.shared_geom is not null)")
    return [f"h.layer = '{layer.name}' and {one}" for one in found]


def _generalized(name: str, sql: str) -> str:
    """The SQL of a field that tells a place, no finer than the decimals allow: five are a metre along the line."""
    step = "power(10, 5 - $3)"
    if name == "chainage_m":
        return f"case when $3 is not null then (round(({sql} / {step})::numeric) * {step}::numeric)::float8 end"
    if name == "accuracy_m":
        return f"case when $3 is not null and {sql} is not null then greatest({sql}, {step}) end"
    if name == "address":  # 147/6 names a marker, 147/6 + 120 m a place to the metre
        return f"case when $3 >= 5 or $3 is not null and {sql} !~ '\\d\\s*k?m\\M' then {sql} end"
    return f"{sql}::text" if name == "level" else sql
