"""Query parameters turned into a ``Selection``. An unknown one is refused with the list of what there is."""

import datetime as dt
import math
import uuid
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import QueryParams

from gis.database import Actor, Database
from gis.errors import Malformed, Missing
from gis.language import Text
from gis.layer import Layer, catalog
from gis.query import Selection

DEFAULT_LIMIT, MAX_LIMIT = 100, 10_000
OWN = {"bbox", "datetime", "limit", "after", "q", "as_of", "sortby", "lang", "f", "reader"}


def database_of(request: Request) -> Database:
    """The database that this application serves from."""
    found: Database = request.app.state.database
    return found


def layer_named(layer: str) -> Layer:
    """The collection of that name."""
    if layer not in catalog:
        names = ", ".join(catalog)
        raise Missing(Text(f"Không có lớp này. Có: {names}", f"No such collection. There are: {names}"))
    return catalog[layer]


def feature_id(item: str) -> uuid.UUID:
    """An id as it stands in a path; what is no UUID is missing like any other."""
    try:
        return uuid.UUID(item)
    except ValueError:
        raise Missing(Text("Không có mục này", "There is no such feature")) from None


DatabaseParam = Annotated[Database, Depends(database_of)]
LayerParam = Annotated[Layer, Depends(layer_named)]
IdParam = Annotated[uuid.UUID, Depends(feature_id)]


def selection_of(layer: Layer, query: QueryParams, actor: Actor, *, lenient: bool = False) -> Selection:
    """What the query asks of a layer. ``lenient`` leaves unknown parameters aside, as a page does."""
    where: dict[str, list[str]] = {}
    known = layer.readable(actor.level)
    for name in query:
        if name in known:
            values = query.getlist(name)
            where[name] = [
                one for value in values for one in (value.split(",") if known[name].type != "text" else [value])
            ]
        elif name not in OWN and not lenient:
            names = ", ".join([*sorted(OWN), *known])
            raise Malformed(
                Text(f"Không có tham số '{name[:60]}'. Có: {names}", f"No parameter '{name[:60]}'. There are: {names}")
            )
    return Selection(
        layer=layer,
        reader=actor.level,
        bbox=bbox_of(query.get("bbox")),
        time=interval_of(query.get("datetime")),
        where=where,
        q=_searched(query.get("q")),
        as_of=moment_of(query.get("as_of"), "as_of"),
        sort=query["sortby"].split(",") if query.get("sortby") else None,
        after=query.get("after"),
        limit=limit_of(query.get("limit")),
    )


def _searched(words: str | None) -> str | None:
    if words and ("\x00" in words or len(words) > 200):  # noqa: PLR2004
        raise _bad("q", "Từ tìm kiếm không hợp lệ", "Not a valid search")
    return words or None


def _bad(name: str, vi: str, en: str) -> Malformed:
    return Malformed(Text(f"{name}: {vi}", f"{name}: {en}"))


def limit_of(text: str | None) -> int:
    """1 to 10,000 features a page."""
    if text is None or text == "":
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT or len(text) > 9:  # noqa: PLR2004
        raise _bad("limit", f"số nguyên từ 1 đến {MAX_LIMIT}", f"a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def bbox_of(text: str | None) -> tuple[float, float, float, float] | None:
    """West, south, east, north in WGS 84 degrees; a box with heights gives its footprint."""
    if not text:
        return None
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # noqa: PLR2004 - with heights, which we do not keep
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(math.isfinite(one) for one in numbers):  # noqa: PLR2004
        raise _bad("bbox", "bốn số: tây,nam,đông,bắc", "four numbers: west,south,east,north")
    west, south, east, north = numbers
    if west > east or south > north or not (west >= -180 and east <= 180 and south >= -90 and north <= 90):  # noqa: PLR2004
        raise _bad("bbox", "tây ≤ đông, nam ≤ bắc, trong phạm vi trái đất", "west ≤ east, south ≤ north, on the earth")
    return west, south, east, north


def moment_of(text: str | None, name: str, *, end: bool = False) -> dt.datetime | None:
    """An RFC 3339 time, or a date taken as its first or, with ``end``, its last moment in Vietnam."""
    if not text or text == "..":
        return None
    try:
        if len(text) == len("2026-01-01"):
            day = dt.date.fromisoformat(text)
            clock = dt.time.max if end else dt.time.min
            return dt.datetime.combine(day, clock, dt.timezone(dt.timedelta(hours=7)))
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise _bad(name, "ngày hoặc thời điểm RFC 3339", "an RFC 3339 date or time") from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def interval_of(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """A time, or ``start/end`` of which either may be ``..``."""
    if not text:
        return None
    start, slash, end = text.partition("/")
    if not slash:
        return moment_of(start, "datetime"), moment_of(start, "datetime", end=True)
    found = moment_of(start, "datetime"), moment_of(end, "datetime", end=True)
    if found[0] and found[1] and found[0] > found[1]:
        raise _bad("datetime", "đầu phải trước cuối", "the start must not be after the end")
    return found
