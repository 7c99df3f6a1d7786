"""The one reading path.

A ``Selection`` says what is wanted, ``gis.query`` composes the SQL, PostgreSQL builds the GeoJSON text under the
reader's own rights, and Python passes bytes on.

Values are always bound; names are always looked up on the card, never taken from a request.
"""

from collections.abc import Sequence
from functools import cache

import shapely

from gis.crs.geometry import BBox, bbox_to_geometry
from gis.crs.systems import CRS, WGS84, postgis_srid
from gis.model.fields import Clearance, Field
from gis.model.layer import Layer
from gis.model.links import location_view
from gis.read.cql2 import compiler, parse
from gis.read.selection import Selection
from gis.read.statement import MIN_METRES_PER_DEGREE, SQL_CASTS, StatementBuilder, parse_value
from gis.text.dates import TIME_ZONE
from gis.text.errors import Invalid, Malformed
from gis.text.folding import search_pattern
from gis.text.i18n import Text

LINKS_OF_ROW = "l.feature_id = t.id"
"""How SQL written over a row ``t`` says that a link is that row's."""


BASE_PROPERTIES = ("id", "layer")
"""What a feature's properties begin with: no fields of the card."""


def is_withheld_sql(selection: Selection) -> str:
    """The SQL that says of a row ``t`` whether its position is only assumed and kept from this reader."""
    return f"(t.position_source = 'assumed' and {selection_geometry_sql(selection)} is null)"


def selected_fields(selection: Selection) -> list[Field]:
    """The fields that the selection gives out, in their order."""
    names = selection.layer.readable_fields(selection.clearance) if selection.fields is None else selection.fields
    return [readable_field(selection, name) for name in names if name not in BASE_PROPERTIES]


def selection_geometry_sql(selection: Selection) -> str:
    """The SQL of a feature's place for the selection's reader."""
    return geometry_sql(selection.layer, selection.clearance)


def geometry_sql(layer: Layer, clearance: Clearance) -> str:
    """The SQL of a feature's place for this reader; of a layer drawn by its links, the place of what it links to."""
    own = "t.geom" if clearance.sees_assumed_positions else "t.shared_geom"
    if not layer.geometry_from_links:
        return own
    return (
        f"coalesce({own}, (select ST_Collect(site.geom) from (select l.geom from app.links l"
        f" where {LINKS_OF_ROW} union all select (select p.geom from {location_view(clearance)} p where p.id = l.to_id)"
        f" from app.links l where {LINKS_OF_ROW} and l.role in ('subject', 'site', 'gate')) site))"
    )


def feature_json_sql(selection: Selection) -> str:
    """The SQL expression that gives a row as the text of a GeoJSON Feature."""
    fields = None if selection.fields is None else tuple(selection.fields)
    if fields is not None:
        selected_fields(selection)  # refuses what is none of the reader's
    return _feature_json_sql(selection.layer, selection.clearance, fields, selection.crs)


@cache
def _feature_json_sql(layer: Layer, clearance: Clearance, fields: tuple[str, ...] | None, crs: CRS) -> str:
    known = layer.readable_fields(clearance)
    own = {"id": "t.id", "layer": f"'{layer.name}'"}
    shown = ", ".join(
        f'{own.get(name) or known[name].expression(clearance)} as "{name}"'
        for name in ((*BASE_PROPERTIES, *known) if fields is None else fields)
    )
    place = geometry_sql(layer, clearance)
    if crs.epsg != WGS84:
        place = f"ST_Transform({place}, {postgis_srid(crs.epsg)})"
    if crs.latitude_first:
        place = f"ST_FlipCoordinates({place})"
    # Rings go counter-clockwise; the option 0 keeps PostGIS from naming a CRS, which RFC 7946 does not know.
    geometry = f"ST_AsGeoJSON(ST_ForcePolygonCCW({place}), {crs.decimals}, 0)"
    return (
        f"""'{{"type":"Feature","id":"' || t.id || '","geometry":' || coalesce({geometry}, 'null')"""
        f""" || ',"properties":' || row_to_json((select p from (select {shown}) p)) || '}}'"""
    )


def as_of_sql(selection: Selection, sql: str, statement: StatementBuilder) -> str:
    """What the cards derive from this moment, such as what is overdue, is derived in the past from that one.

    So is where something stands by its links.
    """
    if selection.as_of is None:
        return sql
    then_ = f"{statement.bind(selection.as_of)}::timestamptz"
    sql = sql.replace("clock_timestamp()", then_).replace("now()", then_)
    return sql.replace("app.links l", "app.links_history l").replace(
        LINKS_OF_ROW, f"{LINKS_OF_ROW} and l.valid @> {then_}"
    )


def where_clause(statement: StatementBuilder) -> str:
    return f" where {' and '.join(statement.conditions)}" if statement.conditions else ""


def from_clause(selection: Selection, statement: StatementBuilder) -> str:
    """The table to read, now or as it stood, with the conditions of the selection."""
    layer = selection.layer
    table = f"{layer.schema}.{layer.name} t"
    if selection.as_of is not None:
        if not layer.has_history:
            raise Malformed(
                Text(
                    "as_of: dữ liệu được chia sẻ chỉ có trạng thái hiện tại",
                    "as_of: shared data has its present state only",
                )
            )
        table = f"{layer.schema}.{layer.name}_history t"
        statement.conditions.append(f"t.valid @> {statement.bind(selection.as_of)}::timestamptz")
    if layer.has_history:
        statement.conditions.append("t.retired_at is null")
    add_conditions(selection, statement)
    return table


def add_conditions(selection: Selection, statement: StatementBuilder) -> None:
    """The conditions of the selection on a row ``t``, be it the present or a state of the past."""
    layer, reader = selection.layer, selection.clearance
    if selection.is_single:
        statement.conditions.append(f"t.id = {statement.bind(selection.ids[0])}::uuid")  # type: ignore[index]
    elif selection.ids is not None:
        statement.conditions.append(f"t.id = any({statement.bind(list(selection.ids))}::uuid[])")
    _add_spatial_conditions(selection, statement)
    if selection.time is not None and layer.time is not None:
        _add_time_conditions(selection, statement)
    for name, wanted in selection.where.items():
        statement.conditions.append(_equality_sql(readable_field(selection, name), reader, list(wanted), statement))
    if selection.filter is not None:
        scope = parse.FilterContext(
            layer.readable_fields(reader),
            reader,
            selection_geometry_sql(selection),
            statement.bind,
            selection.filter_crs,
            layer.schema,
        )
        statement.conditions.append(compiler.compile_condition(selection.filter, scope))
    if selection.q:
        searched = [one for one in layer.readable_fields(reader).values() if one.type == "text" and one.sql is None]
        words = " || ' ' || ".join(f"coalesce({one.expression(reader)}, '')" for one in searched)
        statement.conditions += [f"({words}) ~ {statement.bind(search_pattern(word))}" for word in selection.q.split()]


def _add_spatial_conditions(selection: Selection, statement: StatementBuilder) -> None:
    """The conditions on the place. A box is compared first and by itself: only that reaches the index under RLS."""
    place = selection_geometry_sql(selection)
    if selection.bbox is not None and (selection.layer.has_geometry or selection.layer.geometry_from_links):
        boxes = _bbox_sql(selection.bbox, selection.bbox_crs, statement)
        reached = " or ".join(f"{place} && {box}" for box in boxes)
        met = " or ".join(f"ST_Intersects({place}, {box})" for box in boxes)
        statement.conditions.append(f"{reached} and {met}" if len(boxes) == 1 else f"({reached}) and ({met})")
    if selection.near is not None:
        near = selection.near
        lon, lat, metres = map(statement.bind, (near.lon, near.lat, near.metres))
        point = f"ST_SetSRID(ST_MakePoint({lon}, {lat}), {WGS84})"
        reach = statement.bind(near.metres / MIN_METRES_PER_DEGREE)
        statement.conditions.append(
            f"{place} && ST_Expand({point}, {reach}::float8)"
            f" and ST_DWithin({place}::geography, {point}::geography, {metres}::float8)"
        )
    if selection.along is not None:
        along, known = selection.along, selection.layer.readable_fields(selection.clearance)
        if "border" not in known:
            raise Malformed(Text("Lớp dữ liệu này không gắn với tuyến biên giới", "This layer is not tied to a border"))
        chainage = known["chainage_m"].expression(selection.clearance)
        start, end = statement.bind(along.start_m), statement.bind(along.end_m)
        statement.conditions.append(
            f"t.border = {statement.bind(along.route)} and {chainage} between {start} and {end}"
        )


def _bbox_sql(box: BBox, epsg: int, statement: StatementBuilder) -> list[str]:
    """The SQL of a box, or of the two of one that reaches over the antimeridian."""
    west, south, east, north = box
    if epsg != WGS84:
        try:
            shape = shapely.to_wkb(bbox_to_geometry(box, epsg))
        except Invalid as fault:
            raise Malformed(fault.detail, fault.errors) from None
        return [f"ST_GeomFromWKB({statement.bind(shape)}, {WGS84})"]
    halves = [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    return [f"ST_MakeEnvelope({', '.join(map(statement.bind, half))}, {WGS84})" for half in halves]


def _add_time_conditions(selection: Selection, statement: StatementBuilder) -> None:
    start, end = selection.time or (None, None)
    moment = selection.layer.fields[selection.layer.time or ""]
    expression = moment.expression(selection.clearance)
    if moment.type == "date":
        expression = f"({expression}::timestamp at time zone '{TIME_ZONE}')"
    if start is not None:
        statement.conditions.append(f"{expression} >= {statement.bind(start)}")
    if end is not None:
        statement.conditions.append(f"{expression} <= {statement.bind(end)}")


def readable_field(selection: Selection, name: str, *, excluded_types: Sequence[str] = ()) -> Field:
    """The field of that name that this reader may know of; a hidden one and none at all are refused alike."""
    known = selection.layer.readable_fields(selection.clearance)
    if name not in known or known[name].type in excluded_types:
        words = ", ".join(one.name for one in known.values() if one.type not in excluded_types)
        raise Malformed(
            Text(f"Không có thuộc tính '{name[:60]}'. Có: {words}", f"No property '{name[:60]}'. There are: {words}")
        )
    return known[name]


def _equality_sql(field: Field, clearance: Clearance, accepted: list[str], statement: StatementBuilder) -> str:
    expression = field.expression(clearance)
    if field.type == "json":
        raise Malformed(Text(f"Không lọc được theo '{field.name}'", f"'{field.name}' cannot be filtered"))
    given = [parse_value(field, value) for value in accepted if value != ""]
    cast = "::text" if field.name == "level" else ""
    tests = []
    if given and field.type == "list":
        tests.append(f"{expression} && {statement.bind(given)}::text[]")
    elif given and field.codes:
        words = ", ".join(f"'{word}'" for word in dict.fromkeys(given))  # the card's own, looked up there
        tests.append(f"{expression}{cast} in ({words})")
    elif given:
        tests.append(f"{expression}{cast} = any({statement.bind(given)}::{SQL_CASTS[field.type]}[])")
    if len(given) < len(accepted):
        tests.append(f"{expression} is null")
    return f"({' or '.join(tests)})"
