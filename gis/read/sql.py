"""The one reading path.

A ``Selection`` says what is wanted, ``gis.query`` composes the SQL, PostgreSQL builds the GeoJSON text under the
reader's own rights, and Python passes bytes on.

Values are always bound; names are always looked up on the card, never taken from a request.
"""

import base64
import binascii
import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field as attribute, fields as dataclass_fields, replace
from functools import cache
from typing import Any

import psycopg
import shapely
from sqlalchemy.orm import Session

from gis.crs.geometry import BBox, bbox_to_geometry
from gis.crs.systems import CRS, CRS84, WGS84, postgis_srid
from gis.db.pool import BoundQuery, BytesLoader, QueryGenerator, T
from gis.db.session import AccessLogEntry, AccessRecorder
from gis.model.fields import Clearance, Field, Level, rank_sql
from gis.model.layer import Layer
from gis.model.links import location_view
from gis.read.cql2 import compile as filters
from gis.read.grid_counts import total_sql
from gis.text.dates import TIME_ZONE, parse_date, parse_datetime
from gis.text.errors import FEATURE_NOT_FOUND, Invalid, Malformed, Missing
from gis.text.folding import search_pattern
from gis.text.i18n import Text

MIN_METRES_PER_DEGREE = 100_000
"""A degree is never shorter than this at our latitudes along a meridian; parallels are stretched by the cosine."""

LINKS_OF_ROW = "l.feature_id = t.id"
"""How SQL written over a row ``t`` says that a link is that row's."""


@dataclass(frozen=True)
class Near:
    """Within so many geodesic metres of a point in WGS 84."""

    lon: float
    lat: float
    metres: float


@dataclass(frozen=True)
class Along:
    """Between two chainages of a route, in metres."""

    route: str
    start_m: float
    end_m: float


BASE_PROPERTIES = ("id", "layer")
"""What a feature's properties begin with: no fields of the card."""

UNLOGGED_ATTRIBUTES = {"layer", "clearance", "limit", "after", "ranked", "filter_crs", "bbox_crs", "crs"}
"""What of a selection does not say which rows are meant."""

MAX_LOGGED_IDS = 200
"""So many restricted records given at once are named in the journal one by one; of more, their number."""


@dataclass(frozen=True)
class Selection:
    """What is wanted of a layer, the same for a page, an export, a map and a count.

    ``where`` filters by property: several values mean any of them, the empty string means "has none". ``bbox`` is
    west, south, east, north; a layer that stands nowhere lies in every box (Part 1, ``/req/core/fc-bbox-response``).
    ``as_of`` reads the layer as it stood. ``after`` is the key of the last row of the page before. ``q`` searches the
    words of a feature without regard to diacritics. ``filter`` is a CQL2 tree (``gis.filters``), ``near`` a point and
    metres around it, ``along`` a route and the chainages between which a feature lies. ``fields`` names the properties
    wanted, ``crs`` the EPSG code of the geometry given out; both
    ``bbox`` and the filter's shapes may come in a CRS of their own.
    """

    layer: Layer
    clearance: Clearance
    ids: Sequence[uuid.UUID] | None = None
    bbox: BBox | None = None
    time: tuple[dt.datetime | None, dt.datetime | None] | None = None
    where: Mapping[str, Sequence[str]] = attribute(default_factory=dict)
    q: str | None = None
    as_of: dt.datetime | None = None
    sort: Sequence[str] | None = None
    ranked: bool = False
    after: str | None = None
    limit: int | None = None
    filter: filters.FilterTree | None = None
    filter_crs: CRS = CRS84
    bbox_crs: int = WGS84
    near: Near | None = None
    along: Along | None = None
    fields: Sequence[str] | None = None
    crs: CRS = CRS84

    def unpaged(self) -> "Selection":
        """The same selection without paging."""
        return replace(self, limit=None, after=None)

    @property
    def is_single(self) -> bool:
        """Whether it names one feature: then nothing is put in order."""
        return self.ids is not None and len(self.ids) == 1

    @property
    def is_whole_layer(self) -> bool:
        """Whether nothing narrows the layer."""
        return not self.criteria().keys() - {"sort", "fields"}

    @property
    def is_preparable(self) -> bool:
        """Whether it takes the layer as it comes, by identity or by words of its card: then one plan serves for ever.

        A word stands in the SQL itself, so that its plan knows how many bear it.
        """
        narrowed = self.bbox, self.time, self.q, self.as_of, self.filter, self.near, self.along
        return all(one is None for one in narrowed) and all(self.layer.fields[name].codes for name in self.where)

    def criteria(self) -> dict[str, Any]:
        """What is wanted as plain data, as far as it narrows the layer: for the journal."""
        narrowed = {
            one.name: getattr(self, one.name) for one in dataclass_fields(self) if one.name not in UNLOGGED_ATTRIBUTES
        }
        told = {name: value for name, value in narrowed.items() if value not in (None, {}, [])}
        if self.as_of is not None:
            told["as_of"] = self.as_of.isoformat()
        if self.time is not None:
            told["time"] = [one and one.isoformat() for one in self.time]
        return told | {name: vars(told[name]) for name in ("near", "along") if name in told}


@dataclass
class StatementBuilder:
    """SQL in the making: its parts, and the values bound to it."""

    conditions: list[str] = attribute(default_factory=list)
    values: dict[str, Any] = attribute(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Bind a value and give its place in the SQL."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


def validate_selection(selection: Selection) -> None:
    """Compose the SQL and throw it away: raises what the selection would, before an answer has begun."""
    _page_sql(selection, feature_json_sql(selection))


def read_features(session: Session, selection: Selection) -> list[bytes]:
    """The selected features, each as the text of one GeoJSON Feature."""
    rows = run_queries(session, _rows_with_restricted_ids(selection, feature_json_sql(selection)))
    record_access(session, selection, rows)
    return [row[0] for row in rows]


Page = tuple[list[bytes], str | None]


def read_page(session: Session, selection: Selection) -> Page:
    """One page of features, and the key from which the next one goes on, or None at the end."""
    return run_queries(session, page_queries(selection, session))


def page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[Page]:
    """The question of ``page``."""
    limit = selection.limit or 0
    longer = replace(selection, limit=limit + 1)
    rows = yield from _rows_with_restricted_ids(longer, f"{feature_json_sql(selection)}, {_sort_key_sql(selection)}")
    record_access(recorder, selection, rows[:limit])
    following = encode_cursor(json.loads(rows[limit - 1][1])) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], following


def counted_page_queries(selection: Selection, recorder: AccessRecorder) -> QueryGenerator[tuple[Page, int]]:
    """The questions of ``page`` and ``count``."""
    found = yield from page_queries(selection, recorder)
    return found, (yield from count_queries(selection))


def unpaged_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    """The SQL that gives ``shown``, written over the row ``t``, of every selected feature, with its values."""
    return _page_sql(selection.unpaged(), columns_sql)


def withheld_count_sql(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The SQL that counts the selected features whose position is only assumed and kept from this reader."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    statement.conditions.append(is_withheld_sql(selection))
    return as_of_sql(selection, f"select count(*) from {source}{where_clause(statement)}", statement), statement.values


def is_withheld_sql(selection: Selection) -> str:
    """The SQL that says of a row ``t`` whether its position is only assumed and kept from this reader."""
    return f"(t.position_source = 'assumed' and {selection_geometry_sql(selection)} is null)"


def selected_fields(selection: Selection) -> list[Field]:
    """The fields that the selection gives out, in their order."""
    names = selection.layer.readable_fields(selection.clearance) if selection.fields is None else selection.fields
    return [_readable_field(selection, name) for name in names if name not in BASE_PROPERTIES]


def read_feature(session: Session, selection: Selection, feature_id: uuid.UUID) -> bytes:
    """One feature as GeoJSON text; ``Missing`` when there is none or it is hidden."""
    return read_feature_with_version(session, selection, feature_id)[0]


def read_feature_with_version(session: Session, selection: Selection, feature_id: uuid.UUID) -> tuple[bytes, int]:
    """One feature as GeoJSON text with its version; ``Missing`` when there is none or it is hidden."""
    return run_queries(session, feature_queries(selection, feature_id, session))


def feature_queries(
    selection: Selection, feature_id: uuid.UUID, recorder: AccessRecorder
) -> QueryGenerator[tuple[bytes, int]]:
    """The question of ``versioned``."""
    wanted = replace(selection, ids=[feature_id], limit=None)
    rows = yield from _rows_with_restricted_ids(wanted, f"{feature_json_sql(wanted)}, t.version")
    if not rows:
        raise Missing(FEATURE_NOT_FOUND)
    record_access(recorder, wanted, rows)
    return rows[0][0], rows[0][1]


def condition_queries(layer: Layer, condition: str, feature_id: uuid.UUID) -> QueryGenerator[bool]:
    """The question whether a row that the reader sees meets a condition of the policy page."""
    sql = f"select coalesce((select {condition} from app.{layer.name} where id = %(id)s), false)"
    rows = yield BoundQuery(sql, {"id": feature_id})
    return bool(rows[0][0])


def _rows_with_restricted_ids(selection: Selection, columns_sql: str) -> QueryGenerator[list[Any]]:
    """The rows of a page, for a reader of the restricted with the id of each that is restricted as last value."""
    if selection.clearance is Level.RESTRICTED:
        columns_sql = f"{columns_sql}, case when {is_restricted_sql(selection)} then t.id end"
    sql, values = _page_sql(selection, columns_sql)
    return (yield BoundQuery(sql, values, prepared=selection.is_preparable))


def is_restricted_sql(selection: Selection) -> str:
    """The SQL that says of a row ``t``, also of one as it was, whether it is restricted today."""
    if selection.as_of is None:
        return "t.level = 'restricted'"
    return f"(select now.level from app.{selection.layer.name} now where now.id = t.id) = 'restricted'"


def record_access(recorder: AccessRecorder, selection: Selection, rows: Sequence[Any], **extra: Any) -> None:
    """Note which restricted records are given, their ids last in each row: the journal has it before they leave."""
    found = [row[-1] for row in rows if row[-1] is not None] if selection.clearance is Level.RESTRICTED else []
    if not found:
        return
    told = {**selection.criteria(), **extra}
    single = found[0] if selection.ids is not None and len(selection.ids) == 1 else None
    if single is None:
        told["restricted"] = len(found)
        told |= {"records": found} if len(found) <= MAX_LOGGED_IDS else {}
    else:
        del told["ids"]
    recorder.info.setdefault("readings", []).append(AccessLogEntry(selection.layer.name, told, single))


def count_features(session: Session, selection: Selection) -> int:
    """How many features the selection holds, under the reader's own rights."""
    return run_queries(session, count_queries(selection))


def count_queries(selection: Selection) -> QueryGenerator[int]:
    """The question of ``count``. A whole layer is added up from its cells, where these know all the reader sees."""
    if (
        selection.is_whole_layer
        and selection.layer.has_grid_counts
        and selection.clearance in (Level.INTERNAL, Level.RESTRICTED)
    ):
        rows = yield BoundQuery(f"select {total_sql(selection.layer)}", {}, prepared=True)
        return int(rows[0][0])
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = as_of_sql(selection, f"select count(*) from {source}{where_clause(statement)}", statement)
    rows = yield BoundQuery(sql, statement.values)
    return int(rows[0][0])


def count_by_value(session: Session, selection: Selection, name: str) -> dict[str, int]:
    """How many features there are of each value of one property."""
    expression = _readable_field(selection, name).expression(selection.clearance)
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    sql = f"select coalesce({expression}::text, ''), count(*) from {source}{where_clause(statement)} group by 1"
    sql = as_of_sql(selection, sql, statement)
    return {row[0].decode(): row[1] for row in _fetch_rows(session, sql, statement.values)}


def extent(session: Session, selection: Selection) -> tuple[float, float, float, float] | None:
    """The box around the selected features that the reader may see, or None when none has a place."""
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    place = selection_geometry_sql(selection)
    sql = (
        "select ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box) from"
        f" (select ST_Extent({place}) as box from {source}{where_clause(statement)}) extent"
    )
    row = _fetch_rows(session, sql, statement.values)[0]
    return None if row[0] is None else tuple(row)


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The driver's own connection of this transaction: rows go from it to the answer without passing the ORM."""
    return session.connection().connection.driver_connection  # type: ignore[return-value]


def _fetch_rows(session: Session, sql: str, values: Mapping[str, Any], *, prepare: bool | None = None) -> list[Any]:
    with driver_connection(session).cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", BytesLoader)
        cursor.execute(sql, values, prepare=prepare)
        return list(cursor.fetchall())


def run_queries(session: Session, queries: QueryGenerator[T]) -> T:
    """What comes of asking within a transaction that is under way (``Database.answered`` asks without one)."""
    try:
        question = next(queries)
        while True:
            prepare = None if question.prepared else False
            question = queries.send(_fetch_rows(session, question.sql, question.values, prepare=prepare))
    except StopIteration as end:
        found: T = end.value
        return found


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


def _page_sql(selection: Selection, columns_sql: str) -> tuple[str, dict[str, Any]]:
    statement = StatementBuilder()
    source = from_clause(selection, statement)
    ordered = "" if selection.is_single else f" order by {_order_by_sql(selection, statement)}"
    limit = f" limit {int(selection.limit)}" if selection.limit is not None else ""
    sql = f"select {columns_sql} from {source}{where_clause(statement)}{ordered}{limit}"
    return as_of_sql(selection, sql, statement), statement.values


def _order_by_sql(selection: Selection, statement: StatementBuilder) -> str:
    """The sort keys in SQL; the conditions to go on behind the page before, where there was one."""
    order = _sort_keys(selection)
    if selection.after is not None:
        _add_cursor_condition(selection, order, statement)
    return ", ".join(f"{expression} {'desc' if down else 'asc'}" for _, expression, down in order)


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
        statement.conditions.append(_equality_sql(_readable_field(selection, name), reader, list(wanted), statement))
    if selection.filter is not None:
        scope = filters.FilterContext(
            layer.readable_fields(reader),
            reader,
            selection_geometry_sql(selection),
            statement.bind,
            selection.filter_crs,
            layer.schema,
        )
        statement.conditions.append(filters.compile_condition(selection.filter, scope))
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


UNSORTABLE_TYPES = ("json", "list")
"""Types that have no order."""


def _readable_field(selection: Selection, name: str, *, excluded_types: Sequence[str] = ()) -> Field:
    """The field of that name that this reader may know of; a hidden one and none at all are refused alike."""
    known = selection.layer.readable_fields(selection.clearance)
    if name not in known or known[name].type in excluded_types:
        words = ", ".join(one.name for one in known.values() if one.type not in excluded_types)
        raise Malformed(
            Text(f"Không có thuộc tính '{name[:60]}'. Có: {words}", f"No property '{name[:60]}'. There are: {words}")
        )
    return known[name]


SQL_CASTS = {
    "text": "text", "code": "text", "integer": "bigint", "number": "float8", "date": "date",
    "datetime": "timestamptz", "boolean": "boolean", "uuid": "uuid", "list": "text",
}  # fmt: skip


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


VALUE_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": lambda value: _checked_bigint(int(value)),
    "number": float,
    "date": parse_date,
    "datetime": parse_datetime,
    "boolean": lambda value: {"true": True, "false": False}[value.lower()],
    "uuid": uuid.UUID,
}


def _checked_bigint(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError
    return number


def parse_value(field: Field, value: str) -> Any:
    """A filter's value as the field's type. Raises ``Malformed`` naming the field when it is none."""
    try:
        if "\x00" in value:
            raise ValueError
        return field.codes(value).value if field.codes else VALUE_PARSERS.get(field.type, str)(value)
    except (ValueError, KeyError):
        words = f": {', '.join(word.value for word in field.codes)}" if field.codes else f" ({field.type})"
        raise Malformed(
            Text(f"Giá trị của '{field.name}' không hợp lệ{words}", f"The value of '{field.name}' is not valid{words}")
        ) from None


def _sort_keys(selection: Selection) -> list[tuple[Field | None, str, bool]]:
    """The sort keys: the selection's or the card's, made total by the id. An empty value sorts as the greatest.

    Words of a scale sort by their rank in it; so do all coded words in a selection that is ``ranked``, as people read
    a list.
    """
    keys: list[tuple[Field | None, str, bool]] = []
    for name in selection.sort or selection.layer.order:
        one = _readable_field(selection, name.removeprefix("-"), excluded_types=UNSORTABLE_TYPES)
        key = one.expression(selection.clearance)
        if (
            words := one.codes if selection.ranked and selection.sort and one.type == "code" else one.ordered_codes
        ) is not None:
            one, key = replace(one, type="integer", codes=None), rank_sql(words, key)
        keys.append((one, key, name.startswith("-")))
    return [*keys, (None, "t.id", False)]


def _sort_key_sql(selection: Selection) -> str:
    parts = ", ".join(expression for _, expression, _ in _sort_keys(selection))
    return f"json_build_array({parts})::text"


def encode_cursor(key: list[Any]) -> str:
    """The sort key of a row as a short opaque text."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort key that ``encode_key`` wrote; ``Malformed`` when it is not one of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list) or len(key) != length or any(isinstance(one, list | dict) for one in key):
            raise ValueError
        uuid.UUID(key[-1])
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
    return key


def _add_cursor_condition(
    selection: Selection, order: list[tuple[Field | None, str, bool]], statement: StatementBuilder
) -> None:
    """Go on behind the last row: a comparison of keys, correct while rows come and go. NULL sorts as the greatest."""
    key = decode_cursor(selection.after or "", len(order))
    tests: list[str] = []
    equal: list[str] = []
    first: str | None = None
    for (one, expression, down), value in zip(order, key, strict=True):
        cast = "uuid" if one is None else SQL_CASTS[one.type]
        if value is None:
            if down:
                tests.append(" and ".join([*equal, f"{expression} is not null"]))
            equal.append(f"{expression} is null")
            continue
        if one is not None:
            value = parse_value(one, str(value))  # noqa: PLW2901 - the text as the key's type
        place = f"{statement.bind(value)}::{cast}"
        ends_with_none = one is not None and one.nullable and not down
        beyond = f"{expression} {'<' if down else '>'} {place}"
        beyond = f"({beyond} or {expression} is null)" if ends_with_none else beyond
        if not equal and not ends_with_none:
            first = f"{expression} {'<=' if down else '>='} {place}"
        tests.append(" and ".join([*equal, beyond]))
        equal.append(f"{expression} = {place}")
    # Everything that follows lies at or behind the first key; said by itself, that reaches the index of the order.
    statement.conditions += [first] if first else []
    statement.conditions.append("(" + " or ".join(f"({test})" for test in tests) + ")")
