"""Units (đơn vị) and administrative areas (địa giới hành chính), each with its validity and its successor.

On 1 July 2025 districts were abolished, Long An was merged into Tây Ninh and Bình Phước into Đồng Nai. Former units
and areas are kept, so that records under the old names remain readable.
"""

import datetime as dt
from typing import Any

from sqlalchemy.orm import Mapped

from gis.model import CodeList, Display, field, geometry
from layers.groups import Group
from layers.markers import Side
from layers.secrecy import Unclassified


class UnitKind(CodeList):
    """The kind of unit."""

    GOVERNMENT = "government", ("Chính phủ", "Government")
    MINISTRY = "ministry", ("Bộ, ngành Trung ương", "Central ministry or agency")
    PEOPLE_COMMITTEE = "people_committee", ("Ủy ban nhân dân", "People's Committee")
    STEERING_COMMITTEE = "steering_committee", ("Ban Chỉ đạo", "Steering committee")
    DEPARTMENT = "department", ("Sở, ban, ngành", "Department")
    OFFICE = "office", ("Phòng, văn phòng", "Office")
    MANAGEMENT_BOARD = "management_board", ("Ban quản lý", "Management board")
    BORDER_GUARD = "border_guard", ("Bộ đội Biên phòng", "Border Guard")
    MILITARY_COMMAND = "military_command", ("Bộ Chỉ huy quân sự", "Military command")
    NEIGHBOUR_PROVINCE = "neighbour_province", ("Tỉnh phía bạn", "Neighbouring province")
    COMMITTEE = "committee", ("Ủy ban liên hợp, ủy ban khác", "Joint or other committee")


class Unit(
    Unclassified,
    layer="units",
    title=("Đơn vị", "Units"),
    order=("name", "valid_from"),
    label_sql="name",
    has_geometry=False,
    display=Display(
        label="{name}",
        singular=("đơn vị", "unit"),
        under=("short_name", "parent"),
        beside=("valid_to",),
        columns=("name", "short_name", "kind", "side", "parent", "valid_from", "valid_to", "successor"),
        filters=("kind", "side", "province", "parent"),
        ends="valid_to",
        successor="successor",
        group=Group.REGISTER,
        rank=110,
    ),
):
    """A body that leads, coordinates or approves tasks and works, or on which they wait."""

    name: Mapped[str] = field("Tên", "Name", max_length=200)
    short_name: Mapped[str | None] = field("Tên viết tắt", "Short name", max_length=100)
    aliases: Mapped[list[str] | None] = field("Tên khác", "Aliases")
    kind: Mapped[UnitKind] = field("Loại", "Kind")
    side: Mapped[Side] = field("Phía", "Side", default=Side.OURS)
    province: Mapped[str | None] = field("Tỉnh", "Province", max_length=100)
    parent: Mapped[str | None] = field("Cấp trên", "Parent", max_length=200, register="units")
    valid_from: Mapped[dt.date | None] = field("Từ ngày", "Valid from")
    valid_to: Mapped[dt.date | None] = field("Đến ngày", "Valid to")
    successor: Mapped[str | None] = field("Đơn vị kế thừa", "Succeeding unit", max_length=200, register="units")
    geom: Mapped[Any] = geometry("GEOMETRY")


class AdministrativeKind(CodeList):
    """Province, district (abolished on 01/07/2025) or commune."""

    PROVINCE = "province", ("Tỉnh", "Province")
    DISTRICT = "district", ("Huyện", "District")
    COMMUNE = "commune", ("Xã, phường", "Commune")


class AdministrativeArea(
    Unclassified,
    layer="administrative_areas",
    title=("Địa giới hành chính", "Administrative areas"),
    order=("kind", "name"),
    label_sql="name",
    has_geometry=False,
    display=Display(
        label="{name}",
        singular=("đơn vị hành chính", "administrative area"),
        under=("kind", "parent"),
        beside=("valid_to",),
        ends="valid_to",
        successor="successor",
        group=Group.REGISTER,
        rank=120,
    ),
):
    """A province, district or commune, with its validity and its successor."""

    name: Mapped[str] = field("Tên", "Name", max_length=200)
    kind: Mapped[AdministrativeKind] = field("Cấp", "Kind")
    parent: Mapped[str | None] = field("Thuộc", "Parent", max_length=200, register="administrative_areas")
    valid_from: Mapped[dt.date | None] = field("Từ ngày", "Valid from")
    valid_to: Mapped[dt.date | None] = field("Đến ngày", "Valid to")
    successor: Mapped[str | None] = field(
        "Đơn vị hành chính kế thừa", "Succeeding area", max_length=200, register="administrative_areas"
    )
    note: Mapped[str | None] = field("Ghi chú", "Note")
    geom: Mapped[Any] = geometry("GEOMETRY")
