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

from api.http.security import NO_ADDRESS, ActorParam, at_once
from gis.crs.geometry import Box, read_box
from gis.crs.systems import CRS, CRS84, OFFERED
from gis.db.actors import Actor
from gis.db.session import Database, Session
from gis.model.layer import Layer, catalog
from gis.read.cql2 import compile as filters
from gis.read.sql import Along, Near, Selection
from gis.text.dates import VIETNAM, read_day, read_moment
from gis.text.errors import NO_FEATURE, Invalid, Malformed, Missing
from gis.text.i18n import Text
from layers.border import Border, Located, locate
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
    *filters.CONFORMS_TO,
]

DEFAULT_LIMIT, MAX_LIMIT = 100, 10_000
OWN = {
    "after", "as_of", "bbox", "bbox-crs", "count", "crs", "datetime", "f", "filter", "filter-crs", "filter-lang",
    "lang", "limit", "near", "properties", "q", "reader", "sortby", "within",
}  # fmt: skip
ADDRESSED = ("near", "within", "as_of")
"""What is counted along the house's own line, or in its past."""

ITEM_PARAMETERS = ("as_of", "crs", "properties")
"""What one feature can be asked with."""


def key_of(request: Request) -> str | None:
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
    return found.during(request.state.request_id, _device_time(request.headers.get(DEVICE_TIME)))


def _device_time(text: str | None) -> str | None:
    moment = moment_of(text, DEVICE_TIME)
    return moment.isoformat() if moment else None


def layer_named(layer: str, known: Mapping[str, Layer] = catalog) -> Layer:
    """The collection of that name."""
    if layer not in known:
        names = ", ".join(known)
        raise Missing(Text(f"Không có lớp này. Có: {names}", f"No such collection. There are: {names}"))
    return known[layer]


def layer_read(layer: str, actor: ActorParam) -> Layer:
    """The collection of that name as this reader has it: the house's own, or what was released."""
    return layer_named(layer, catalog_of(actor))


def id_in_path(text: str, gone: Text) -> uuid.UUID:
    """An id as it stands in a path; what is no UUID is missing like any other."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Missing(gone) from None


def feature_id(item: str) -> uuid.UUID:
    """The id of a feature in a path. Raises ``Missing`` for what is none."""
    return id_in_path(item, NO_FEATURE)


DatabaseParam = Annotated[Database, Depends(at_once(database_of))]
LayerParam = Annotated[Layer, Depends(at_once(layer_read))]


def moment_asked(as_of: str | None = None) -> dt.datetime | None:
    """The moment as of which something is asked for; None for the present."""
    return moment_of(as_of, "as_of")


MomentParam = Annotated[dt.datetime | None, Depends(at_once(moment_asked))]


def kept_layer(layer: LayerParam) -> Layer:
    """A layer with a past and links; of what was released there is neither."""
    if not layer.remembered:
        raise Missing(NO_ADDRESS)
    return layer


KeptLayerParam = Annotated[Layer, Depends(at_once(kept_layer))]
IdParam = Annotated[uuid.UUID, Depends(at_once(feature_id))]


LOOKED_UP = ("near", "within", "filter")
"""Parameters whose reading asks the database, or may take a while."""


async def selected(database: Database, layer: Layer, query: QueryParams, actor: Actor) -> Selection:
    """What the query asks of a layer, read where the request is, unless that takes longer than a moment."""

    def look_up() -> Selection:
        with database.acting(actor) as session:
            return selection_of(session, layer, query, actor)

    if any(query.get(name) for name in LOOKED_UP):
        return await run_in_threadpool(look_up)
    return selection_of(None, layer, query, actor)


def selection_of(
    session: Session | None, layer: Layer, query: QueryParams, actor: Actor, *, lenient: bool = False
) -> Selection:
    """What the query asks of a layer. ``lenient`` leaves unknown parameters aside, as a page does.

    Without a session no address is looked up, so the query may name none.
    """
    where: dict[str, list[str]] = {}
    known = layer.readable(actor.eyes)
    for name in query:
        if name in OWN and not lenient and len(query.getlist(name)) > 1:
            # else one of them would be passed over in silence
            raise _bad(name, "chỉ được nêu một lần", "may be given only once")
        if name == "id":
            continue
        if name in known and name not in OWN:
            values = query.getlist(name)
            where[name] = [
                one for value in values for one in (value.split(",") if known[name].type != "text" else [value])
            ]
        elif name not in OWN and not lenient:
            names = ", ".join([*sorted(OWN), "id", *known])
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )
        elif name in ADDRESSED and not layer.remembered:
            raise Malformed(
                Text(
                    f"Dữ liệu được chia sẻ không nhận tham số '{name}'",
                    f"Released data takes no parameter '{name}'",
                )
            )
    bbox_crs = crs_of(query.get("bbox-crs"), "bbox-crs")
    return Selection(
        layer=layer,
        reader=actor.eyes,
        ids=ids_of(query.getlist("id")),
        bbox=bbox_of(query.get("bbox"), bbox_crs),
        bbox_crs=bbox_crs.epsg,
        time=interval_of(query.get("datetime")),
        where=where,
        q=_searched(query.get("q")),
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


def ids_of(given: list[str]) -> list[uuid.UUID] | None:
    """The identities asked for, in one parameter or several."""
    try:
        return [uuid.UUID(one) for text in given for one in text.split(",") if one] if any(given) else None
    except ValueError:
        raise _bad("id", "không phải UUID", "not a UUID") from None


def fields_of(text: str | None) -> list[str] | None:
    """The names of the properties wanted, each once; all where none is named."""
    names = dict.fromkeys(one.strip() for one in (text or "").split(",") if one.strip())
    return [one for one in names if one != filters.GEOMETRY] if names else None  # the place comes along at any rate


def crs_of(name: str | None, parameter: str) -> CRS:
    """The system that an OGC URI names; CRS84 where none is asked for."""
    try:
        return CRS.read(name) if name else CRS84
    except Invalid as fault:
        offered = ", ".join(one.uri for one in OFFERED)
        raise Malformed(
            Text(
                f"{parameter}: {fault.detail.vi}. Có: {offered}",
                f"{parameter}: {fault.detail.en}. There are: {offered}",
            )
        ) from None


def filter_of(text: str | None, language: str | None) -> filters.Tree | None:
    """A CQL2 filter as text or, with ``filter-lang=cql2-json``, as JSON."""
    if language not in (None, "", "cql2-text", "cql2-json"):
        raise _bad("filter-lang", "cql2-text hoặc cql2-json", "cql2-text or cql2-json")
    return filters.read(text, is_json=language == "cql2-json") if text else None


NEAR = re.compile(r"(?P<at>.+?)\s*,\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>m|km)?")
FARTHEST_M = 100_000


def near_of(session: Session | None, text: str | None, actor: Actor) -> Near | None:
    """``147/6,500m``: within so many metres of an address or a coordinate."""
    if not text or session is None:
        return None
    found = NEAR.fullmatch(text.strip())
    if found is None:
        raise _bad(
            "near",
            "một vị trí theo mốc và khoảng cách, ví dụ 147/6,500m",
            "a marker address and a distance, such as 147/6,500m",
        )
    metres = float(found["number"]) * (1000 if found["unit"] == "km" else 1)
    if metres > FARTHEST_M:
        raise _bad("near", "tối đa 100 km", "100 km at most")
    place = _one_place(session, found["at"], "near", actor)
    if place.geometry is None or place.geometry["type"] != "Point":
        raise _bad("near", "vị trí này chưa có tọa độ điểm", "this location has no point coordinates")
    lon, lat = place.geometry["coordinates"]
    return Near(lon, lat, metres)


def along_of(session: Session | None, text: str | None, actor: Actor) -> Along | None:
    """``168–168/2``: between two markers along the line."""
    if not text or session is None:
        return None
    place = _one_place(session, text, "within", actor)
    if place.length_m is None or place.chainage_m is None or place.border is None:
        raise _bad("within", "cần một đoạn giữa hai mốc có vị trí", "a section between two placed markers is needed")
    return Along(place.border.value, place.chainage_m, place.chainage_m + place.length_m)


def _one_place(session: Session, text: str, parameter: str, actor: Actor) -> Located:
    """The place an address means; a border may stand before it, as in ``VN-KH 96``."""
    border, _, address = text.strip().partition(" ")
    named = border in [one.value for one in Border]
    try:
        found = locate(session, address if named else text, border=border if named else None, reader=actor.eyes)
    except (Invalid, Missing) as fault:
        errors = [replace(one, field=parameter) for one in fault.errors]
        raise Malformed(
            Text(f"{parameter}: {fault.detail.vi}", f"{parameter}: {fault.detail.en}"), errors, fault.extra
        ) from None
    placed = [one for one in found if one.geometry is not None] or found
    if len({one.border for one in placed}) > 1:
        raise _bad(parameter, "nêu tuyến trước số hiệu mốc, ví dụ VN-KH 96", "name the border first, as in VN-KH 96")
    return placed[0]


def _searched(words: str | None) -> str | None:
    if words and ("\x00" in words or len(words) > 200):  # noqa: PLR2004
        raise _bad("q", "Từ tìm kiếm không hợp lệ", "Not a valid search")
    return words or None


def _bad(name: str, vi: str, en: str) -> Malformed:
    return Malformed(Text(f"{name}: {vi}", f"{name}: {en}"))


def limit_of(text: str | None) -> int:
    """1 to 10,000 features a page; who asks for more gets as many (Part 1, ``/req/core/fc-limit-definition``)."""
    if text is None or text == "":
        return DEFAULT_LIMIT
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise _bad("limit", f"số nguyên từ 1 đến {MAX_LIMIT}", f"a whole number from 1 to {MAX_LIMIT}")
    return MAX_LIMIT if len(digits) > len(str(MAX_LIMIT)) else min(int(digits), MAX_LIMIT)


NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*", re.ASCII)


def bbox_of(text: str | None, crs: CRS = CRS84) -> Box | None:
    """West, south, east, north in ``crs``, its own axis order taken in; a box with heights gives its footprint."""
    if not text:
        return None
    numbers = [float(one) if NUMBER.fullmatch(one) else None for one in text.split(",")]
    try:
        return read_box(numbers, crs)
    except Invalid as fault:
        raise _bad("bbox", fault.detail.vi, fault.detail.en) from None


A_DAY_OF_OGRS = re.compile(r"(\d{4}-\d\d-\d\d)T", re.ASCII)
"""How OGR 3.6 hands on a day that a field of times is compared with."""

WRITTEN_HERE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: +(\d{1,2}):(\d{2}))?", re.ASCII)


def moment_of(text: str | None, name: str, *, end: bool = False) -> dt.datetime | None:
    """An RFC 3339 time, or a date taken as its first or, with ``end``, its last moment in Vietnam.

    Both may also come as they are written here: ``20/11/2026``, ``20/11/2026 17:30``.
    """
    if not text or text == "..":
        return None
    try:
        if written := WRITTEN_HERE.fullmatch(text.strip()):
            day, month, year, hour, minute = written.groups()
            if hour is not None:
                return dt.datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=VIETNAM)
            text = f"{year}-{int(month):02}-{int(day):02}"
        if day_of_ogrs := A_DAY_OF_OGRS.fullmatch(text):
            text = day_of_ogrs[1]
        if len(text) == len("2026-01-01"):
            clock = dt.time.max if end else dt.time.min
            return dt.datetime.combine(read_day(text), clock, VIETNAM)
        return read_moment(text)
    except ValueError:
        raise _bad(name, "ngày hoặc thời điểm RFC 3339", "an RFC 3339 date or time") from None


def interval_of(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """A time, or ``start/end`` of which either may be ``..``."""
    if not text:
        return None
    start, slash, end = text.partition("/")
    if not slash:
        if start == "..":
            raise _bad("datetime", "ngày hoặc thời điểm RFC 3339", "an RFC 3339 date or time")
        return moment_of(start, "datetime"), moment_of(start, "datetime", end=True)
    found = moment_of(start, "datetime"), moment_of(end, "datetime", end=True)
    if found[0] and found[1] and found[0] > found[1]:
        raise _bad("datetime", "thời điểm đầu phải trước thời điểm cuối", "the start must not be after the end")
    return found
