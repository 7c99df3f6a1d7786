"""The card: a thing is declared once, as a class, and everything else is derived from the declaration.

``Feature`` gives the common columns, ``field`` and ``derived`` the thing's own, ``Layer`` is the card as other
modules read it: its fields, its status, its drafts, its history table. ``catalog`` holds every card in reading order.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field as attribute, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from geoalchemy2 import Geometry
from sqlalchemy import (
    Computed,
    Float,
    Table,
    Text as SqlText,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.model.code_lists import Status
from gis.model.fields import (
    ASSUMED_PREFIX,
    SCHEMA,
    TEXT_COLLATION,
    Clearance,
    Derived,
    Field,
    Level,
    PositionSource,
    ScopedClearance,
    field,
)
from gis.model.record import Record
from gis.model.tables import (
    geometry_checks,
    history_table,
    order_index,
    restricted_index,
    unique_indexes,
    unlocated_index,
    web_mercator_column,
)
from gis.text.errors import invalid
from gis.text.i18n import Text


class Feature(Record):
    """What every feature has beside its own fields. Lengths are metres, angles WGS 84 degrees, times UTC."""

    __abstract__ = True
    layer: ClassVar["Layer"]
    history: ClassVar[Table]
    if TYPE_CHECKING:
        geom: Any

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, sort_order=-100)
    level: Mapped[Level] = field("Phạm vi khai thác", "Level", default=Level.INTERNAL, sort_order=-90)
    position_source: Mapped[PositionSource] = field(
        "Nguồn vị trí", "Position source", default=PositionSource.NONE, sort_order=100
    )
    accuracy_m: Mapped[float | None] = field("Sai số", "Accuracy", unit="m", masked_when_assumed=True, sort_order=101)
    address: Mapped[str | None] = field("Lý trình", "Address", writable=False, masked_when_assumed=True, sort_order=102)
    chainage_m: Mapped[float | None] = field(
        "Khoảng cách dọc tuyến", "Chainage", writable=False, masked_when_assumed=True, unit="m", sort_order=103
    )
    original: Mapped[dict[str, Any] | None] = field(
        "Vị trí theo văn bản gốc", "Position as in the original", level=Level.INTERNAL, writable=False, sort_order=104
    )
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000, sort_order=105)
    version: Mapped[int] = field("Phiên bản", "Version", writable=False, set_by_trigger=True, sort_order=110)
    created_at: Mapped[dt.datetime] = field(
        "Thời điểm tạo", "Created at", writable=False, set_by_trigger=True, sort_order=111
    )
    created_by: Mapped[str] = field(
        "Người tạo", "Created by", level=Level.INTERNAL, writable=False, set_by_trigger=True, sort_order=112
    )
    updated_at: Mapped[dt.datetime] = field(
        "Thời điểm sửa", "Updated at", writable=False, set_by_trigger=True, sort_order=113
    )
    retired_at: Mapped[dt.datetime | None] = field(
        "Thời điểm ngừng theo dõi", "Retired at", level=Level.INTERNAL, writable=False, eager=True, sort_order=114
    )

    def __init_subclass__(cls, *, layer: str | None = None, **card: Any) -> None:
        if layer is None:
            super().__init_subclass__()
            return
        cls.__tablename__ = layer
        kind = cls.__dict__["geom"].column.type.geometry_type
        shown = "case when position_source <> 'assumed' then {} end"
        cls.shared_geom = mapped_column(
            Geometry(kind, srid=WGS84, spatial_index=True),
            Computed(shown.format("geom"), persisted=True),
            sort_order=901,
        )
        projected = f"ST_Transform(geom, {WEB_MERCATOR})"
        cls.mercator = web_mercator_column(kind, projected, 904)
        cls.shared_mercator = web_mercator_column(kind, shown.format(projected), 905)
        cls.shared_address = mapped_column(
            SqlText(collation=TEXT_COLLATION),
            # An address counted from an assumed marker gives that marker's place away, whatever is known of this one.
            Computed(shown.format(f"case when address not like '{ASSUMED_PREFIX}%' then address end"), persisted=True),
            sort_order=902,
        )
        cls.shared_chainage_m = mapped_column(
            Float, Computed(shown.format("chainage_m"), persisted=True), sort_order=903
        )
        # How far off an assumed place may be follows from how far the next surveyed marker is: it gives the place away.
        cls.shared_accuracy_m = mapped_column(
            Float, Computed(shown.format("accuracy_m"), persisted=True), sort_order=903
        )
        cls.__table_args__ = (
            *geometry_checks(),
            *unique_indexes(layer, card.pop("unique", ())),
            restricted_index(layer),
            unlocated_index(layer),
            order_index(layer, card.get("order", Layer.order)),
            *cls.__dict__.get("indexes", ()),
        )
        super().__init_subclass__()
        cls.layer = Layer(name=layer, model=cls, geometry_type=kind, **card)
        cls.history = history_table(cls.__table__, "version")  # type: ignore[arg-type]
        catalog[layer] = cls.layer

    @classmethod
    def check_text(cls, name: str, value: str) -> None:
        """A place for the owner's own rules about text that comes in; raises ``Invalid`` naming the field."""

    def set_location(self, session: Session, location: Mapping[str, Any]) -> None:
        """Take a place in words, such as an address. The engine knows no addresses: override it."""
        raise invalid(
            "place", "unknown_field", "Lớp dữ liệu này chỉ nhận dạng hình học", "This layer takes a geometry only"
        )

    def derive(self, session: Session) -> None:
        """Recompute what follows from the place, before every write. The engine knows no addresses: override it."""


CreateCommand = Callable[[Session, Mapping[str, Any]], Feature]
UpdateCommand = Callable[[Session, Any, Mapping[str, Any]], None]
TransitionCommand = Callable[[Session, Any, str, str], None]


@dataclass
class Layer:
    """The card as other modules read it. Everything not given here is derived from the class.

    ``drawn_by`` names the field that colours it, ``order`` the fields that sort it (``-`` for descending),
    ``time`` the field that ``datetime`` filters, ``labelled_by`` the field that names a feature to a person;
    ``placed`` says whether its features stand anywhere; ``drawn_by_links`` draws one without a place where its links
    are. ``always_with`` names the fields without which a place is not shared: without its legal status a line is
    none, with it a line claims no more than it may.
    ``schema`` is where it is stored: the house's own, or what was released (``gis.released``).
    ``creates``, ``changes`` and ``moves`` are the commands of the noun's file, where it has its own.
    """

    name: str
    model: type[Feature]
    geometry_type: str
    title: Text
    style_field: str | None = None
    order: tuple[str, ...] = ("created_at",)
    time: str | None = None
    label_sql: str = "title"
    geometry_from_links: bool = False
    editable: bool = True
    location_required: bool = False
    has_geometry: bool = True
    create_command: CreateCommand | None = None
    update_command: UpdateCommand | None = None
    transition_command: TransitionCommand | None = None
    extra_writable: dict[str, Field] = attribute(default_factory=dict)
    required_with_geometry: tuple[str, ...] = ()
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        self.title = Text(*self.title)

    def __hash__(self) -> int:
        return hash(self.name)

    @cached_property
    def description(self) -> str:
        """The card's own sentence."""
        return (self.model.__doc__ or "").strip()

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Every property by name: common ones first, then the thing's own, stored before derived."""
        found = {}
        for column in self.model.__table__.columns:
            about = column.info.get("field")
            if about is not None:
                found[column.name] = Field(name=column.name, nullable=bool(column.nullable), **about)
        for cls in reversed(self.model.__mro__):
            for name, value in vars(cls).items():
                if isinstance(value, Derived):
                    found[name] = Field(
                        name=name,
                        title=value.title,
                        type=value.type,
                        codes=value.codes,
                        level=value.level,
                        writable=False,
                        sql=value.sql,
                    )
        return found

    @cached_property
    def status(self) -> Field | None:
        """The field that changes only by moves, if the layer has one."""
        return next((one for one in self.fields.values() if one.is_status), None)

    @cached_property
    def transitions(self) -> list[tuple[str, str]]:
        """Every (from, to) that the status allows; the empty word stands for no status."""
        words = self.status.codes if self.status else None
        return words.transitions() if words is not None and issubclass(words, Status) else []

    @cache  # noqa: B019 - a layer lives as long as the program
    def readable_fields(self, clearance: Clearance) -> Mapping[str, Field]:
        """The fields that such a reader may know of."""
        found = {name: one for name, one in self.fields.items() if clearance.may_read(one.level)}
        if isinstance(clearance, ScopedClearance):
            found |= {
                name: self._own_unit_field(one, clearance)
                for name, one in found.items()
                if (one.sql is not None and not clearance.may_read_everywhere(one.level))
                or name in self.masked_fields(clearance)
            }
        return MappingProxyType(found)

    def masked_fields(self, clearance: ScopedClearance) -> list[str]:
        """The stored fields that a scoped reader gets of its own matters alone; when a row went out of use all know."""
        return [
            name
            for name, one in self.fields.items()
            if one.sql is None
            and clearance.may_read(one.level)
            and not clearance.may_read_everywhere(one.level)
            and name != "retired_at"
        ]

    def _own_unit_field(self, declared: Field, clearance: ScopedClearance) -> Field:
        """A field as its own rows' view gives it, which knows every version of a row, the present one too."""
        shown = f'own."{declared.name}"' if declared.sql is None else declared.sql
        for name in self.masked_fields(clearance) if declared.sql is not None else ():
            shown = re.sub(rf"\bt\.{name}\b", f'own."{name}"', shown)
        view = f'app.{self.name}_own own where own.id = t."id" and own.version = t."version"'
        return replace(declared, own_unit_sql=f"select {shown} from {view}")

    @property
    def has_grid_counts(self) -> bool:
        """Whether its features are counted by grid cell (``gis.cells``), so that many of them make a small tile."""
        own = self.schema == SCHEMA
        return (
            own and self.has_geometry and not self.geometry_from_links and self.geometry_type in ("POINT", "GEOMETRY")
        )

    @property
    def has_history(self) -> bool:
        """Whether its past can be read; of what was released there is the present alone."""
        return self.schema == SCHEMA

    def columns(self, clearance: Clearance, *, from_history: bool = False) -> list[str]:
        """The stored columns that a reader of this level is granted, geometry included, quoted for SQL."""
        names = ["id", "retired_at"]
        for name, one in self.readable_fields(clearance).items():
            if one.sql is None and one.own_unit_sql is None and name not in names:
                names += _masked_or_both(name, clearance) if one.masked_when_assumed else [name]
        names += _masked_or_both("geom", clearance)
        if not from_history:
            names += _masked_or_both("mercator", clearance)
        return [f'"{name}"' for name in names]


def _masked_or_both(name: str, clearance: Clearance) -> list[str]:
    return [name, f"shared_{name}"] if clearance.sees_assumed_positions else [f"shared_{name}"]


catalog: dict[str, Layer] = {}


def all_layers() -> Iterator[Layer]:
    """Every layer, in the order in which they were declared."""
    yield from catalog.values()
