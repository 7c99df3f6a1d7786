"""The page of the access log: who read restricted records or downloaded files, the newest first."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gis.files import FORMATS
from gis.model import Layer, Level, catalog, field_types
from gis.text import Text, format_date, format_datetime, format_number, today
from maps.labels import actor_text
from maps.rendering import localized, render, url_with_query

MESSAGES: dict[str, Text] = {
    "readings_subtitle": Text(
        "Nhật ký xem hồ sơ hạn chế tiếp cận và tải tệp", "Log of restricted records read and files downloaded"
    ),
    "reading_actor": Text("Người dùng", "User"),
    "reading_at": Text("Thời điểm", "When"),
    "reading_action": Text("Thao tác", "Action"),
    "reading_read": Text("xem hồ sơ hạn chế tiếp cận", "read restricted records"),
    "reading_export": Text("tải tệp", "downloaded a file"),
    "reading_selection": Text("Phạm vi truy vấn", "Selection"),
    "reading_record": Text("mở hồ sơ", "open the record"),
    "reading_records": Text("{n} hồ sơ hạn chế tiếp cận", "{n} restricted records"),
    "reading_all": Text("toàn bộ lớp dữ liệu", "the whole layer"),
    "empty_readings": Text(
        "Không có lượt xem hồ sơ hạn chế tiếp cận hoặc tải tệp trong khoảng thời gian này. Hãy chọn khoảng dài hơn.",
        "No restricted record was read and no file downloaded in this period. Choose a longer one.",
    ),
}
"""Messages that only this page needs."""

NO_VALUE = Text("không có", "none")
DESCENDING, ASCENDING = Text("giảm dần", "descending"), Text("tăng dần", "ascending")

HIDDEN_KEYS = {"records", "restricted", "fields", "where"}
"""Keys of a selection that are not in ``CONDITIONS``; ``where`` and ``restricted`` are shown separately."""

MAX_TEXT_LENGTH = 400


def access_log_page(
    language: str,
    *,
    entries: Sequence[Mapping[str, Any]],
    layers: Sequence[tuple[str, Text]],
    since: datetime,
    until: datetime,
    more: str | None,
    **context: Any,
) -> str:
    """The page ``/readings``. ``more`` is the URL of the next page, of older entries."""
    titles = {name: localized(title, language) for name, title in layers}
    query = {name: value for name, value in context.pop("query", {}).items() if name != "as_of"}
    filters = {name: query[name] for name in ("by", "layer") if query.get(name)}
    return render(
        "pages/access_log.html",
        language,
        path="/readings",
        page_messages=MESSAGES,
        query=query,
        entries=[
            {
                **entry,
                "actor": actor_text(entry["actor"], language),
                "title": titles.get(entry["layer_read"], entry["layer_read"]),
                **_selection_summary(entry, language),
            }
            for entry in entries
        ],
        layers=list(titles.items()),
        people=sorted({str(entry["actor"]) for entry in entries}),
        spans=[
            (n, url_with_query("/readings", {**filters, "since": format_date(today() - timedelta(days=n))}))
            for n in (0, 7, 30)
        ],
        since=since,
        until=until,
        more=more,
        **context,
    )


def _selection_summary(entry: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The conditions of an entry's selection as one text, and the number of restricted records that it returned.

    The writer's database login can write entries of any structure. Such an entry must not make the page fail and hide
    the others, so a selection without the expected structure is shown as JSON.
    """
    selection, layer = entry["selection"] or {}, catalog.get(entry["layer_read"])
    try:
        text = " · ".join(_condition_texts(layer, selection, language))
        restricted = selection.get("restricted")
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
        text, restricted = json.dumps(selection, ensure_ascii=False), None
    conditions = text[:MAX_TEXT_LENGTH] + ("…" if len(text) > MAX_TEXT_LENGTH else "")
    return {"conditions": conditions, "restricted": restricted if isinstance(restricted, int) else None}


def _condition_texts(layer: Layer | None, selection: Mapping[str, Any], language: str) -> Iterator[str]:
    yield from _where_texts(layer, selection.get("where", {}), language)
    for name, (title, condition_text) in CONDITIONS.items():
        if name in selection:
            yield f"{localized(title, language)}: {condition_text(selection[name], layer, language)}"


def _where_texts(layer: Layer | None, where: Mapping[str, Sequence[str]], language: str) -> Iterator[str]:
    """A text such as ``Tình trạng: hư hỏng, mất`` for each property that is filtered by values."""
    for name, values in where.items():
        field = layer.fields.get(name) if layer else None
        titles = {str(code): localized(code.title, language) for code in (field and field.codes) or ()}
        if field and field.type is field_types.BOOLEAN:
            titles |= {str(value).lower(): field.type.in_words(value, language) for value in (True, False)}
        text = ", ".join(titles.get(value, value) or localized(NO_VALUE, language) for value in values)
        yield f"{localized(field.title, language) if field else name}: {text}"


def _numbers_text(language: str, *values: float) -> str:
    return "; ".join(
        format_number(int(value) if value == int(value) else round(value, 5), language) for value in values
    )


def _sort_text(layer: Layer | None, key: str, language: str) -> str:
    field = layer.fields.get(key.lstrip("+-")) if layer else None
    direction = DESCENDING if key.startswith("-") else ASCENDING
    return f"{localized(field.title, language) if field else key} {localized(direction, language)}"


ConditionText = Callable[[Any, Layer | None, str], str]

CONDITIONS: dict[str, tuple[Text, ConditionText]] = {
    "q": (Text("từ khóa", "keywords"), lambda value, *_: str(value)),
    "bbox": (Text("trong khung", "in the bounding box"), lambda value, _, language: _numbers_text(language, *value)),
    "near": (
        Text("quanh", "near"),
        lambda value, _, language: (
            f"{_numbers_text(language, value['lon'], value['lat'])}, {_numbers_text(language, value['metres'])} m"
        ),
    ),
    "along": (
        Text("dọc tuyến", "along the line"),
        lambda value, _, language: (
            f"{value['route']}, {_numbers_text(language, value['start_m'])}"
            f" – {_numbers_text(language, value['end_m'])} m"
        ),
    ),
    "time": (
        Text("thời gian", "time"),
        lambda value, *_: " – ".join(format_datetime(end) if end else "…" for end in value),
    ),
    "since": (Text("thay đổi từ", "changes since"), lambda value, *_: format_datetime(value)),
    "as_of": (Text("tại thời điểm", "as of"), lambda value, *_: format_datetime(value)),
    "filter": (Text("bộ lọc", "filter"), lambda value, *_: json.dumps(value, ensure_ascii=False)),
    "sort": (
        Text("sắp xếp theo", "sorted by"),
        lambda value, layer, language: ", ".join(_sort_text(layer, key, language) for key in value),
    ),
    "tile": (Text("ô bản đồ", "map tile"), lambda value, *_: str(value)),
    "ids": (Text("mã định danh", "identifiers"), lambda value, *_: ", ".join(map(str, value))),
    "format": (Text("tệp", "file"), lambda value, _, language: localized(FORMATS[value].title, language)),
    "reader": (Text("bản dành cho", "for readers"), lambda value, _, language: localized(Level(value).title, language)),
    "rows": (Text("số dòng", "rows"), lambda value, _, language: format_number(value, language)),
}
"""The title and the text of each condition of a selection, and of each property of a file, except ``where``."""
