"""The page of who was given what: readings of restricted records and files that left the house, newest first."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gis.files.formats import FORMATS, NO, YES
from gis.model.fields import Level
from gis.model.layer import Layer, catalog
from gis.text.dates import today
from gis.text.i18n import Text
from maps.rendering import day, link, moment, number, render, said

WORDS: dict[str, Text] = {
    "readings_what": Text(
        "Nhật ký xem hồ sơ hạn chế tiếp cận và tải tệp", "Log of restricted records read and files downloaded"
    ),
    "reading_who": Text("Người xem", "Who"),
    "reading_at": Text("Thời điểm", "When"),
    "reading_deed": Text("Thao tác", "Action"),
    "reading_read": Text("xem hồ sơ hạn chế tiếp cận", "read restricted records"),
    "reading_export": Text("tải tệp", "downloaded a file"),
    "reading_asked": Text("Phạm vi truy vấn", "Selection"),
    "reading_record": Text("mở hồ sơ", "open the record"),
    "reading_records": Text("{n} hồ sơ hạn chế tiếp cận", "{n} restricted records"),
    "reading_all": Text("toàn bộ lớp dữ liệu", "the whole layer"),
    "empty_readings": Text(
        "Không có lượt xem hồ sơ hạn chế tiếp cận hoặc tải tệp trong khoảng thời gian này. Hãy chọn khoảng dài hơn.",
        "No restricted record was read and no file downloaded in this period. Choose a longer one.",
    ),
}
"""The wordings of this page alone, in both languages."""

NONE = Text("không có", "none")
DOWN, UP = Text("giảm dần", "downwards"), Text("tăng dần", "upwards")

SAID_ELSEWHERE = {"records", "restricted", "fields", "where"}
"""What the journal tells beside the narrowings: other columns of the table say it, or nobody asks."""

LONGEST = 400


def readings_page(
    language: str,
    *,
    readings: Sequence[Mapping[str, Any]],
    layers: Sequence[tuple[str, Text]],
    since: datetime,
    until: datetime,
    more: str | None,
    **shell: Any,
) -> str:
    """The page ``/readings``. ``more`` is the address of what came before these."""
    titles = {name: said(title, language) for name, title in layers}
    query = {name: value for name, value in shell.pop("query", {}).items() if name != "as_of"}
    kept = {name: query[name] for name in ("by", "layer") if query.get(name)}
    return render(
        "pages/access_log.html",
        language,
        path="/readings",
        wordings=WORDS,
        query=query,
        lines=[
            {**one, "title": titles.get(one["layer_read"], one["layer_read"]), **_asked(one, language)}
            for one in readings
        ],
        layers=list(titles.items()),
        people=sorted({str(one["actor"]) for one in readings}),
        spans=[(n, link("/readings", {**kept, "since": day(today() - timedelta(days=n))})) for n in (0, 7, 30)],
        since=since,
        until=until,
        more=more,
        **shell,
    )


def _asked(one: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What was asked for, in a line: each narrowing by its name; how many records were restricted.

    Whoever has the login that writes can tell the journal anything, and no entry may hide the others: what is not
    told as we tell it stands as it was told.
    """
    told, layer = one["selection"] or {}, catalog.get(one["layer_read"])
    try:
        line = " · ".join(_narrowings(layer, told, language))
        restricted = told.get("restricted")
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
        line, restricted = json.dumps(told, ensure_ascii=False), None
    asked = line[:LONGEST] + ("…" if len(line) > LONGEST else "")
    return {"asked": asked, "restricted": restricted if isinstance(restricted, int) else None}


def _narrowings(layer: Layer | None, told: Mapping[str, Any], language: str) -> Iterator[str]:
    yield from _where(layer, told.get("where", {}), language)
    for name, (title, shown) in NARROWINGS.items():
        if name in told:
            yield f"{said(title, language)}: {shown(told[name], layer, language)}"


def _where(layer: Layer | None, where: Mapping[str, Sequence[str]], language: str) -> Iterator[str]:
    """``Tình trạng: hư hỏng, mất`` for each property that had to have one of some values."""
    for name, values in where.items():
        field = layer.fields.get(name) if layer else None
        words = {str(word): said(word.title, language) for word in (field and field.codes) or ()}
        words |= {"true": said(YES, language), "false": said(NO, language)} if field and field.type == "boolean" else {}
        shown = ", ".join(words.get(value, value) or said(NONE, language) for value in values)
        yield f"{said(field.title, language) if field else name}: {shown}"


def _figures(language: str, *values: float) -> str:
    return "; ".join(number(int(value) if value == int(value) else round(value, 5), language) for value in values)


def _order(layer: Layer | None, key: str, language: str) -> str:
    field = layer.fields.get(key.lstrip("+-")) if layer else None
    return f"{said(field.title, language) if field else key} {said(DOWN if key.startswith('-') else UP, language)}"


Shown = Callable[[Any, Layer | None, str], str]

NARROWINGS: dict[str, tuple[Text, Shown]] = {
    "q": (Text("từ khóa", "keywords"), lambda value, *_: str(value)),
    "bbox": (Text("trong khung", "in the box"), lambda value, _, language: _figures(language, *value)),
    "near": (
        Text("quanh", "around"),
        lambda value, _, language: (
            f"{_figures(language, value['lon'], value['lat'])}, {_figures(language, value['metres'])} m"
        ),
    ),
    "along": (
        Text("dọc tuyến", "along the line"),
        lambda value, _, language: (
            f"{value['route']}, {_figures(language, value['start_m'])} – {_figures(language, value['end_m'])} m"
        ),
    ),
    "time": (
        Text("thời gian", "time"),
        lambda value, *_: " – ".join(moment(end) if end else "…" for end in value),
    ),
    "since": (Text("thay đổi từ", "changes since"), lambda value, *_: moment(value)),
    "as_of": (Text("tại thời điểm", "as of"), lambda value, *_: moment(value)),
    "filter": (Text("bộ lọc", "filter"), lambda value, *_: json.dumps(value, ensure_ascii=False)),
    "sort": (
        Text("sắp xếp theo", "sorted by"),
        lambda value, layer, language: ", ".join(_order(layer, key, language) for key in value),
    ),
    "tile": (Text("ô bản đồ", "map tile"), lambda value, *_: str(value)),
    "ids": (Text("mã định danh", "identifiers"), lambda value, *_: ", ".join(map(str, value))),
    "format": (Text("tệp", "file"), lambda value, _, language: said(FORMATS[value].title, language)),
    "reader": (Text("bản dành cho", "for readers"), lambda value, _, language: said(Level(value).title, language)),
    "rows": (Text("số dòng", "rows"), lambda value, _, language: number(value, language)),
}
"""How what narrows a selection, or tells of a file, is said; ``where`` goes by the titles of the fields."""
