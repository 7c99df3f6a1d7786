"""The page of who was given what: readings of restricted records and files that left the house, newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gis.language import Text
from gis.moments import today
from maps.page import day, link, render, said

WORDS: dict[str, Text] = {
    "readings_what": Text(
        "Ai đã xem hồ sơ hạn chế, ai đã lấy tệp nào đi", "Who was given a restricted record, who took a file away"
    ),
    "reading_who": Text("Người xem", "Who"),
    "reading_at": Text("Lúc", "When"),
    "reading_deed": Text("Việc", "What"),
    "reading_read": Text("xem hồ sơ hạn chế", "read restricted records"),
    "reading_export": Text("lấy tệp", "took a file"),
    "reading_asked": Text("Phần đã hỏi", "What was asked for"),
    "reading_record": Text("mở hồ sơ", "open the record"),
    "reading_records": Text("{n} hồ sơ hạn chế", "{n} restricted records"),
    "reading_all": Text("cả lớp", "the whole layer"),
    "empty_readings": Text(
        "Trong khoảng này không ai xem hồ sơ hạn chế hay lấy tệp. Hãy chọn khoảng dài hơn.",
        "Nobody was given a restricted record or took a file in this time. Choose a longer one.",
    ),
}
"""The wordings of this page alone, in both languages."""

SAID_ELSEWHERE = {"records", "restricted", "fields"}
LONGEST = 220


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
        "readings.html",
        language,
        path="/readings",
        wordings=WORDS,
        query=query,
        lines=[{**one, "title": titles.get(one["layer_read"], one["layer_read"]), **_asked(one)} for one in readings],
        layers=list(titles.items()),
        people=sorted({str(one["actor"]) for one in readings}),
        spans=[(n, link("/readings", {**kept, "since": day(today() - timedelta(days=n))})) for n in (0, 7, 30)],
        since=since,
        until=until,
        more=more,
        **shell,
    )


def _asked(one: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, in a line: each narrowing by its name; how many records were restricted."""
    told = one["selection"] or {}
    parts = [f"{name}: {_plain(value)}" for name, value in told.items() if name not in SAID_ELSEWHERE]
    line = " · ".join(parts)
    return {"asked": line[:LONGEST] + ("…" if len(line) > LONGEST else ""), "restricted": told.get("restricted")}


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_plain(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
