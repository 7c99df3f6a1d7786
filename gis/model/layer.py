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
    DOUBT,
    NATURAL,
    SCHEMA,
    Derived,
    Field,
    Level,
    PositionSource,
    Reader,
    Scoped,
    field,
    give_type,
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
            give_type(cls, name, annotation)
        super().__init_subclass__(**options)


def key_column() -> Any:
    """A random UUID as the key of a table."""
    return mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)


def moment_column(**options: Any) -> Any:
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
    accuracy_m: Mapped[float | None] = field("Sai số", "Accuracy", unit="m", shared=True, sort_order=101)
    address: Mapped[str | None] = field("Lý trình", "Address", receivable=False, shared=True, sort_order=102)
    chainage_m: Mapped[float | None] = field(
        "Khoảng cách dọc tuyến", "Chainage", receivable=False, shared=True, unit="m", sort_order=103
    )
    original: Mapped[dict[str, Any] | None] = field(
        "Vị trí theo văn bản gốc", "Position as in the original", level=Level.INTERNAL, receivable=False, sort_order=104
    )
    source: Mapped[str | None] = field("Nguồn", "Source", max_length=1000, sort_order=105)
    version: Mapped[int] = field("Phiên bản", "Version", receivable=False, stamped=True, sort_order=110)
    created_at: Mapped[dt.datetime] = field(
        "Thời điểm tạo", "Created at", receivable=False, stamped=True, sort_order=111
    )
    created_by: Mapped[str] = field(
        "Người tạo", "Created by", level=Level.INTERNAL, receivable=False, stamped=True, sort_order=112
    )
    updated_at: Mapped[dt.datetime] = field(
        "Thời điểm sửa", "Updated at", receivable=False, stamped=True, sort_order=113
    )
    retired_at: Mapped[dt.datetime | None] = field(
        "Thời điểm ngừng theo dõi", "Retired at", level=Level.INTERNAL, receivable=False, at_hand=True, sort_order=114
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
        cls.mercator = _for_tiles(kind, projected, 904)
        cls.shared_mercator = _for_tiles(kind, shown.format(projected), 905)
        cls.shared_address = mapped_column(
            SqlText(collation=NATURAL),
            # An address counted from an assumed marker gives that marker's place away, whatever is known of this one.
            Computed(shown.format(f"case when address not like '{DOUBT}%' then address end"), persisted=True),
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
            *_checks(),
            *_unique(layer, card.pop("unique", ())),
            _restricted(layer),
            _unplaced(layer),
            _ordered(layer, card.get("order", Layer.order)),
            *cls.__dict__.get("indexes", ()),
        )
        super().__init_subclass__()
        cls.layer = Layer(name=layer, model=cls, geometry_type=kind, **card)
        cls.history = history_table(cls.__table__, "version")  # type: ignore[arg-type]
        catalog[layer] = cls.layer

    @classmethod
    def check_text(cls, name: str, value: str) -> None:
        """A place for the owner's own rules about text that comes in; raises ``Invalid`` naming the field."""

    def place(self, session: Session, words: Mapping[str, Any]) -> None:
        """Take a place in words, such as an address. The engine knows no addresses: override it."""
        raise invalid(
            "place", "unknown_field", "Lớp dữ liệu này chỉ nhận dạng hình học", "This layer takes a geometry only"
        )

    def derive(self, session: Session) -> None:
        """Recompute what follows from the place, before every write. The engine knows no addresses: override it."""


def _for_tiles(kind: str, sql: str, sort_order: int) -> Any:
    """A place in Web Mercator, stored because projecting it for every tile anew costs a third more.

    It needs no index: a tile is a box in longitude and latitude too. History, from which few tiles are drawn, does
    without it.
    """
    return mapped_column(
        Geometry(kind, srid=WEB_MERCATOR, spatial_index=False),
        Computed(sql, persisted=True),
        info={"for_tiles": True},
        deferred=True,
        sort_order=sort_order,
    )


def _checks() -> list[CheckConstraint]:
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


def _unique(layer: str, columns: Sequence[str]) -> list[Index]:
    if not columns:
        return []
    name = f"uq_{layer}_{'_'.join(columns)}"
    return [Index(name, *columns, unique=True, postgresql_where=text("retired_at is null"))]


def _ordered(layer: str, order: Sequence[str]) -> Index:
    """The order in which pages come, kept: a page at any depth is found without sorting what lies before it.

    The level lies beside the keys, so that whoever counts reads nothing else. It is no key: under row security the
    planner thinks that it selects, and would walk through all of it for every box.
    """
    keys = [text(f"{name.removeprefix('-')} desc") if name.startswith("-") else name for name in order]
    present = text("retired_at is null")
    return Index(f"ix_{layer}_order", *keys, "id", postgresql_where=present, postgresql_include=["level"])


def _restricted(layer: str) -> Index:
    """What is restricted is found without reading the rest: whoever is given it is written down (``gis.query``)."""
    return Index(f"ix_{layer}_restricted", "id", postgresql_where=text("level = 'restricted'"))


def _unplaced(layer: str) -> Index:
    """What stands nowhere is found without reading the rest: no grid cell counts it (``gis.cells``)."""
    return Index(f"ix_{layer}_unplaced", "id", postgresql_where=text("mercator is null and retired_at is null"))


class Part(Record):
    """A dated row that belongs to a feature and is seen with it, such as an event of a gate. Remembered alike."""

    __abstract__ = True
    of: ClassVar[type[Feature]]
    title: ClassVar[Text]
    history: ClassVar[Table]

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, sort_order=-100)
    feature_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), nullable=False, index=True, sort_order=-90)
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), sort_order=100
    )

    def __init_subclass__(cls, *, table: str, of: type[Feature], title: tuple[str, str]) -> None:
        cls.__tablename__, cls.of, cls.title = table, of, Text(*title)
        super().__init_subclass__()
        cls.history = history_table(cls.__table__)  # type: ignore[arg-type]
        parts[table] = cls


P = TypeVar("P", bound=Part)


def fields_of_part(part: type[Part], reader: Reader) -> list[Field]:
    """What of a part such a reader may know of: its own fields, not whose it is; of a state ``t`` of it."""
    found = [
        Field(name=column.name, nullable=bool(column.nullable), **column.info["field"])
        for column in part.__table__.columns
        if "field" in column.info
    ]
    view = f'app.{part.__tablename__}_own own where own.id = t."id" and own.valid = t."valid"'
    return [
        replace(one, own=f'select own."{one.name}" from {view}')
        if isinstance(reader, Scoped) and not reader.shares(one.level)
        else one
        for one in found
        if reader.reads(one.level)
    ]


def columns_of_part(part: type[Part], reader: Reader) -> list[str]:
    """The columns of a part that such a reader is granted."""
    return ["id", "feature_id", "created_at", *(one.name for one in fields_of_part(part, reader) if one.own is None)]


def withheld_of_part(part: type[Part], reader: Reader) -> list[str]:
    """The fields of a part that a scoped reader gets of its own matters alone."""
    return [one.name for one in fields_of_part(part, reader) if one.own is not None]


def rows_of_part(
    session: Session, part: type[P], feature_id: uuid.UUID, reader: Reader, as_of: dt.datetime | None = None
) -> list[P]:
    """What belongs to a feature, now or as it was, as far as ``reader`` may know of it.

    A field above that level is not even read.
    """
    names = columns_of_part(part, reader)
    source = part if as_of is None else _part_as_of(part, names, as_of)
    wanted = load_only(*(getattr(source, name) for name in names), raiseload=True)
    rows = list(session.scalars(select(source).where(source.feature_id == feature_id).options(wanted)))
    if own := withheld_of_part(part, reader):
        shown = ", ".join(f'"{name}"' for name in own)
        told = session.execute(
            text(
                f"select id, {shown} from app.{part.__tablename__}_own where id = any(:ids)"
                " and valid @> coalesce(cast(:as_of as timestamptz), clock_timestamp())"
            ),
            {"ids": [row.id for row in rows], "as_of": as_of},
        )
        values = {found[0]: found[1:] for found in told}
        for row in rows:
            for name, value in zip(own, values.get(row.id, [None] * len(own)), strict=True):
                set_committed_value(row, name, value)
    return rows


def _part_as_of(part: type[P], names: Sequence[str], as_of: dt.datetime) -> type[P]:
    """A part's rows out of its history, with these columns alone, since others may not even be named."""
    past = part.metadata.tables[f"{SCHEMA}.{part.__tablename__}_history"].c
    states = select(*(past[name] for name in names)).where(past.valid.op("@>")(as_of)).subquery()
    return aliased(part, states, adapt_on_names=True)


class Register(Record):
    """Reference rows that belong to no feature, such as a route: read from ``readers`` upwards, kept by editors.

    A register that has a column ``level`` is read row by row, like a layer. One without readers is private: every
    editor writes it, and of its rows only those that bear the editor's own name as ``actor`` are there for them.
    Registers are made anew from files or by the program, so they are not journalled, and not proven.
    """

    __abstract__ = True
    readers: ClassVar[Level | None]

    def __init_subclass__(cls, *, table: str, readers: Level | None) -> None:
        cls.__tablename__, cls.readers = table, readers
        super().__init_subclass__()
        registers[table] = cls


Create = Callable[[Session, Mapping[str, Any]], Feature]
Change = Callable[[Session, Any, Mapping[str, Any]], None]
Move = Callable[[Session, Any, str, str], None]


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
    drawn_by: str | None = None
    order: tuple[str, ...] = ("created_at",)
    time: str | None = None
    labelled_by: str = "title"
    drawn_by_links: bool = False
    editable: bool = True
    place_required: bool = False
    placed: bool = True
    creates: Create | None = None
    changes: Change | None = None
    moves: Move | None = None
    extra_receivable: dict[str, Field] = attribute(default_factory=dict)
    always_with: tuple[str, ...] = ()
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
                        receivable=False,
                        sql=value.sql,
                    )
        return found

    @cached_property
    def status(self) -> Field | None:
        """The field that changes only by moves, if the layer has one."""
        return next((one for one in self.fields.values() if one.is_status), None)

    @cached_property
    def moves_allowed(self) -> list[tuple[str, str]]:
        """Every (from, to) that the status allows; the empty word stands for no status."""
        words = self.status.codes if self.status else None
        return words.moves() if words is not None and issubclass(words, Status) else []

    @cache  # noqa: B019 - a layer lives as long as the program
    def readable(self, reader: Reader) -> Mapping[str, Field]:
        """The fields that such a reader may know of."""
        found = {name: one for name, one in self.fields.items() if reader.reads(one.level)}
        if isinstance(reader, Scoped):
            found |= {
                name: self._of_own(one, reader)
                for name, one in found.items()
                if (one.sql is not None and not reader.shares(one.level)) or name in self.withheld(reader)
            }
        return MappingProxyType(found)

    def withheld(self, reader: Scoped) -> list[str]:
        """The stored fields that a scoped reader gets of its own matters alone; when a row went out of use all know."""
        return [
            name
            for name, one in self.fields.items()
            if one.sql is None and reader.reads(one.level) and not reader.shares(one.level) and name != "retired_at"
        ]

    def _of_own(self, one: Field, reader: Scoped) -> Field:
        """A field as its own rows' view gives it, which knows every version of a row, the present one too."""
        shown = f'own."{one.name}"' if one.sql is None else one.sql
        for name in self.withheld(reader) if one.sql is not None else ():
            shown = re.sub(rf"\bt\.{name}\b", f'own."{name}"', shown)
        view = f'app.{self.name}_own own where own.id = t."id" and own.version = t."version"'
        return replace(one, own=f"select {shown} from {view}")

    @property
    def counted(self) -> bool:
        """Whether its features are counted by grid cell (``gis.cells``), so that many of them make a small tile."""
        own = self.schema == SCHEMA
        return own and self.placed and not self.drawn_by_links and self.geometry_type in ("POINT", "GEOMETRY")

    @property
    def remembered(self) -> bool:
        """Whether its past can be read; of what was released there is the present alone."""
        return self.schema == SCHEMA

    def columns(self, reader: Reader, *, past: bool = False) -> list[str]:
        """The stored columns that a reader of this level is granted, geometry included, quoted for SQL."""
        names = ["id", "retired_at"]
        for name, one in self.readable(reader).items():
            if one.sql is None and one.own is None and name not in names:
                names += _shared_or_both(name, reader) if one.shared else [name]
        names += _shared_or_both("geom", reader)
        if not past:
            names += _shared_or_both("mercator", reader)
        return [f'"{name}"' for name in names]


def _shared_or_both(name: str, reader: Reader) -> list[str]:
    return [name, f"shared_{name}"] if reader.sees_assumed else [f"shared_{name}"]


catalog: dict[str, Layer] = {}
parts: dict[str, type[Part]] = {}
registers: dict[str, type[Register]] = {}


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


def every() -> Iterator[Layer]:
    """Every layer, in the order in which they were declared."""
    yield from catalog.values()
