"""Incidents (sự vụ) on the border and the status of their handling.

Categories follow the Law on National Borders 2003, Article 14, and the 2009 Vietnam–China agreement on border
regulation; the order of the steps of handling is the office's practice.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    SKY,
    CodeList,
    Display,
    Flag,
    Mark,
    OrderedCodeList,
    Status,
    derived,
    field,
    geometry,
    transitions_to,
)
from gis.text import invalid, today
from gis.write import create_command, store_new, store_update, update_command
from layers.border_feature import BorderFeature
from layers.groups import Group

CLOCK_SKEW = dt.timedelta(minutes=10)
"""How far the clock of a device may be ahead of the server's."""


class IncidentCategory(CodeList):
    """The category (Law on National Borders 2003, Article 14; agreement of 2009, Articles 14, 15 and 21)."""

    ILLEGAL_CROSSING = "illegal_crossing", ("Xuất nhập cảnh trái phép", "Illegal crossing")
    MARKER_DAMAGE = "marker_damage", ("Hư hại mốc", "Damage to a marker")
    MARKER_MOVED = "marker_moved", ("Xê dịch mốc", "Marker moved")
    LINE_ALTERED = "line_altered", ("Làm sai lệch đường biên giới", "Boundary line altered")
    FLOW_CHANGE = "flow_change", ("Làm thay đổi dòng chảy sông, suối biên giới", "Flow of a border river changed")
    ENCROACH_FARM = "encroach_farm", ("Xâm canh", "Farming encroachment")
    ENCROACH_LIVE = "encroach_live", ("Xâm cư", "Settlement encroachment")
    ILLEGAL_BUILDING = "illegal_building", ("Xây dựng trái phép", "Illegal building")
    WORKS_DAMAGE = "works_damage", ("Phá hoại công trình biên giới", "Damage to border works")
    WATER_POLLUTION = "water_pollution", ("Ô nhiễm nguồn nước", "Water pollution")
    DRAINAGE = "drainage", ("Cống thoát nước, ngập úng", "Drainage")
    SMUGGLING = "smuggling", ("Buôn lậu", "Smuggling")
    DRUGS = "drugs", ("Ma túy", "Drugs")
    TRAFFICKING = "trafficking", ("Mua bán người", "Trafficking")
    AIRSPACE = "airspace", ("Vi phạm vùng trời, UAV", "Airspace, drones")
    BURNING = "burning", ("Đốt cây khai hoang", "Clearing by fire")
    MINING = "mining", ("Khai khoáng", "Mining")
    BLAST = "blast", ("Gây nổ", "Blasting")
    SHOOTING = "shooting", ("Nổ súng", "Shooting")
    CROSS_BORDER_USE = "cross_border_use", ("Khai thác vượt biên", "Use across the border")
    DISASTER = "disaster", ("Cháy, lũ lan qua biên giới", "Fire or flood across the border")
    DISEASE = "disease", ("Dịch bệnh", "Disease")
    PROPERTY = "property", ("Trộm cắp, cướp", "Theft, robbery")
    VIOLENCE = "violence", ("Gây thương tích", "Violence")
    OTHER = "other", ("Khác", "Other")


class Severity(OrderedCodeList):
    """The severity, in ascending order."""

    LOW = "low", ("Ít nghiêm trọng", "Low"), Mark("circle", GREY)
    MEDIUM = "medium", ("Trung bình", "Medium"), Mark("diamond", BLUE)
    HIGH = "high", ("Nghiêm trọng", "High"), Mark("triangle", AMBER), Flag.STANDS_OUT
    CRITICAL = "critical", ("Đặc biệt nghiêm trọng", "Critical"), Mark("square", RED), Flag.STANDS_OUT


class Handling(Status):
    """The status of handling; one step at a time, each with its reason."""

    REPORTED = (
        "reported",
        ("Báo cáo nhanh", "Reported"),
        Mark("flag", RED),
        transitions_to("verified", "dismissed"),
        Flag.NEEDS_ACTION,
    )
    VERIFIED = (
        "verified",
        ("Đã xác minh", "Verified"),
        Mark("flag", AMBER),
        transitions_to("recorded", "resolved", "dismissed"),
    )
    RECORDED = "recorded", ("Đã lập biên bản", "Recorded"), Mark("flag", AMBER), transitions_to("exchanged", "resolved")
    EXCHANGED = (
        "exchanged",
        ("Đã trao đổi với phía bạn", "Raised with the neighbour"),
        Mark("flag", PURPLE),
        transitions_to("talks", "note_sent", "resolved"),
    )
    TALKS = "talks", ("Đã hội đàm", "Talks held"), Mark("flag", PURPLE), transitions_to("note_sent", "resolved")
    NOTE_SENT = "note_sent", ("Đã gửi công hàm", "Note sent"), Mark("flag", SKY), transitions_to("talks", "resolved")
    RESOLVED = (
        "resolved",
        ("Đã xử lý", "Resolved"),
        Mark("flag", GREEN),
        transitions_to("closed", "verified"),
        Flag.FINISHED,
    )
    CLOSED = "closed", ("Đã kết thúc", "Closed"), Mark("flag", GREY), transitions_to("verified"), Flag.FINISHED
    DISMISSED = (
        "dismissed",
        ("Không đủ căn cứ, không xử lý", "Dismissed: not enough grounds"),
        Mark("flag", GREY),
        transitions_to("reported"),
        Flag.FINISHED,
    )


class IncidentSide(CodeList):
    """The side on which it happened, as reported; it is never derived from the indicative line."""

    OURS = "ours", ("Phía ta", "Our side")
    THEIRS = "theirs", ("Phía bạn", "Their side")
    BOTH = "both", ("Cả hai bên", "Both sides")
    ON_LINE = "on_line", ("Trên đường biên", "On the line")
    UNKNOWN = "unknown", ("Chưa rõ", "Unknown")


class Incident(
    BorderFeature,
    layer="incidents",
    title=("Sự vụ", "Incidents"),
    style_field="handling",
    order=("-occurred_at", "code"),
    time="occurred_at",
    label_sql="code",
    location_required=True,
    display=Display(
        label="{code} · {category}",
        singular=("sự vụ", "incident"),
        on_map="{code}",
        under=("address", "handling", "severity"),
        beside=("occurred_at",),
        columns=("code", "category", "severity", "handling", "occurred_at", "address", "unit"),
        filters=("handling", "severity", "category", "unit"),
        facts=("severity", "occurred_at", "unit", "description"),
        hidden=("open",),
        mark=Mark("flag", GREY),
        second_mark="severity",
        group=Group.WORK,
        rank=10,
        tab=True,
        link_role="subject",
        new_page="/incidents/new",
    ),
    unique=("code",),
):
    """Something that happened on the border and has to be handled."""

    code: Mapped[str] = field("Mã sự vụ", "Code", writable=False, max_length=20)
    category: Mapped[IncidentCategory] = field("Loại sự vụ", "Category")
    severity: Mapped[Severity] = field("Mức độ", "Severity", default=Severity.MEDIUM)
    handling: Mapped[Handling] = field("Tình trạng xử lý", "Handling status", default=Handling.REPORTED)
    occurred_at: Mapped[dt.datetime | None] = field("Thời điểm xảy ra", "Occurred at")
    description: Mapped[str | None] = field("Mô tả", "Description", max_length=5000)
    side: Mapped[IncidentSide] = field("Phía xảy ra", "Side where it happened", default=IncidentSide.UNKNOWN)
    unit: Mapped[str | None] = field("Đơn vị", "Unit", max_length=200, register="units")
    open = derived(
        "Đang xử lý",
        "Open",
        lambda row: f"{row['handling']} <> all (array{list(Handling.flagged(Flag.FINISHED))})",
        type="boolean",
    )
    geom: Mapped[Any] = geometry("GEOMETRY")

    def derive(self, session: Session) -> None:
        """Allocate the code last: the counter row stays locked until commit."""
        super().derive(session)
        if self.code is None:
            self.code = _next_code(session)


@create_command(Incident)
def report(session: Session, values: Mapping[str, Any]) -> Incident:
    """Report an incident; category and location are required. It gets the next code of the year."""
    occurred_at = values.get("occurred_at") or dt.datetime.now(dt.UTC)
    _refuse_future_time(occurred_at)
    fields = {**values, "occurred_at": occurred_at}
    fields.setdefault("unit", session.actor.unit or None)
    return store_new(session, Incident, fields)


@update_command(Incident)
def supplement(session: Session, incident: Incident, values: Mapping[str, Any]) -> None:
    """Supplement or correct an incident."""
    if values.get("occurred_at"):
        _refuse_future_time(values["occurred_at"])
    store_update(session, Incident.layer, incident, values)


def _refuse_future_time(time: dt.datetime) -> None:
    if time > dt.datetime.now(dt.UTC) + CLOCK_SKEW:
        raise invalid(
            "occurred_at",
            "future",
            "Thời điểm xảy ra không được sau thời điểm hiện tại",
            "`occurred_at` must not be in the future",
        )


def _next_code(session: Session) -> str:
    """The next code of the year. Codes have no gaps, because the counter is part of the same transaction."""
    year = today().year
    number = session.execute(
        text(
            "insert into app.counters (name, value) values (:name, 1)"
            " on conflict (name) do update set value = counters.value + 1 returning value"
        ),
        {"name": f"incidents-{year}"},
    ).scalar_one()
    return f"SV-{year}-{number:04d}"
