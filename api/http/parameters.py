"""Query parameters turned into a ``Selection``. An unknown one is refused with the list of what there is."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, inline_dependency
from api.http.security import NO_SUCH_PATH
from gis.crs import CRS, CRS84, OUTPUT_CRS, BBox, parse_bbox
from gis.db import Actor, Database, Session
from gis.model import Layer, catalog
from gis.read import Along, Near, Selection
from gis.read.cql2 import compiler, operands, parse
from gis.text import FEATURE_NOT_FOUND, VIETNAM_TIME, Invalid, Malformed, Missing, Text, parse_date, parse_datetime
from layers.border import Border
from layers.locating import Location, locate
from layers.policy import catalog_of

FEATURES_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/"
FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
FEATURES_8 = "http://www.opengis.net/spec/ogcapi-features-8/1.0/conf/"
CONFORMS_TO = [
    f"{FEATURES_2}crs",
    f"{FEATURES_3}queryables-query-parameters",
    f"{FEATURES_3}filter",
    f"{FEATURES_3}features-filter",
    f"{FEATURES_8}sorting",
    f"{FEATURES_8}features-sorting",
    *compiler.CONFORMS_TO,
]

DEFAULT_LIMIT, MAX_LIMIT = 100, 10_000
RESERVED_PARAMETERS = {
    "after", "as_of", "bbox", "bbox-crs", "count", "crs", "datetime", "f", "filter", "filter-crs", "filter-lang",
    "lang", "limit", "near", "properties", "q", "reader", "sortby", "within",
}  # fmt: skip
UNRELEASED_PARAMETERS = ("near", "within", "as_of")
"""What is counted along the house's own line, or in its past."""

ITEM_PARAMETERS = ("as_of", "crs", "properties")
"""What one feature can be asked with."""


def idempotency_key_of(request: Request) -> str | None:
    """The ``Idempotency-Key`` of a write, if it brings one. Raises ``Malformed`` for several."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise Malformed(Text("Chỉ một Idempotency-Key", "Only one Idempotency-Key"))
    return keys[0] if keys else None


DEVICE_TIME = "X-Device-At"
"""The header in which a device says what time it was there when its user pressed the button (RFC 3339)."""


def database_of(request: Request) -> Database:
    """The database that this application serves from, told which request it serves."""
    found: Database = request.app.state.database
    return found.for_request(request.state.request_id, _device_time(request.headers.get(DEVICE_TIME)))


def _device_time(text: str | None) -> str | None:
    moment = moment_of(text, DEVICE_TIME)
    return moment.isoformat() if moment else None


def layer_named(layer: str, layers: Mapping[str, Layer] = catalog) -> Layer:
    """The collection of that name."""
    if layer not in layers:
        names = ", ".join(layers)
        raise Missing(Text(f"Không có lớp này. Có: {names}", f"No such collection. There are: {names}"))
    return layers[layer]


def layer_for_actor(layer: str, actor: ActorParam) -> Layer:
    """The collection of that name as this reader has it: the house's own, or what was released."""
    return layer_named(layer, catalog_of(actor))


def id_in_path(text: str, missing: Text) -> uuid.UUID:
    """An id as it stands in a path; what is no UUID is missing like any other."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Missing(missing) from None


def feature_id(item: str) -> uuid.UUID:
    """The id of a feature in a path. Raises ``Missing`` for what is none."""
    return id_in_path(item, FEATURE_NOT_FOUND)


DatabaseParam = Annotated[Database, Depends(inline_dependency(database_of))]
LayerParam = Annotated[Layer, Depends(inline_dependency(layer_for_actor))]


def as_of_param(as_of: str | None = None) -> dt.datetime | None:
    """The moment as of which something is asked for; None for the present."""
    return moment_of(as_of, "as_of")


AsOfParam = Annotated[dt.datetime | None, Depends(inline_dependency(as_of_param))]


def layer_with_history(layer: LayerParam) -> Layer:
    """A layer with a past and links; of what was released there is neither."""
    if not layer.has_history:
        raise Missing(NO_SUCH_PATH)
    return layer


HistoryLayerParam = Annotated[Layer, Depends(inline_dependency(layer_with_history))]
IdParam = Annotated[uuid.UUID, Depends(inline_dependency(feature_id))]


DATABASE_PARAMETERS = ("near", "within", "filter")
"""Parameters whose reading asks the database, or may take a while."""


async def read_selection(database: Database, layer: Layer, query: QueryParams, actor: Actor) -> Selection:
    """What the query asks of a layer, read where the request is, unless that takes longer than a moment."""

    def look_up() -> Selection:
        with database.transaction(actor) as session:
            return selection_of(session, layer, query, actor)

    if any(query.get(name) for name in DATABASE_PARAMETERS):
        return await run_in_threadpool(look_up)
    return selection_of(None, layer, query, actor)


def selection_of(
    session: Session | None, layer: Layer, query: QueryParams, actor: Actor, *, lenient: bool = False
) -> Selection:
    """What the query asks of a layer. ``lenient`` leaves unknown parameters aside, as a page does.

    Without a session no address is looked up, so the query may name none.
    """
    where: dict[str, list[str]] = {}
    known = layer.readable_fields(actor.clearance)
    for name in query:
        if name in RESERVED_PARAMETERS and not lenient and len(query.getlist(name)) > 1:
            # else one of them would be passed over in silence
            raise _malformed(name, "chỉ được nêu một lần", "may be given only once")
        if name == "id":
            continue
        if name in known and name not in RESERVED_PARAMETERS:
            values = query.getlist(name)
            where[name] = [
                one for value in values for one in (value.split(",") if known[name].type != "text" else [value])
            ]
        elif name not in RESERVED_PARAMETERS and not lenient:
            names = ", ".join([*sorted(RESERVED_PARAMETERS), "id", *known])
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )
        elif name in UNRELEASED_PARAMETERS and not layer.has_history:
            raise Malformed(
                Text(
                    f"Dữ liệu được chia sẻ không nhận tham số '{name}'",
                    f"Released data takes no parameter '{name}'",
                )
            )
    bbox_crs = crs_of(query.get("bbox-crs"), "bbox-crs")
    return Selection(
        layer=layer,
        clearance=actor.clearance,
        ids=ids_of(query.getlist("id")),
        bbox=bbox_of(query.get("bbox"), bbox_crs),
        bbox_crs=bbox_crs.epsg,
        time=interval_of(query.get("datetime")),
        where=where,
        q=_search_text(query.get("q")),
        as_of=moment_of(query.get("as_of"), "as_of"),
        sort=[one.strip().removeprefix("+") for one in query["sortby"].split(",")] if query.get("sortby") else None,
        after=query.get("after"),
        limit=limit_of(query.get("limit")),
        filter=filter_of(query.get("filter"), query.get("filter-lang")),
        filter_crs=crs_of(query.get("filter-crs"), "filter-crs"),
        near=near_of(session, query.get("near"), actor),
        along=along_of(session, query.get("within"), actor),
        fields=fields_of(query.get("properties")),
        crs=crs_of(query.get("crs"), "crs"),
    )


def ids_of(values: list[str]) -> list[uuid.UUID] | None:
    """The identities asked for, in one parameter or several."""
    try:
        return [uuid.UUID(one) for text in values for one in text.split(",") if one] if any(values) else None
    except ValueError:
        raise _malformed("id", "không phải UUID", "not a UUID") from None


def fields_of(text: str | None) -> list[str] | None:
    """The names of the properties wanted, each once; all where none is named."""
    names = dict.fromkeys(one.strip() for one in (text or "").split(",") if one.strip())
    return [one for one in names if one != operands.GEOMETRY] if names else None  # the place comes along at any rate


def crs_of(name: str | None, parameter: str) -> CRS:
    """The system that an OGC URI names; CRS84 where none is asked for."""
    try:
        return CRS.parse(name) if name else CRS84
    except Invalid as fault:
        offered = ", ".join(one.uri for one in OUTPUT_CRS)
        raise Malformed(
            Text(
                f"{parameter}: {fault.detail.vi}. Có: {offered}",
                f"{parameter}: {fault.detail.en}. There are: {offered}",
            )
        ) from None


def filter_of(text: str | None, language: str | None) -> parse.FilterTree | None:
    """A CQL2 filter as text or, with ``filter-lang=cql2-json``, as JSON."""
    if language not in (None, "", "cql2-text", "cql2-json"):
        raise _malformed("filter-lang", "cql2-text hoặc cql2-json", "cql2-text or cql2-json")
    return parse.parse(text, is_json=language == "cql2-json") if text else None


NEAR_PATTERN = re.compile(r"(?P<at>.+?)\s*,\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>m|km)?")
MAX_DISTANCE_M = 100_000


def near_of(session: Session | None, text: str | None, actor: Actor) -> Near | None:
    """``147/6,500m``: within so many metres of an address or a coordinate."""
    if not text or session is None:
        return None
    found = NEAR_PATTERN.fullmatch(text.strip())
    if found is None:
        raise _malformed(
            "near",
            "một vị trí theo mốc và khoảng cách, ví dụ 147/6,500m",
            "a marker address and a distance, such as 147/6,500m",
        )
    metres = float(found["number"]) * (1000 if found["unit"] == "km" else 1)
    if metres > MAX_DISTANCE_M:
        raise _malformed("near", "tối đa 100 km", "100 km at most")
    place = _single_location(session, found["at"], "near", actor)
    if place.geometry is None or place.geometry["type"] != "Point":
        raise _malformed("near", "vị trí này chưa có tọa độ điểm", "this location has no point coordinates")
    lon, lat = place.geometry["coordinates"]
    return Near(lon, lat, metres)


def along_of(session: Session | None, text: str | None, actor: Actor) -> Along | None:
    """``168–168/2``: between two markers along the line."""
    if not text or session is None:
        return None
    place = _single_location(session, text, "within", actor)
    if place.length_m is None or place.chainage_m is None or place.border is None:
        raise _malformed(
            "within", "cần một đoạn giữa hai mốc có vị trí", "a section between two placed markers is needed"
        )
    return Along(place.border.value, place.chainage_m, place.chainage_m + place.length_m)


def _single_location(session: Session, text: str, parameter: str, actor: Actor) -> Location:
    """The place an address means; a border may stand before it, as in ``VN-KH 96``."""
    border, _, address = text.strip().partition(" ")
    named = border in [one.value for one in Border]
    try:
        found = locate(session, address if named else text, border=border if named else None, clearance=actor.clearance)
    except (Invalid, Missing) as fault:
        errors = [replace(one, field=parameter) for one in fault.errors]
        raise Malformed(
            Text(f"{parameter}: {fault.detail.vi}", f"{parameter}: {fault.detail.en}"), errors, fault.extra
        ) from None
    placed = [one for one in found if one.geometry is not None] or found
    if len({one.border for one in placed}) > 1:
        raise _malformed(
            parameter, "nêu tuyến trước số hiệu mốc, ví dụ VN-KH 96", "name the border first, as in VN-KH 96"
        )
    return placed[0]


def _search_text(text: str | None) -> str | None:
    if text and ("\x00" in text or len(text) > 200):  # noqa: PLR2004
        raise _malformed("q", "Từ tìm kiếm không hợp lệ", "Not a valid search")
    return text or None


def _malformed(name: str, vi: str, en: str) -> Malformed:
    return Malformed(Text(f"{name}: {vi}", f"{name}: {en}"))


def limit_of(text: str | None) -> int:
    """1 to 10,000 features a page; who asks for more gets as many (Part 1, ``/req/core/fc-limit-definition``)."""
    if text is None or text == "":
        return DEFAULT_LIMIT
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise _malformed("limit", f"số nguyên từ 1 đến {MAX_LIMIT}", f"a whole number from 1 to {MAX_LIMIT}")
    return MAX_LIMIT if len(digits) > len(str(MAX_LIMIT)) else min(int(digits), MAX_LIMIT)


NUMBER_PATTERN = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*", re.ASCII)


def bbox_of(text: str | None, crs: CRS = CRS84) -> BBox | None:
    """West, south, east, north in ``crs``, its own axis order taken in; a box with heights gives its footprint."""
    if not text:
        return None
    numbers = [float(one) if NUMBER_PATTERN.fullmatch(one) else None for one in text.split(",")]
    try:
        return parse_bbox(numbers, crs)
    except Invalid as fault:
        raise _malformed("bbox", fault.detail.vi, fault.detail.en) from None


OGR_DATE = re.compile(r"(\d{4}-\d\d-\d\d)T", re.ASCII)
"""How OGR 3.6 hands on a day that a field of times is compared with."""

VIETNAMESE_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: +(\d{1,2}):(\d{2}))?", re.ASCII)


def moment_of(text: str | None, name: str, *, end: bool = False) -> dt.datetime | None:
    """An RFC 3339 time, or a date taken as its first or, with ``end``, its last moment in Vietnam.

    Both may also come as they are written here: ``20/11/2026``, ``20/11/2026 17:30``.
    """
    if not text or text == "..":
        return None
    try:
        if written := VIETNAMESE_DATE.fullmatch(text.strip()):
            day, month, year, hour, minute = written.groups()
            if hour is not None:
                return dt.datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=VIETNAM_TIME)
            text = f"{year}-{int(month):02}-{int(day):02}"
        if day_of_ogrs := OGR_DATE.fullmatch(text):
            text = day_of_ogrs[1]
        if len(text) == len("2026-01-01"):
            clock = dt.time.max if end else dt.time.min
            return dt.datetime.combine(parse_date(text), clock, VIETNAM_TIME)
        return parse_datetime(text)
    except ValueError:
        raise _malformed(name, "ngày hoặc thời điểm RFC 3339", "an RFC 3339 date or time") from None


def interval_of(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """A time, or ``start/end`` of which either may be ``..``."""
    if not text:
        return None
    start, slash, end = text.partition("/")
    if not slash:
        if start == "..":
            raise _malformed("datetime", "ngày hoặc thời điểm RFC 3339", "an RFC 3339 date or time")
        return moment_of(start, "datetime"), moment_of(start, "datetime", end=True)
    found = moment_of(start, "datetime"), moment_of(end, "datetime", end=True)
    if found[0] and found[1] and found[0] > found[1]:
        raise _malformed("datetime", "thời điểm đầu phải trước thời điểm cuối", "the start must not be after the end")
    return found
