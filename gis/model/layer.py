"""The card: a thing is declared once, as a class, and everything else is derived from the declaration.

``Feature`` gives the common columns, ``field`` and ``derived`` the thing's own, ``Layer`` is the card as other
modules read it: its fields, its status, its drafts, its history table. ``catalog`` holds every card in reading order.
"""

import datetime as dt
import inspect
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field as attribute, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Float,
    Index,
    MetaData,
    Table,
    Text as SqlText,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, load_only, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

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
    apply_annotated_type,
    field,
)
from gis.text.errors import invalid
from gis.text.i18n import Text


class Record(DeclarativeBase):
    """The root of everything stored. What the database writes itself is read again, never with the writing."""

    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": False}  # type: ignore[misc]
    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )

    def __init_subclass__(cls, **options: Any) -> None:
        for name, annotation in list(inspect.get_annotations(cls).items()):
            apply_annotated_type(cls, name, annotation)
        super().__init_subclass__(**options)


def key_column() -> Any:
    """A random UUID as the key of a table."""
    return mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)


def datetime_column(**options: Any) -> Any:
    """A time, always with its zone."""
    return mapped_column(DateTime(timezone=True), **options)


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
        cls.mercator = _web_mercator_column(kind, projected, 904)
        cls.shared_mercator = _web_mercator_column(kind, shown.format(projected), 905)
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
            *_geometry_checks(),
            *_unique_indexes(layer, card.pop("unique", ())),
            _restricted_index(layer),
            _unlocated_index(layer),
            _order_index(layer, card.get("order", Layer.order)),
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


def _web_mercator_column(geometry_type: str, sql: str, sort_order: int) -> Any:
    """A place in Web Mercator, stored because projecting it for every tile anew costs a third more.

    It needs no index: a tile is a box in longitude and latitude too. History, from which few tiles are drawn, does
    without it.
    """
    return mapped_column(
        Geometry(geometry_type, srid=WEB_MERCATOR, spatial_index=False),
        Computed(sql, persisted=True),
        info={"for_tiles": True},
        deferred=True,
        sort_order=sort_order,
    )


def _geometry_checks() -> list[CheckConstraint]:
    """PostGIS itself stores NaN, empty and invalid shapes; these keep them out even from raw SQL."""
    return [
        CheckConstraint(
            "ST_XMin(geom) >= -180 and ST_XMax(geom) <= 180 and ST_YMin(geom) >= -90 and ST_YMax(geom) <= 90",
            name="geom_finite",
        ),
        CheckConstraint("ST_IsValid(geom) and not ST_IsEmpty(geom)", name="geom_valid"),
        CheckConstraint("(geom is null) = (position_source = 'none')", name="position_source_of_geom"),
        CheckConstraint("accuracy_m >= 0 and accuracy_m < 'Infinity'::float8", name="accuracy_m_finite"),
    ]


def _unique_indexes(layer: str, columns: Sequence[str]) -> list[Index]:
    if not columns:
        return []
    name = f"uq_{layer}_{'_'.join(columns)}"
    return [Index(name, *columns, unique=True, postgresql_where=text("retired_at is null"))]


def _order_index(layer: str, order: Sequence[str]) -> Index:
    """The order in which pages come, kept: a page at any depth is found without sorting what lies before it.

    The level lies beside the keys, so that whoever counts reads nothing else. It is no key: under row security the
    planner thinks that it selects, and would walk through all of it for every box.
    """
    keys = [text(f"{name.removeprefix('-')} desc") if name.startswith("-") else name for name in order]
    present = text("retired_at is null")
    return Index(f"ix_{layer}_order", *keys, "id", postgresql_where=present, postgresql_include=["level"])


def _restricted_index(layer: str) -> Index:
    """What is restricted is found without reading the rest: whoever is given it is written down (``gis.query``)."""
    return Index(f"ix_{layer}_restricted", "id", postgresql_where=text("level = 'restricted'"))


def _unlocated_index(layer: str) -> Index:
    """What stands nowhere is found without reading the rest: no grid cell counts it (``gis.cells``)."""
    return Index(f"ix_{layer}_unplaced", "id", postgresql_where=text("mercator is null and retired_at is null"))


class ChildRecord(Record):
    """A dated row that belongs to a feature and is seen with it, such as an event of a gate. Remembered alike."""

    __abstract__ = True
    parent: ClassVar[type[Feature]]
    title: ClassVar[Text]
    history: ClassVar[Table]

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, sort_order=-100)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), nullable=False, index=True, sort_order=-90)
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), sort_order=100
    )

    def __init_subclass__(cls, *, table: str, parent: type[Feature], title: tuple[str, str]) -> None:
        cls.__tablename__, cls.parent, cls.title = table, parent, Text(*title)
        super().__init_subclass__()
        cls.history = history_table(cls.__table__)  # type: ignore[arg-type]
        child_tables[table] = cls


ChildT = TypeVar("ChildT", bound=ChildRecord)


def child_fields(child: type[ChildRecord], clearance: Clearance) -> list[Field]:
    """What of a part such a reader may know of: its own fields, not whose it is; of a state ``t`` of it."""
    found = [
        Field(name=column.name, nullable=bool(column.nullable), **column.info["field"])
        for column in child.__table__.columns
        if "field" in column.info
    ]
    view = f'app.{child.__tablename__}_own own where own.id = t."id" and own.valid = t."valid"'
    return [
        replace(one, own_unit_sql=f'select own."{one.name}" from {view}')
        if isinstance(clearance, ScopedClearance) and not clearance.may_read_everywhere(one.level)
        else one
        for one in found
        if clearance.may_read(one.level)
    ]


def child_columns(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The columns of a part that such a reader is granted."""
    return [
        "id",
        "feature_id",
        "created_at",
        *(one.name for one in child_fields(child, clearance) if one.own_unit_sql is None),
    ]


def masked_child_fields(child: type[ChildRecord], clearance: Clearance) -> list[str]:
    """The fields of a part that a scoped reader gets of its own matters alone."""
    return [one.name for one in child_fields(child, clearance) if one.own_unit_sql is not None]


def child_rows(
    session: Session, child: type[ChildT], feature_id: uuid.UUID, clearance: Clearance, as_of: dt.datetime | None = None
) -> list[ChildT]:
    """What belongs to a feature, now or as it was, as far as ``reader`` may know of it.

    A field above that level is not even read.
    """
    names = child_columns(child, clearance)
    source = child if as_of is None else _child_as_of(child, names, as_of)
    wanted = load_only(*(getattr(source, name) for name in names), raiseload=True)
    rows = list(session.scalars(select(source).where(source.feature_id == feature_id).options(wanted)))
    if own := masked_child_fields(child, clearance):
        shown = ", ".join(f'"{name}"' for name in own)
        told = session.execute(
            text(
                f"select id, {shown} from app.{child.__tablename__}_own where id = any(:ids)"
                " and valid @> coalesce(cast(:as_of as timestamptz), clock_timestamp())"
            ),
            {"ids": [row.id for row in rows], "as_of": as_of},
        )
        values = {found[0]: found[1:] for found in told}
        for row in rows:
            for name, value in zip(own, values.get(row.id, [None] * len(own)), strict=True):
                set_committed_value(row, name, value)
    return rows


def _child_as_of(child: type[ChildT], names: Sequence[str], as_of: dt.datetime) -> type[ChildT]:
    """A part's rows out of its history, with these columns alone, since others may not even be named."""
    past = child.metadata.tables[f"{SCHEMA}.{child.__tablename__}_history"].c
    states = select(*(past[name] for name in names)).where(past.valid.op("@>")(as_of)).subquery()
    return aliased(child, states, adapt_on_names=True)


class UnjournalledRecord(Record):
    """Reference rows that belong to no feature, such as a route: read from ``readers`` upwards, kept by editors.

    A register that has a column ``level`` is read row by row, like a layer. One without readers is private: every
    editor writes it, and of its rows only those that bear the editor's own name as ``actor`` are there for them.
    Registers are made anew from files or by the program, so they are not journalled, and not proven.
    """

    __abstract__ = True
    read_level: ClassVar[Level | None]

    def __init_subclass__(cls, *, table: str, read_level: Level | None) -> None:
        cls.__tablename__, cls.read_level = table, read_level
        super().__init_subclass__()
        unjournalled_tables[table] = cls


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
child_tables: dict[str, type[ChildRecord]] = {}
unjournalled_tables: dict[str, type[UnjournalledRecord]] = {}


def history_table(table: Table, version: str | None = None) -> Table:
    """The table in which every state of a row stays: its columns, how long it held, who, why and on which request.

    ``version`` names the column that counts the states of a row, where it has one. Since when a state held stands in a
    column of its own, ``updated_at`` or else ``since``: row security keeps what a range says from every index.
    """
    copies = []
    for column in table.columns:
        if "for_tiles" in column.info:
            continue
        computed = [Computed(str(column.computed.sqltext), persisted=True)] if column.computed is not None else []
        kind = column.type
        if isinstance(kind, Geometry):
            kind = Geometry(kind.geometry_type, srid=WGS84, spatial_index=False)
        copies.append(Column(column.name, kind, *computed, nullable=True))
    name = f"{table.name}_history"
    found = [Index(f"ix_{name}_id", "id", *([version] if version else []), unique=version is not None)]
    if version:
        found.append(Index(f"ix_{name}_geom_valid", "geom", "valid", postgresql_using="gist"))
        found.append(Index(f"ix_{name}_updated_at", "updated_at", "id"))
    else:
        copies.append(Column("since", DateTime(timezone=True), Computed("lower(valid)", persisted=True)))
        found += [Index(f"ix_{name}_feature_id", "feature_id"), Index(f"ix_{name}_since", "since", "id")]
    return Table(
        name,
        table.metadata,
        *copies,
        Column("valid", TSTZRANGE, nullable=False),
        Column("action", SqlText, nullable=False),
        Column("actor", SqlText, nullable=False),
        *(Column(one, SqlText) for one in ("reason", "request", "device_at")),
        Column("journal_seq", BigInteger),
        *found,
    )


def all_layers() -> Iterator[Layer]:
    """Every layer, in the order in which they were declared."""
    yield from catalog.values()
