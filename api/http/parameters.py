"""The parameters of a path, and query parameters as a ``Selection``."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

from api.http.dependencies import ActorParam, inline_dependency
from api.http.query import interval_of, limit_of, malformed_parameter, moment_of, unknown_parameter
from api.http.security import NO_SUCH_PATH
from gis.crs import CRS, CRS84, OUTPUT_CRS, BBox, parse_bbox
from gis.db import Reader
from gis.model import Layer, catalog
from gis.read import Along, Near, Selection
from gis.read.cql2 import compiler, operands, parse
from gis.text import FEATURE_NOT_FOUND, Invalid, Malformed, Missing, Text
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

RESERVED_PARAMETERS = {
    "after", "as_of", "bbox", "bbox-crs", "count", "crs", "datetime", "f", "filter", "filter-crs", "filter-lang",
    "lang", "limit", "near", "properties", "q", "reader", "sortby", "within",
}  # fmt: skip
UNRELEASED_PARAMETERS = ("near", "within", "as_of")
"""Parameters that released data does not take: they need the chainage of the border line, or the history."""

ITEM_PARAMETERS = ("as_of", "crs", "properties")
"""The parameters of a single feature."""


def layer_named(layer: str, layers: Mapping[str, Layer] = catalog) -> Layer:
    """The layer of that name. Raises ``Missing``, which lists the layers."""
    if layer not in layers:
        names = ", ".join(layers)
        raise Missing(Text(f"Không có lớp dữ liệu này. Được phép: {names}", f"Unknown collection. Allowed: {names}"))
    return layers[layer]


def layer_for_actor(layer: str, actor: ActorParam) -> Layer:
    """The layer of that name in the catalogue of the actor: released layers for partners, else all."""
    return layer_named(layer, catalog_of(actor))


def id_in_path(text: str, missing: Text) -> uuid.UUID:
    """An id of the path. Raises ``Missing`` with the text ``missing`` for anything but a UUID."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Missing(missing) from None


def feature_id(item: str) -> uuid.UUID:
    """The id of a feature in the path. Raises ``Missing`` for anything but a UUID."""
    return id_in_path(item, FEATURE_NOT_FOUND)


LayerParam = Annotated[Layer, Depends(inline_dependency(layer_for_actor))]


def as_of_param(as_of: str | None = None) -> dt.datetime | None:
    """The parameter ``as_of``; None for the present."""
    return moment_of(as_of, "as_of")


AsOfParam = Annotated[dt.datetime | None, Depends(inline_dependency(as_of_param))]


def layer_with_history(layer: LayerParam) -> Layer:
    """A layer with history and links. Raises ``Missing`` for released layers, which have neither."""
    if not layer.has_history:
        raise Missing(NO_SUCH_PATH)
    return layer


HistoryLayerParam = Annotated[Layer, Depends(inline_dependency(layer_with_history))]
IdParam = Annotated[uuid.UUID, Depends(inline_dependency(feature_id))]


async def read_selection(reader: Reader, layer: Layer, query: QueryParams) -> Selection:
    """The selection of a query, for the event loop: a filter is parsed in a thread, because that can take long."""
    parse_query = partial(selection_of, reader, layer, query)
    selection = await run_in_threadpool(parse_query) if query.get("filter") else parse_query()
    return await with_locations(reader, selection, query)


def selection_of(reader: Reader, layer: Layer, query: QueryParams, *, lenient: bool = False) -> Selection:
    """The selection of a query but for ``near`` and ``within`` (``with_locations``).

    ``lenient`` ignores unknown and repeated parameters, as HTML pages do. Raises ``Malformed`` for a parameter that is
    unknown, repeated or invalid.
    """
    where: dict[str, list[str]] = {}
    known = layer.readable_fields(reader.actor.clearance)
    for name in query:
        if name in RESERVED_PARAMETERS and not lenient and len(query.getlist(name)) > 1:
            # otherwise all values but the first would be ignored without notice
            raise malformed_parameter(name, "chỉ được nêu một lần", "must be given only once")
        if name == "id":
            continue
        if name in known and name not in RESERVED_PARAMETERS:
            values = query.getlist(name)
            where[name] = [
                part for value in values for part in ([value] if known[name].type.free_text else value.split(","))
            ]
        elif name not in RESERVED_PARAMETERS and not lenient:
            raise unknown_parameter(name, [*sorted(RESERVED_PARAMETERS), "id", *known])
        elif name in UNRELEASED_PARAMETERS and not layer.has_history:
            raise Malformed(
                Text(
                    f"Dữ liệu được chia sẻ không nhận tham số '{name}'",
                    f"Released layers take no parameter '{name}'",
                )
            )
    bbox_crs = crs_of(query.get("bbox-crs"), "bbox-crs")
    return Selection.for_reader(
        reader,
        layer,
        ids=ids_of(query.getlist("id")),
        bbox=bbox_of(query.get("bbox"), bbox_crs),
        bbox_crs=bbox_crs.epsg,
        time=interval_of(query.get("datetime")),
        where=where,
        q=_search_text(query.get("q")),
        as_of=moment_of(query.get("as_of"), "as_of"),
        sort=sort_of(query.get("sortby")),
        after=query.get("after"),
        limit=limit_of(query.get("limit")),
        filter=filter_of(query.get("filter"), query.get("filter-lang")),
        filter_crs=crs_of(query.get("filter-crs"), "filter-crs"),
        fields=fields_of(query.get("properties")),
        crs=crs_of(query.get("crs"), "crs"),
    )


async def with_locations(reader: Reader, selection: Selection, query: QueryParams) -> Selection:
    """The selection with the locations of ``near`` and ``within``, which are read from the database."""
    near, within = query.get("near"), query.get("within")
    if not near and not within:
        return selection
    return replace(selection, near=await near_of(reader, near), along=await along_of(reader, within))


def ids_of(values: list[str]) -> list[uuid.UUID] | None:
    """The ids in the parameter ``id``, which may be repeated and may hold a list; None if there are none."""
    try:
        return [uuid.UUID(item) for text in values for item in text.split(",") if item] if any(values) else None
    except ValueError:
        raise malformed_parameter("id", "không phải UUID", "must be a UUID") from None


def fields_of(text: str | None) -> list[str] | None:
    """The names of the parameter ``properties`` without repetitions; None, for all, if there are none."""
    names = dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip())
    return [name for name in names if name != operands.GEOMETRY] if names else None  # the geometry is always included


def sort_of(text: str | None) -> list[str] | None:
    """The sort keys of the parameter ``sortby``; of a property that is repeated, the first key decides."""
    keys: dict[str, str] = {}
    for key in text.split(",") if text else ():
        direction_and_name = key.strip().removeprefix("+")
        keys.setdefault(direction_and_name.removeprefix("-"), direction_and_name)
    return list(keys.values()) or None


def crs_of(name: str | None, parameter: str) -> CRS:
    """The CRS with this URI; CRS84 for None. Raises ``Malformed``, which lists the supported ones."""
    try:
        return CRS.parse(name) if name else CRS84
    except Invalid as fault:
        supported = ", ".join(crs.uri for crs in OUTPUT_CRS)
        raise Malformed(
            Text(
                f"{parameter}: {fault.detail.vi}. Được phép: {supported}",
                f"{parameter}: {fault.detail.en}. Allowed: {supported}",
            )
        ) from None


def filter_of(text: str | None, language: str | None) -> parse.FilterTree | None:
    """A CQL2 filter as text or, with ``filter-lang=cql2-json``, as JSON."""
    if language not in (None, "", "cql2-text", "cql2-json"):
        raise malformed_parameter("filter-lang", "phải là cql2-text hoặc cql2-json", "must be cql2-text or cql2-json")
    return parse.parse(text, is_json=language == "cql2-json") if text else None


NEAR_PATTERN = re.compile(r"(?P<at>.+?)\s*,\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>m|km)?")
MAX_NEAR_LENGTH = 300
"""A longer text is not matched: the pattern takes time that grows with the square of the spaces in it."""

MAX_DISTANCE_M = 100_000


async def near_of(reader: Reader, text: str | None) -> Near | None:
    """The parameter ``near``: a marker address or coordinates, and a distance, such as ``147/6,500m``."""
    if not text:
        return None
    match = NEAR_PATTERN.fullmatch(text.strip()) if len(text) <= MAX_NEAR_LENGTH else None
    if match is None:
        raise malformed_parameter(
            "near",
            "phải là một vị trí theo mốc và khoảng cách, ví dụ 147/6,500m",
            "must be a marker address and a distance, such as 147/6,500m",
        )
    metres = float(match["number"]) * (1000 if match["unit"] == "km" else 1)
    if metres > MAX_DISTANCE_M:
        raise malformed_parameter("near", "tối đa 100 km", "must be at most 100 km")
    location = await _single_location(reader, match["at"], "near")
    if location.geometry is None or location.geometry["type"] != "Point":
        raise malformed_parameter("near", "vị trí này chưa có tọa độ điểm", "this location has no point coordinates")
    lon, lat = location.geometry["coordinates"]
    return Near(lon, lat, metres)


async def along_of(reader: Reader, text: str | None) -> Along | None:
    """The parameter ``within``: a section of the border line between two markers, such as ``168–168/2``."""
    if not text:
        return None
    location = await _single_location(reader, text, "within")
    if location.length_m is None or location.chainage_m is None or location.border is None:
        raise malformed_parameter(
            "within", "phải là một đoạn giữa hai mốc có vị trí", "must be a section between two markers with positions"
        )
    return Along(location.border.value, location.chainage_m, location.chainage_m + location.length_m)


async def _single_location(reader: Reader, text: str, parameter: str) -> Location:
    """The location of a marker address, which may begin with its border, as in ``VN-KH 96``.

    Raises ``Malformed`` if there is none, or one on each of several borders.
    """
    border, _, address = text.strip().partition(" ")
    has_border = border in [member.value for member in Border]
    try:
        locations = await locate(reader, address if has_border else text, border=border if has_border else None)
    except (Invalid, Missing) as fault:
        errors = [replace(error, field=parameter) for error in fault.errors]
        raise Malformed(
            Text(f"{parameter}: {fault.detail.vi}", f"{parameter}: {fault.detail.en}"), errors, fault.extra
        ) from None
    candidates = [location for location in locations if location.geometry is not None] or locations
    if len({location.border for location in candidates}) > 1:
        raise malformed_parameter(
            parameter, "phải nêu tuyến trước số hiệu mốc, ví dụ VN-KH 96", "must name the border first, as in VN-KH 96"
        )
    return candidates[0]


def _search_text(text: str | None) -> str | None:
    if text and ("\x00" in text or len(text) > 200):  # noqa: PLR2004
        raise malformed_parameter("q", "Từ tìm kiếm không hợp lệ", "must be a text of at most 200 characters")
    return text or None


NUMBER_PATTERN = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*", re.ASCII)


def bbox_of(text: str | None, crs: CRS = CRS84) -> BBox | None:
    """The parameter ``bbox``, given in ``crs`` and its axis order, as west, south, east, north.

    The heights of a box of six numbers are ignored.
    """
    if not text:
        return None
    numbers = [float(part) if NUMBER_PATTERN.fullmatch(part) else None for part in text.split(",")]
    try:
        return parse_bbox(numbers, crs)
    except Invalid as fault:
        raise malformed_parameter("bbox", fault.detail.vi, fault.detail.en) from None
