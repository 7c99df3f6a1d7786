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

from gis.crs.geometry import Box, shape_of_box
from gis.crs.systems import CRS, CRS84, WGS84, srid_for
from gis.db.pool import Asking, Bytes, Question, T
from gis.db.session import Notebook, Reading
from gis.model.fields import Field, Level, Reader, rank_among
from gis.model.layer import Layer
from gis.model.links import places
from gis.read.cql2 import compile as filters
from gis.read.grid_counts import total
from gis.text.dates import ZONE, read_day, read_moment
from gis.text.errors import NO_FEATURE, Invalid, Malformed, Missing
from gis.text.folding import sought
from gis.text.i18n import Text

METRES_IN_DEGREE = 100_000
"""A degree is never shorter than this at our latitudes along a meridian; parallels are stretched by the cosine."""

OWN_LINKS = "l.feature_id = t.id"
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


OWN = ("id", "layer")
"""What a feature's properties begin with: no fields of the card."""

UNTOLD = {"layer", "reader", "limit", "after", "ranked", "filter_crs", "bbox_crs", "crs"}
"""What of a selection does not say which rows are meant."""

MOST_TOLD = 200
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
    reader: Reader
    ids: Sequence[uuid.UUID] | None = None
    bbox: Box | None = None
    time: tuple[dt.datetime | None, dt.datetime | None] | None = None
    where: Mapping[str, Sequence[str]] = attribute(default_factory=dict)
    q: str | None = None
    as_of: dt.datetime | None = None
    sort: Sequence[str] | None = None
    ranked: bool = False
    after: str | None = None
    limit: int | None = None
    filter: filters.Tree | None = None
    filter_crs: CRS = CRS84
    bbox_crs: int = WGS84
    near: Near | None = None
    along: Along | None = None
    fields: Sequence[str] | None = None
    crs: CRS = CRS84

    def everything(self) -> "Selection":
        """The same selection without paging."""
        return replace(self, limit=None, after=None)

    @property
    def is_single(self) -> bool:
        """Whether it names one feature: then nothing is put in order."""
        return self.ids is not None and len(self.ids) == 1

    @property
    def is_whole(self) -> bool:
        """Whether nothing narrows the layer."""
        return not self.told().keys() - {"sort", "fields"}

    @property
    def is_plain(self) -> bool:
        """Whether it takes the layer as it comes, by identity or by words of its card: then one plan serves for ever.

        A word stands in the SQL itself, so that its plan knows how many bear it.
        """
        narrowed = self.bbox, self.time, self.q, self.as_of, self.filter, self.near, self.along
        return all(one is None for one in narrowed) and all(self.layer.fields[name].codes for name in self.where)

    def told(self) -> dict[str, Any]:
        """What is wanted as plain data, as far as it narrows the layer: for the journal."""
        narrowed = {one.name: getattr(self, one.name) for one in dataclass_fields(self) if one.name not in UNTOLD}
        told = {name: value for name, value in narrowed.items() if value not in (None, {}, [])}
        if self.as_of is not None:
            told["as_of"] = self.as_of.isoformat()
        if self.time is not None:
            told["time"] = [one and one.isoformat() for one in self.time]
        return told | {name: vars(told[name]) for name in ("near", "along") if name in told}


@dataclass
class Statement:
    """SQL in the making: its parts, and the values bound to it."""

    conditions: list[str] = attribute(default_factory=list)
    values: dict[str, Any] = attribute(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Bind a value and give its place in the SQL."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


def check(selection: Selection) -> None:
    """Compose the SQL and throw it away: raises what the selection would, before an answer has begun."""
    _page_sql(selection, feature_text(selection))


def features(session: Session, selection: Selection) -> list[bytes]:
    """The selected features, each as the text of one GeoJSON Feature."""
    rows = answered(session, _marked(selection, feature_text(selection)))
    note(session, selection, rows)
    return [row[0] for row in rows]


Page = tuple[list[bytes], str | None]


def page(session: Session, selection: Selection) -> Page:
    """One page of features, and the key from which the next one goes on, or None at the end."""
    return answered(session, asking_page(selection, session))


def asking_page(selection: Selection, notebook: Notebook) -> Asking[Page]:
    """The question of ``page``."""
    limit = selection.limit or 0
    longer = replace(selection, limit=limit + 1)
    rows = yield from _marked(longer, f"{feature_text(selection)}, {_key_text(selection)}")
    note(notebook, selection, rows[:limit])
    following = encode_key(json.loads(rows[limit - 1][1])) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], following


def asking_counted_page(selection: Selection, notebook: Notebook) -> Asking[tuple[Page, int]]:
    """The questions of ``page`` and ``count``."""
    found = yield from asking_page(selection, notebook)
    return found, (yield from asking_count(selection))


def everything(selection: Selection, shown: str) -> tuple[str, dict[str, Any]]:
    """The SQL that gives ``shown``, written over the row ``t``, of every selected feature, with its values."""
    return _page_sql(selection.everything(), shown)


def withheld(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The SQL that counts the selected features whose position is only assumed and kept from this reader."""
    statement = Statement()
    source = source_of(selection, statement)
    statement.conditions.append(is_withheld(selection))
    return then(selection, f"select count(*) from {source}{where_of(statement)}", statement), statement.values


def is_withheld(selection: Selection) -> str:
    """The SQL that says of a row ``t`` whether its position is only assumed and kept from this reader."""
    return f"(t.position_source = 'assumed' and {geometry_of(selection)} is null)"


def wanted(selection: Selection) -> list[Field]:
    """The fields that the selection gives out, in their order."""
    names = selection.layer.readable(selection.reader) if selection.fields is None else selection.fields
    return [_field(selection, name) for name in names if name not in OWN]


def one(session: Session, selection: Selection, feature_id: uuid.UUID) -> bytes:
    """One feature as GeoJSON text; ``Missing`` when there is none or it is hidden."""
    return versioned(session, selection, feature_id)[0]


def versioned(session: Session, selection: Selection, feature_id: uuid.UUID) -> tuple[bytes, int]:
    """One feature as GeoJSON text with its version; ``Missing`` when there is none or it is hidden."""
    return answered(session, asking_versioned(selection, feature_id, session))


def asking_versioned(selection: Selection, feature_id: uuid.UUID, notebook: Notebook) -> Asking[tuple[bytes, int]]:
    """The question of ``versioned``."""
    wanted = replace(selection, ids=[feature_id], limit=None)
    rows = yield from _marked(wanted, f"{feature_text(wanted)}, t.version")
    if not rows:
        raise Missing(NO_FEATURE)
    note(notebook, wanted, rows)
    return rows[0][0], rows[0][1]


def asking_whether(layer: Layer, condition: str, feature_id: uuid.UUID) -> Asking[bool]:
    """The question whether a row that the reader sees meets a condition of the policy page."""
    sql = f"select coalesce((select {condition} from app.{layer.name} where id = %(id)s), false)"
    rows = yield Question(sql, {"id": feature_id})
    return bool(rows[0][0])


def _marked(selection: Selection, shown: str) -> Asking[list[Any]]:
    """The rows of a page, for a reader of the restricted with the id of each that is restricted as last value."""
    if selection.reader is Level.RESTRICTED:
        shown = f"{shown}, case when {is_restricted(selection)} then t.id end"
    sql, values = _page_sql(selection, shown)
    return (yield Question(sql, values, planned_once=selection.is_plain))


def is_restricted(selection: Selection) -> str:
    """The SQL that says of a row ``t``, also of one as it was, whether it is restricted today."""
    if selection.as_of is None:
        return "t.level = 'restricted'"
    return f"(select now.level from app.{selection.layer.name} now where now.id = t.id) = 'restricted'"


def note(notebook: Notebook, selection: Selection, rows: Sequence[Any], **beside: Any) -> None:
    """Note which restricted records are given, their ids last in each row: the journal has it before they leave."""
    found = [row[-1] for row in rows if row[-1] is not None] if selection.reader is Level.RESTRICTED else []
    if not found:
        return
    told = {**selection.told(), **beside}
    single = found[0] if selection.ids is not None and len(selection.ids) == 1 else None
    if single is None:
        told["restricted"] = len(found)
        told |= {"records": found} if len(found) <= MOST_TOLD else {}
    else:
        del told["ids"]
    notebook.info.setdefault("readings", []).append(Reading(selection.layer.name, told, single))


def count(session: Session, selection: Selection) -> int:
    """How many features the selection holds, under the reader's own rights."""
    return answered(session, asking_count(selection))


def asking_count(selection: Selection) -> Asking[int]:
    """The question of ``count``. A whole layer is added up from its cells, where these know all the reader sees."""
    if selection.is_whole and selection.layer.counted and selection.reader in (Level.INTERNAL, Level.RESTRICTED):
        rows = yield Question(f"select {total(selection.layer)}", {}, planned_once=True)
        return int(rows[0][0])
    statement = Statement()
    source = source_of(selection, statement)
    sql = then(selection, f"select count(*) from {source}{where_of(statement)}", statement)
    rows = yield Question(sql, statement.values)
    return int(rows[0][0])


def tally(session: Session, selection: Selection, name: str) -> dict[str, int]:
    """How many features there are of each value of one property."""
    expression = _field(selection, name).expression(selection.reader)
    statement = Statement()
    source = source_of(selection, statement)
    sql = f"select coalesce({expression}::text, ''), count(*) from {source}{where_of(statement)} group by 1"
    sql = then(selection, sql, statement)
    return {row[0].decode(): row[1] for row in _rows(session, sql, statement.values)}


def extent(session: Session, selection: Selection) -> tuple[float, float, float, float] | None:
    """The box around the selected features that the reader may see, or None when none has a place."""
    statement = Statement()
    source = source_of(selection, statement)
    place = geometry_of(selection)
    sql = (
        "select ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box) from"
        f" (select ST_Extent({place}) as box from {source}{where_of(statement)}) extent"
    )
    row = _rows(session, sql, statement.values)[0]
    return None if row[0] is None else tuple(row)


def driver_of(session: Session) -> psycopg.Connection[Any]:
    """The driver's own connection of this transaction: rows go from it to the answer without passing the ORM."""
    return session.connection().connection.driver_connection  # type: ignore[return-value]


def _rows(session: Session, sql: str, values: Mapping[str, Any], *, prepare: bool | None = None) -> list[Any]:
    with driver_of(session).cursor(binary=True) as cursor:
        cursor.adapters.register_loader("text", Bytes)
        cursor.execute(sql, values, prepare=prepare)
        return list(cursor.fetchall())


def answered(session: Session, asking: Asking[T]) -> T:
    """What comes of asking within a transaction that is under way (``Database.answered`` asks without one)."""
    try:
        question = next(asking)
        while True:
            prepare = None if question.planned_once else False
            question = asking.send(_rows(session, question.sql, question.values, prepare=prepare))
    except StopIteration as end:
        found: T = end.value
        return found


def geometry_of(selection: Selection) -> str:
    """The SQL of a feature's place for the selection's reader."""
    return place_of(selection.layer, selection.reader)


def place_of(layer: Layer, reader: Reader) -> str:
    """The SQL of a feature's place for this reader; of a layer drawn by its links, the place of what it links to."""
    own = "t.geom" if reader.sees_assumed else "t.shared_geom"
    if not layer.drawn_by_links:
        return own
    return (
        f"coalesce({own}, (select ST_Collect(site.geom) from (select l.geom from app.links l"
        f" where {OWN_LINKS} union all select (select p.geom from {places(reader)} p where p.id = l.to_id)"
        f" from app.links l where {OWN_LINKS} and l.role in ('subject', 'site', 'gate')) site))"
    )


def feature_text(selection: Selection) -> str:
    """The SQL expression that gives a row as the text of a GeoJSON Feature."""
    fields = None if selection.fields is None else tuple(selection.fields)
    if fields is not None:
        wanted(selection)  # refuses what is none of the reader's
    return _written(selection.layer, selection.reader, fields, selection.crs)


@cache
def _written(layer: Layer, reader: Reader, fields: tuple[str, ...] | None, crs: CRS) -> str:
    known = layer.readable(reader)
    own = {"id": "t.id", "layer": f"'{layer.name}'"}
    shown = ", ".join(
        f'{own.get(name) or known[name].expression(reader)} as "{name}"'
        for name in ((*OWN, *known) if fields is None else fields)
    )
    place = place_of(layer, reader)
    if crs.epsg != WGS84:
        place = f"ST_Transform({place}, {srid_for(crs.epsg)})"
    if crs.latitude_first:
        place = f"ST_FlipCoordinates({place})"
    # Rings go counter-clockwise; the option 0 keeps PostGIS from naming a CRS, which RFC 7946 does not know.
    geometry = f"ST_AsGeoJSON(ST_ForcePolygonCCW({place}), {crs.decimals}, 0)"
    return (
        f"""'{{"type":"Feature","id":"' || t.id || '","geometry":' || coalesce({geometry}, 'null')"""
        f""" || ',"properties":' || row_to_json((select p from (select {shown}) p)) || '}}'"""
    )


def _page_sql(selection: Selection, shown: str) -> tuple[str, dict[str, Any]]:
    statement = Statement()
    source = source_of(selection, statement)
    ordered = "" if selection.is_single else f" order by {_ordered(selection, statement)}"
    limit = f" limit {int(selection.limit)}" if selection.limit is not None else ""
    sql = f"select {shown} from {source}{where_of(statement)}{ordered}{limit}"
    return then(selection, sql, statement), statement.values


def _ordered(selection: Selection, statement: Statement) -> str:
    """The sort keys in SQL; the conditions to go on behind the page before, where there was one."""
    order = _order(selection)
    if selection.after is not None:
        _continue_after(selection, order, statement)
    return ", ".join(f"{expression} {'desc' if down else 'asc'}" for _, expression, down in order)


def then(selection: Selection, sql: str, statement: Statement) -> str:
    """What the cards derive from this moment, such as what is overdue, is derived in the past from that one.

    So is where something stands by its links.
    """
    if selection.as_of is None:
        return sql
    then_ = f"{statement.bind(selection.as_of)}::timestamptz"
    sql = sql.replace("clock_timestamp()", then_).replace("now()", then_)
    return sql.replace("app.links l", "app.links_history l").replace(OWN_LINKS, f"{OWN_LINKS} and l.valid @> {then_}")


def where_of(statement: Statement) -> str:
    return f" where {' and '.join(statement.conditions)}" if statement.conditions else ""


def source_of(selection: Selection, statement: Statement) -> str:
    """The table to read, now or as it stood, with the conditions of the selection."""
    layer = selection.layer
    table = f"{layer.schema}.{layer.name} t"
    if selection.as_of is not None:
        if not layer.remembered:
            raise Malformed(
                Text(
                    "as_of: dữ liệu được chia sẻ chỉ có trạng thái hiện tại",
                    "as_of: shared data has its present state only",
                )
            )
        table = f"{layer.schema}.{layer.name}_history t"
        statement.conditions.append(f"t.valid @> {statement.bind(selection.as_of)}::timestamptz")
    if layer.remembered:
        statement.conditions.append("t.retired_at is null")
    narrow(selection, statement)
    return table


def narrow(selection: Selection, statement: Statement) -> None:
    """The conditions of the selection on a row ``t``, be it the present or a state of the past."""
    layer, reader = selection.layer, selection.reader
    if selection.is_single:
        statement.conditions.append(f"t.id = {statement.bind(selection.ids[0])}::uuid")  # type: ignore[index]
    elif selection.ids is not None:
        statement.conditions.append(f"t.id = any({statement.bind(list(selection.ids))}::uuid[])")
    _somewhere(selection, statement)
    if selection.time is not None and layer.time is not None:
        _within_time(selection, statement)
    for name, wanted in selection.where.items():
        statement.conditions.append(_equals(_field(selection, name), reader, list(wanted), statement))
    if selection.filter is not None:
        scope = filters.Scope(
            layer.readable(reader),
            reader,
            geometry_of(selection),
            statement.bind,
            selection.filter_crs,
            layer.schema,
        )
        statement.conditions.append(filters.condition(selection.filter, scope))
    if selection.q:
        searched = [one for one in layer.readable(reader).values() if one.type == "text" and one.sql is None]
        words = " || ' ' || ".join(f"coalesce({one.expression(reader)}, '')" for one in searched)
        statement.conditions += [f"({words}) ~ {statement.bind(sought(word))}" for word in selection.q.split()]


def _somewhere(selection: Selection, statement: Statement) -> None:
    """The conditions on the place. A box is compared first and by itself: only that reaches the index under RLS."""
    place = geometry_of(selection)
    if selection.bbox is not None and (selection.layer.placed or selection.layer.drawn_by_links):
        boxes = _boxes(selection.bbox, selection.bbox_crs, statement)
        reached = " or ".join(f"{place} && {box}" for box in boxes)
        met = " or ".join(f"ST_Intersects({place}, {box})" for box in boxes)
        statement.conditions.append(f"{reached} and {met}" if len(boxes) == 1 else f"({reached}) and ({met})")
    if selection.near is not None:
        near = selection.near
        lon, lat, metres = map(statement.bind, (near.lon, near.lat, near.metres))
        point = f"ST_SetSRID(ST_MakePoint({lon}, {lat}), {WGS84})"
        reach = statement.bind(near.metres / METRES_IN_DEGREE)
        statement.conditions.append(
            f"{place} && ST_Expand({point}, {reach}::float8)"
            f" and ST_DWithin({place}::geography, {point}::geography, {metres}::float8)"
        )
    if selection.along is not None:
        along, known = selection.along, selection.layer.readable(selection.reader)
        if "border" not in known:
            raise Malformed(Text("Lớp dữ liệu này không gắn với tuyến biên giới", "This layer is not tied to a border"))
        chainage = known["chainage_m"].expression(selection.reader)
        start, end = statement.bind(along.start_m), statement.bind(along.end_m)
        statement.conditions.append(
            f"t.border = {statement.bind(along.route)} and {chainage} between {start} and {end}"
        )


def _boxes(box: Box, epsg: int, statement: Statement) -> list[str]:
    """The SQL of a box, or of the two of one that reaches over the antimeridian."""
    west, south, east, north = box
    if epsg != WGS84:
        try:
            shape = shapely.to_wkb(shape_of_box(box, epsg))
        except Invalid as fault:
            raise Malformed(fault.detail, fault.errors) from None
        return [f"ST_GeomFromWKB({statement.bind(shape)}, {WGS84})"]
    halves = [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    return [f"ST_MakeEnvelope({', '.join(map(statement.bind, half))}, {WGS84})" for half in halves]


def _within_time(selection: Selection, statement: Statement) -> None:
    start, end = selection.time or (None, None)
    moment = selection.layer.fields[selection.layer.time or ""]
    expression = moment.expression(selection.reader)
    if moment.type == "date":
        expression = f"({expression}::timestamp at time zone '{ZONE}')"
    if start is not None:
        statement.conditions.append(f"{expression} >= {statement.bind(start)}")
    if end is not None:
        statement.conditions.append(f"{expression} <= {statement.bind(end)}")


UNSORTED = ("json", "list")
"""Types that have no order."""


def _field(selection: Selection, name: str, *, unless: Sequence[str] = ()) -> Field:
    """The field of that name that this reader may know of; a hidden one and none at all are refused alike."""
    known = selection.layer.readable(selection.reader)
    if name not in known or known[name].type in unless:
        words = ", ".join(one.name for one in known.values() if one.type not in unless)
        raise Malformed(
            Text(f"Không có thuộc tính '{name[:60]}'. Có: {words}", f"No property '{name[:60]}'. There are: {words}")
        )
    return known[name]


CASTS = {
    "text": "text", "code": "text", "integer": "bigint", "number": "float8", "date": "date",
    "datetime": "timestamptz", "boolean": "boolean", "uuid": "uuid", "list": "text",
}  # fmt: skip


def _equals(one: Field, reader: Reader, wanted: list[str], statement: Statement) -> str:
    expression = one.expression(reader)
    if one.type == "json":
        raise Malformed(Text(f"Không lọc được theo '{one.name}'", f"'{one.name}' cannot be filtered"))
    given = [typed(one, value) for value in wanted if value != ""]
    cast = "::text" if one.name == "level" else ""
    tests = []
    if given and one.type == "list":
        tests.append(f"{expression} && {statement.bind(given)}::text[]")
    elif given and one.codes:
        words = ", ".join(f"'{word}'" for word in dict.fromkeys(given))  # the card's own, looked up there
        tests.append(f"{expression}{cast} in ({words})")
    elif given:
        tests.append(f"{expression}{cast} = any({statement.bind(given)}::{CASTS[one.type]}[])")
    if len(given) < len(wanted):
        tests.append(f"{expression} is null")
    return f"({' or '.join(tests)})"


READERS: dict[str, Callable[[str], Any]] = {
    "integer": lambda value: _within(int(value)),
    "number": float,
    "date": read_day,
    "datetime": read_moment,
    "boolean": lambda value: {"true": True, "false": False}[value.lower()],
    "uuid": uuid.UUID,
}


def _within(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError
    return number


def typed(one: Field, value: str) -> Any:
    """A filter's value as the field's type. Raises ``Malformed`` naming the field when it is none."""
    try:
        if "\x00" in value:
            raise ValueError
        return one.codes(value).value if one.codes else READERS.get(one.type, str)(value)
    except (ValueError, KeyError):
        words = f": {', '.join(word.value for word in one.codes)}" if one.codes else f" ({one.type})"
        raise Malformed(
            Text(f"Giá trị của '{one.name}' không hợp lệ{words}", f"The value of '{one.name}' is not valid{words}")
        ) from None


def _order(selection: Selection) -> list[tuple[Field | None, str, bool]]:
    """The sort keys: the selection's or the card's, made total by the id. An empty value sorts as the greatest.

    Words of a scale sort by their rank in it; so do all coded words in a selection that is ``ranked``, as people read
    a list.
    """
    keys: list[tuple[Field | None, str, bool]] = []
    for name in selection.sort or selection.layer.order:
        one = _field(selection, name.removeprefix("-"), unless=UNSORTED)
        key = one.expression(selection.reader)
        if (
            words := one.codes if selection.ranked and selection.sort and one.type == "code" else one.scale
        ) is not None:
            one, key = replace(one, type="integer", codes=None), rank_among(words, key)
        keys.append((one, key, name.startswith("-")))
    return [*keys, (None, "t.id", False)]


def _key_text(selection: Selection) -> str:
    parts = ", ".join(expression for _, expression, _ in _order(selection))
    return f"json_build_array({parts})::text"


def encode_key(key: list[Any]) -> str:
    """The sort key of a row as a short opaque text."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_key(after: str, length: int) -> list[Any]:
    """The sort key that ``encode_key`` wrote; ``Malformed`` when it is not one of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if not isinstance(key, list) or len(key) != length or any(isinstance(one, list | dict) for one in key):
            raise ValueError
        uuid.UUID(key[-1])
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Malformed(Text("Tham số 'after' không hợp lệ", "The parameter 'after' is not valid")) from None
    return key


def _continue_after(selection: Selection, order: list[tuple[Field | None, str, bool]], statement: Statement) -> None:
    """Go on behind the last row: a comparison of keys, correct while rows come and go. NULL sorts as the greatest."""
    key = decode_key(selection.after or "", len(order))
    tests: list[str] = []
    equal: list[str] = []
    first: str | None = None
    for (one, expression, down), value in zip(order, key, strict=True):
        cast = "uuid" if one is None else CASTS[one.type]
        if value is None:
            if down:
                tests.append(" and ".join([*equal, f"{expression} is not null"]))
            equal.append(f"{expression} is null")
            continue
        if one is not None:
            value = typed(one, str(value))  # noqa: PLW2901 - the text as the key's type
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
