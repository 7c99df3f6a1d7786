"""Composition of SQL from a ``Selection``: conditions, geometry and the GeoJSON text, which PostgreSQL builds.

Values from a request are bound, except codes, which are literals of the declared code list. Names are looked up among
the declared fields, never taken from a request.
"""

from functools import lru_cache

import shapely

from gis.crs.geometry import BBox, bbox_to_geometry
from gis.crs.systems import CRS, WGS84, postgis_srid
from gis.model.field_types import LIST
from gis.model.fields import Field
from gis.model.layer import Layer
from gis.model.links import locating_roles, location_view
from gis.model.query import select_sql
from gis.model.row import Row
from gis.read.cql2 import compiler, parse
from gis.read.selection import Selection
from gis.read.statement import MIN_METRES_PER_DEGREE, StatementBuilder, parse_value
from gis.text.errors import Invalid, Malformed
from gis.text.folding import search_pattern
from gis.text.i18n import Text

BASE_PROPERTIES = ("id", "layer")
"""The first properties of every feature, which are no declared fields."""

CACHED_EXPRESSIONS = 256
"""The expressions of features that are kept: clients may ask for the properties in any order."""


def is_withheld_sql(selection: Selection) -> str:
    """The SQL condition that the position of the row ``t`` is assumed and therefore withheld from this reader."""
    return f"(t.position_source = 'assumed' and {selection_geometry_sql(selection)} is null)"


def selected_fields(selection: Selection) -> list[Field]:
    """The fields of the result, in order. Raises ``Malformed`` for one that this reader may not read."""
    names = selection.layer.readable_fields(selection.clearance) if selection.fields is None else selection.fields
    return [readable_field(selection, name) for name in names if name not in BASE_PROPERTIES]


def selection_geometry_sql(selection: Selection) -> str:
    """The SQL of the geometry of the row ``t`` for the selection's reader."""
    return geometry_sql(selection.row, selection.layer)


def geometry_sql(row: Row, layer: Layer) -> str:
    """The SQL of the geometry of a row of a layer.

    With ``geometry_from_links``, a row without one has the geometries of its links: of their addresses, and of their
    targets if the link's role gives a location.
    """
    if not layer.geometry_from_links:
        return row["geom"]
    links, in_force = row.relation("links", "l")
    of_row = [f"l.feature_id = {row['id']}", *in_force]
    target = select_sql("p.geom", f"{location_view(row.clearance)} p", ["p.id = l.to_id"])
    roles = ", ".join(f"'{role}'" for role in locating_roles())
    sites = f"{select_sql('l.geom', links, of_row)} union all " + select_sql(
        f"({target})", links, [*of_row, f"l.role in ({roles})"]
    )
    return f"coalesce({row['geom']}, ({select_sql('ST_Collect(site.geom)', f'({sites}) site')}))"


def feature_json_sql(selection: Selection) -> str:
    """The SQL expression of the row ``t`` as the text of a GeoJSON Feature. Raises ``Malformed`` for unknown fields."""
    fields = None if selection.fields is None else tuple(selection.fields)
    if fields is not None:
        selected_fields(selection)  # raises for fields that the reader may not read
    return _feature_json_sql(selection.row, selection.layer, fields, selection.crs)


@lru_cache(CACHED_EXPRESSIONS)
def _feature_json_sql(row: Row, layer: Layer, fields: tuple[str, ...] | None, crs: CRS) -> str:
    """``feature_json_sql`` by its hashable arguments, to cache it."""
    readable = layer.readable_fields(row.clearance)
    base = {"id": row["id"], "layer": f"'{layer.name}'"}
    properties = ", ".join(
        f'{base.get(name) or readable[name].expression(row)} as "{name}"'
        for name in ((*BASE_PROPERTIES, *readable) if fields is None else fields)
    )
    shape = geometry_sql(row, layer)
    if crs.epsg != WGS84:
        shape = f"ST_Transform({shape}, {postgis_srid(crs.epsg)})"
    if crs.latitude_first:
        shape = f"ST_FlipCoordinates({shape})"
    # RFC 7946: exterior rings are counter-clockwise, and there is no member crs (option 0).
    geometry = f"ST_AsGeoJSON(ST_ForcePolygonCCW({shape}), {crs.decimals}, 0)"
    return (
        f"""'{{"type":"Feature","id":"' || t.id || '","geometry":' || coalesce({geometry}, 'null')"""
        f""" || ',"properties":' || row_to_json(({select_sql("p", f"(select {properties}) p")})) || '}}'"""
    )


def from_clause(selection: Selection, statement: StatementBuilder) -> str:
    """The FROM clause: the table or its history, as ``t``. Adds the conditions of the selection to the statement."""
    layer = selection.layer
    if layer.has_history:
        table, in_force = selection.row.relation(layer.name, "t")
        statement.conditions += [*in_force, "t.retired_at is null"]
    elif selection.as_of is not None:
        raise Malformed(
            Text(
                "as_of: dữ liệu được chia sẻ chỉ có trạng thái hiện tại",
                "as_of: released data have their present state only",
            )
        )
    else:
        table = f"{layer.schema}.{layer.name} t"
    add_conditions(selection, statement)
    return table


def add_conditions(selection: Selection, statement: StatementBuilder) -> None:
    """Add the selection's conditions on the row ``t``, which may be of the table or of its history."""
    layer, row = selection.layer, selection.row
    if selection.is_single:
        statement.conditions.append(f"t.id = {statement.bind(selection.ids[0])}::uuid")  # type: ignore[index]
    elif selection.ids is not None:
        statement.conditions.append(f"t.id = any({statement.bind(list(selection.ids))}::uuid[])")
    _add_spatial_conditions(selection, statement)
    if selection.time is not None and layer.time is not None:
        _add_time_conditions(selection, statement)
    for name, values in selection.where.items():
        statement.conditions.append(_equality_sql(readable_field(selection, name), row, list(values), statement))
    if selection.filter is not None:
        context = parse.FilterContext(
            layer.readable_fields(row.clearance),
            row,
            selection_geometry_sql(selection),
            statement.bind,
            selection.filter_crs,
            layer.schema,
        )
        statement.conditions.append(compiler.compile_condition(selection.filter, context))
    if selection.q:
        fields = layer.readable_fields(row.clearance).values()
        searched = [_searched_sql(field, row) for field in fields if field.sql is None and field.is_searched]
        texts = " || ' ' || ".join(f"coalesce({sql}, '')" for sql in searched)
        statement.conditions += [f"({texts}) ~ {statement.bind(search_pattern(term))}" for term in selection.q.split()]


def _searched_sql(field: Field, row: Row) -> str:
    """The text of a field that is searched for words: of a list, all its items."""
    expression = field.expression(row)
    return expression if field.type.free_text else f"array_to_string({expression}, ' ')"


def _add_spatial_conditions(selection: Selection, statement: StatementBuilder) -> None:
    """Add the conditions on the geometry.

    The box is compared with ``&&`` beside the exact test: under row-level security only that operator, which is
    leakproof, can use the index.
    """
    geometry = selection_geometry_sql(selection)
    if selection.bbox is not None and (selection.layer.has_geometry or selection.layer.geometry_from_links):
        boxes = _bbox_sql(selection.bbox, selection.bbox_crs, statement)
        overlaps = " or ".join(f"{geometry} && {box}" for box in boxes)
        intersects = " or ".join(f"ST_Intersects({geometry}, {box})" for box in boxes)
        statement.conditions.append(
            f"{overlaps} and {intersects}" if len(boxes) == 1 else f"({overlaps}) and ({intersects})"
        )
    if selection.near is not None:
        near = selection.near
        lon, lat, metres = map(statement.bind, (near.lon, near.lat, near.metres))
        point = f"ST_SetSRID(ST_MakePoint({lon}, {lat}), {WGS84})"
        degrees = statement.bind(near.metres / MIN_METRES_PER_DEGREE)
        statement.conditions.append(
            f"{geometry} && ST_Expand({point}, {degrees}::float8)"
            f" and ST_DWithin({geometry}::geography, {point}::geography, {metres}::float8)"
        )
    if selection.along is not None:
        along, route_field = selection.along, selection.layer.route_field
        readable = selection.layer.readable_fields(selection.clearance)
        if route_field not in readable:
            raise Malformed(Text("Lớp dữ liệu này không gắn với tuyến", "The features of this layer are on no route"))
        chainage = readable["chainage_m"].expression(selection.row)
        start, end = statement.bind(along.start_m), statement.bind(along.end_m)
        statement.conditions.append(
            f"t.{route_field} = {statement.bind(along.route)} and {chainage} between {start} and {end}"
        )


def _bbox_sql(box: BBox, epsg: int, statement: StatementBuilder) -> list[str]:
    """The SQL of a box as polygons in WGS 84: two if it crosses the antimeridian."""
    west, south, east, north = box
    if epsg != WGS84:
        try:
            polygon = shapely.to_wkb(bbox_to_geometry(box, epsg))
        except Invalid as fault:
            raise Malformed(fault.detail, fault.errors) from None
        return [f"ST_GeomFromWKB({statement.bind(polygon)}, {WGS84})"]
    halves = [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    return [f"ST_MakeEnvelope({', '.join(map(statement.bind, half))}, {WGS84})" for half in halves]


def _add_time_conditions(selection: Selection, statement: StatementBuilder) -> None:
    """Add the conditions on the layer's time field; a date is its first moment in Vietnam."""
    start, end = selection.time or (None, None)
    time_field = selection.layer.fields[selection.layer.time or ""]
    expression = time_field.type.instant_sql.format(sql=time_field.expression(selection.row))
    if start is not None:
        statement.conditions.append(f"{expression} >= {statement.bind(start)}")
    if end is not None:
        statement.conditions.append(f"{expression} <= {statement.bind(end)}")


def readable_field(selection: Selection, name: str, *, sortable: bool = False) -> Field:
    """A field by name. Raises the same ``Malformed`` for an unknown field and one that this reader may not read.

    With ``sortable`` also for one by which features cannot be sorted.
    """
    readable = selection.layer.readable_fields(selection.clearance)
    if name not in readable or (sortable and not readable[name].type.sortable):
        names = ", ".join(field.name for field in readable.values() if field.type.sortable or not sortable)
        raise Malformed(
            Text(
                f"Không có thuộc tính '{name[:60]}'. Được phép: {names}", f"No property '{name[:60]}'. Allowed: {names}"
            )
        )
    return readable[name]


def _equality_sql(field: Field, row: Row, accepted: list[str], statement: StatementBuilder) -> str:
    """The SQL condition that a property has one of the ``accepted`` values; the empty text stands for null."""
    expression = field.expression(row)
    if not field.type.filterable:
        raise Malformed(Text(f"Không lọc được theo '{field.name}'", f"Cannot filter by '{field.name}'"))
    values = [parse_value(field, value) for value in accepted if value != ""]
    cast = "::text" if field.name == "level" else ""
    tests = []
    if values and field.type is LIST:
        tests.append(f"{expression} && {statement.bind(values)}::{LIST.sql_type}")
    elif values and field.codes:
        codes = ", ".join(f"'{code}'" for code in dict.fromkeys(values))  # literals of the declared code list
        tests.append(f"{expression}{cast} in ({codes})")
    elif values:
        tests.append(f"{expression}{cast} = any({statement.bind(values)}::{field.type.sql_type}[])")
    if len(values) < len(accepted):
        tests.append(f"{expression} is null")
    return f"({' or '.join(tests)})"
