"""Layers: each is declared once, as a class, and tables, rights, API and exports are derived from the declaration.

A layer is a subclass of ``Feature``, which gives the common columns; ``field`` and ``derived`` declare its own.
``Layer`` describes the declared layer to all other code, and ``catalog`` holds all layers in the order of declaration.
"""

import datetime as dt
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
from sqlalchemy.orm import Mapped, mapped_column

from gis.crs.systems import WEB_MERCATOR, WGS84
from gis.model.code_lists import Status
from gis.model.display import DEFAULT_DISPLAY, Display
from gis.model.field_types import TEXT_COLLATION
from gis.model.fields import (
    ASSUMED_PREFIX,
    SCHEMA,
    Clearance,
    Derived,
    Field,
    Level,
    OwnUnitView,
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

WriteSession = Any
"""The session of a write: a ``gis.db.Session``, which this package cannot import, since it is below ``gis.db``."""


class Feature(Record):
    """The base class of all layers, with their common fields. Lengths are in metres, coordinates in WGS 84."""

    __abstract__ = True
    layer: ClassVar["Layer"]
    history: ClassVar[Table]
    location_fields: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Further fields of a location as text, which the application declares: names and maximum lengths."""
    location_missing: ClassVar[Text] = Text("Cần vị trí: tọa độ hoặc điểm trên bản đồ", "A location is required")
    if TYPE_CHECKING:
        geom: Any

    route_field: ClassVar[str | None] = None
    """The field that names the route along which the feature's chainage is measured, for layers that have one."""

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

    def __init_subclass__(cls, *, layer: str | None = None, **options: Any) -> None:
        if layer is None:
            super().__init_subclass__()
            return
        cls.__tablename__ = layer
        geometry_type = cls.__dict__["geom"].column.type.geometry_type
        unless_assumed = "case when position_source <> 'assumed' then {} end"
        cls.shared_geom = mapped_column(
            Geometry(geometry_type, srid=WGS84, spatial_index=True),
            Computed(unless_assumed.format("geom"), persisted=True),
            sort_order=901,
        )
        projected = f"ST_Transform(geom, {WEB_MERCATOR})"
        cls.mercator = web_mercator_column(geometry_type, projected, 904)
        cls.shared_mercator = web_mercator_column(geometry_type, unless_assumed.format(projected), 905)
        cls.shared_address = mapped_column(
            SqlText(collation=TEXT_COLLATION),
            # An address counted from a referent with an assumed position would disclose that position.
            Computed(
                unless_assumed.format(f"case when address not like '{ASSUMED_PREFIX}%' then address end"),
                persisted=True,
            ),
            sort_order=902,
        )
        cls.shared_chainage_m = mapped_column(
            Float, Computed(unless_assumed.format("chainage_m"), persisted=True), sort_order=903
        )
        # The accuracy of an assumed position follows from the distance to surveyed referents, so it would disclose it.
        cls.shared_accuracy_m = mapped_column(
            Float, Computed(unless_assumed.format("accuracy_m"), persisted=True), sort_order=903
        )
        cls.__table_args__ = (
            *geometry_checks(),
            *unique_indexes(layer, options.pop("unique", ())),
            restricted_index(layer),
            unlocated_index(layer),
            order_index(layer, options.get("order", Layer.order)),
            *cls.__dict__.get("indexes", ()),
        )
        super().__init_subclass__()
        cls.layer = Layer(name=layer, model=cls, geometry_type=geometry_type, **options)
        cls.history = history_table(cls.__table__, "version")  # type: ignore[arg-type]
        catalog[layer] = cls.layer

    @classmethod
    def check_text(cls, name: str, value: str) -> None:
        """Check the text of a field; to be overridden for rules of the subject. Raises ``Invalid`` for the field."""

    def set_location(self, session: WriteSession, location: Mapping[str, Any]) -> None:
        """Set the location from text such as an address. To be overridden: this one raises ``Invalid`` for any text."""
        raise invalid(
            "place", "unknown_field", "Lớp dữ liệu này chỉ nhận dạng hình học", "This layer takes a geometry only"
        )

    def derive(self, session: WriteSession) -> None:
        """Recompute the fields that depend on the geometry; called before every write. To be overridden."""


CreateCommand = Callable[[WriteSession, Mapping[str, Any]], Feature]
UpdateCommand = Callable[[WriteSession, Any, Mapping[str, Any]], None]
TransitionCommand = Callable[[WriteSession, Any, str, str], None]


@dataclass
class Layer:
    """A layer: its declaration as all other code reads it.

    ``style_field`` names the field that decides mark and colour, ``order`` the fields of the default order (``-`` for
    descending), ``time`` the field that the parameter ``datetime`` filters; ``label_sql`` is the SQL of a feature's
    label. ``has_geometry`` says whether features can have a geometry; with ``geometry_from_links`` a feature without
    one has the geometry of the features and addresses that it links to. ``required_with_geometry`` names the fields
    without which no geometry is released: a line must not go out without its legal status, for example.
    ``create_command``, ``update_command`` and ``transition_command`` replace the general commands of ``gis.write``.
    ``extra_writable`` are fields that commands accept beside the stored ones. ``schema`` is the database schema of the
    table: ``app``, or that of released copies (``gis.release``). ``display`` says how pages show it; pages read it with
    its defaults (``gis.model.display_of``).
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
    display: Display = DEFAULT_DISPLAY

    def __post_init__(self) -> None:
        self.title = Text(*self.title)

    def __hash__(self) -> int:
        return hash(self.name)

    @cached_property
    def description(self) -> str:
        """The docstring of the class."""
        return (self.model.__doc__ or "").strip()

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Every property by name, stored ones in column order before derived ones."""
        fields = {}
        for column in self.model.__table__.columns:
            info = column.info.get("field")
            if info is not None:
                fields[column.name] = Field(name=column.name, nullable=bool(column.nullable), **info)
        for cls in reversed(self.model.__mro__):
            for name, value in vars(cls).items():
                if isinstance(value, Derived):
                    fields[name] = Field(
                        name=name,
                        title=value.title,
                        type=value.type,
                        codes=value.codes,
                        level=value.level,
                        writable=False,
                        sql=value.sql,
                        reads=value.reads,
                    )
        return fields

    @cached_property
    def status(self) -> Field | None:
        """The status field, which changes only by transitions, or None."""
        return next((field for field in self.fields.values() if field.is_status), None)

    @cached_property
    def transitions(self) -> list[tuple[str, str]]:
        """Every allowed transition of the status as (from, to); empty if the layer has no status."""
        codes = self.status.codes if self.status else None
        return codes.transitions() if codes is not None and issubclass(codes, Status) else []

    @cache  # noqa: B019 - a layer lives as long as the program
    def readable_fields(self, clearance: Clearance) -> Mapping[str, Field]:
        """The fields that may be read with this clearance, by name.

        For a scoped clearance, fields that it may read in rows of the own unit only have an ``own_unit_view``.
        """
        fields = {name: field for name, field in self.fields.items() if clearance.may_read(field.level)}
        if isinstance(clearance, ScopedClearance):
            fields |= {
                name: replace(field, own_unit_view=self.own_unit_view)
                for name, field in fields.items()
                if (field.sql is not None and not clearance.may_read_everywhere(field.level))
                or name in self.masked_fields(clearance)
            }
        return MappingProxyType(fields)

    def masked_fields(self, clearance: ScopedClearance) -> list[str]:
        """The stored fields that are masked for rows of other units. ``retired_at`` is never masked."""
        return [
            name
            for name, field in self.fields.items()
            if field.sql is None
            and clearance.may_read(field.level)
            and not clearance.may_read_everywhere(field.level)
            and name != "retired_at"
        ]

    @property
    def own_unit_view(self) -> OwnUnitView:
        """The view of all versions of the rows of a scoped reader's own unit."""
        return OwnUnitView(f"{self.name}_own", "version")

    @property
    def has_grid_counts(self) -> bool:
        """Whether features are counted by grid cell (``gis.read.grid_counts``), for tiles of low zooms."""
        return (
            self.schema == SCHEMA
            and self.has_geometry
            and not self.geometry_from_links
            and self.geometry_type in ("POINT", "GEOMETRY")
        )

    @property
    def route_field(self) -> str | None:
        """The field that names the route of a feature's chainage, if its class declares one."""
        return self.model.route_field

    @property
    def has_history(self) -> bool:
        """Whether past states can be read. Released copies have their present state only."""
        return self.schema == SCHEMA

    def columns(self, clearance: Clearance, *, from_history: bool = False) -> list[str]:
        """The stored columns, geometry included, that are granted to this clearance."""
        names = ["id", "retired_at"]
        for name, declared in self.readable_fields(clearance).items():
            if declared.sql is None and declared.own_unit_view is None and name not in names:
                names += _masked_or_both(name, clearance) if declared.masked_when_assumed else [name]
        names += _masked_or_both("geom", clearance)
        if not from_history:
            names += _masked_or_both("mercator", clearance)
        return names


def _masked_or_both(name: str, clearance: Clearance) -> list[str]:
    """The masked copy of a column, and the column itself for readers of assumed positions."""
    return [name, f"shared_{name}"] if clearance.sees_assumed_positions else [f"shared_{name}"]


catalog: dict[str, Layer] = {}


def all_layers() -> Iterator[Layer]:
    """Every layer, in the order of declaration."""
    yield from catalog.values()
