"""Fields: what a property is, to the card, to PostgreSQL and to whoever reads it.

``field``, ``geometry`` and ``derived`` declare one on a card; ``Field`` is what others see of it. A field's level says
who may know of it, and a position's source how far it may be trusted.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    Boolean,
    Date,
    DateTime,
    FetchedValue,
    Float,
    Integer,
    Numeric,
    Text as SqlText,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import ENUM, JSONB, UUID
from sqlalchemy.orm import mapped_column, synonym
from sqlalchemy.types import TypeEngine

from gis.crs.systems import WGS84
from gis.model.code_lists import CodeList, OrderedCodeList, Status
from gis.text.i18n import Text

SCHEMA = "app"
CodeListClass = type[CodeList] | None
OrderedCodeListClass = type[OrderedCodeList] | None
GeoJSON = dict[str, Any]


class Level(OrderedCodeList):
    """Who may read: the one ordered vocabulary of rights. State secrets are above all of these and never stored."""

    PUBLIC = "public", ("Công khai", "Public")
    PARTNER = "partner", ("Đối tác", "Partner")
    INTERNAL = "internal", ("Nội bộ", "Internal")
    RESTRICTED = "restricted", ("Hạn chế tiếp cận", "Restricted")

    def may_read(self, level: "Level") -> bool:
        """Whether a reader of this level may read what is marked ``other``."""
        ranks = list(Level)
        return ranks.index(level) <= ranks.index(self)

    @property
    def sees_assumed_positions(self) -> bool:
        """Whether a reader of this level is shown positions that are only assumed."""
        return self in (Level.INTERNAL, Level.RESTRICTED)


@dataclass(frozen=True)
class ScopedClearance:
    """The eyes of a scoped post: of its own matters it reads all that its level does, of others what may be shared.

    Where its matters end is not judged here: ``gis.rights`` has PostgreSQL keep what is ``beyond`` from the post's
    role, and gives it through views that hold the post's own rows alone.
    """

    level: Level
    level_outside_own_unit: Level = Level.PARTNER

    @property
    def value(self) -> str:
        """The word of its level."""
        return str(self.level.value)

    def may_read(self, level: Level) -> bool:
        """Whether it may know that there is such a field."""
        return self.level.may_read(level)

    @property
    def sees_assumed_positions(self) -> bool:
        """Whether it is shown positions that are only assumed."""
        return self.level.sees_assumed_positions

    def may_read_everywhere(self, level: Level) -> bool:
        """Whether it reads what is marked ``other`` of everything it sees, its own or not."""
        return self.level_outside_own_unit.may_read(level)


Clearance = Level | ScopedClearance
"""With whose eyes something is read."""


class PositionSource(OrderedCodeList):
    """Where a position comes from, strongest first; a weaker one never overwrites a stronger."""

    PROTOCOL = "protocol", ("Nghị định thư", "Protocol")
    SURVEY = "survey", ("Đo đạc", "Survey")
    GPS = "gps", ("GPS", "GPS")
    MAP = "map", ("Xác định trên bản đồ", "Set on the map")
    ASSUMED = "assumed", ("Giả định", "Assumed")
    NONE = "none", ("Chưa có", "None")


class CodeListType(TypeDecorator[CodeList]):
    """A word of a code list, stored as text so that a new word needs no migration."""

    impl = SqlText
    cache_ok = True

    def __init__(self, codes: type[CodeList]) -> None:
        super().__init__()
        self.codes = codes

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else self.codes(value).value

    def process_result_value(self, value: Any, dialect: Any) -> CodeList | None:
        return None if value is None else self.codes(value)

    def __repr__(self) -> str:
        return "Text()"


class LevelType(TypeDecorator[Level]):
    """The ordered level as a PostgreSQL enum, so that ``level <= 'partner'`` is a comparison of the database's own."""

    impl = ENUM(*[level.value for level in Level], name="level", schema=SCHEMA, create_type=False)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else Level(value).value

    def process_result_value(self, value: Any, dialect: Any) -> Level | None:
        return None if value is None else Level(value)


ASSUMED_PREFIX = "≈ "
"""Stands before what was measured from something whose own position is only assumed, such as an address."""

TEXT_COLLATION = "natural_vi"
"""The collation of all text: Vietnamese alphabet, numbers by value, so that 96 < 147/6 < 147/10 in every list."""

SQL_TYPES: dict[Any, tuple[str, Callable[[], TypeEngine[Any]]]] = {
    str: ("text", lambda: SqlText(collation=TEXT_COLLATION)),
    bool: ("boolean", Boolean),
    int: ("integer", Integer),
    float: ("number", Float),
    Decimal: ("number", lambda: Numeric(16, 2)),
    dt.date: ("date", Date),
    dt.datetime: ("datetime", lambda: DateTime(timezone=True)),
    uuid.UUID: ("uuid", lambda: UUID(as_uuid=True)),
    list[str]: ("list", lambda: ARRAY(SqlText(collation=TEXT_COLLATION))),
    dict[str, Any]: ("json", JSONB),
}


@dataclass(frozen=True)
class Field:
    """One property of a layer as others read it.

    ``type`` is one of text, code, integer, number, date, datetime, boolean, uuid, list and json; ``sql`` is the
    expression of a property that is computed on reading (``t`` is the row) and ``None`` for a stored one;
    ``shared`` says that readers below the office get the column ``shared_<name>``, which is empty for assumed places;
    ``own`` is the expression by which a scoped reader gets what it may know of its own matters alone.
    """

    name: str
    title: Text
    type: str
    level: Level = Level.PUBLIC
    codes: CodeListClass = None
    nullable: bool = True
    writable: bool = True
    default: Any = None
    max_length: int = 2000
    unit: str | None = None
    sql: str | None = None
    masked_when_assumed: bool = False
    own_unit_sql: str | None = None

    @property
    def required(self) -> bool:
        """Whether a new feature must bring it."""
        return self.writable and not self.nullable and self.default is None

    @property
    def ordered_codes(self) -> OrderedCodeListClass:
        """The words in whose order its values are compared and sorted, where they have one."""
        return (
            self.codes
            if self.codes is not None and issubclass(self.codes, OrderedCodeList) and self.type == "code"
            else None
        )

    @property
    def is_status(self) -> bool:
        """Whether it changes only by moves."""
        return self.codes is not None and issubclass(self.codes, Status) and self.sql is None

    def expression(self, clearance: Clearance) -> str:
        """The SQL that gives this property to a reader of that level, with ``t`` as the row."""
        if self.own_unit_sql is not None:
            return f"({self.own_unit_sql})"
        if self.sql is not None:
            return f"({self.sql})"
        return (
            f't."shared_{self.name}"'
            if self.masked_when_assumed and not clearance.sees_assumed_positions
            else f't."{self.name}"'
        )


def rank_sql(codes: Iterable[str], sql: str) -> str:
    """The SQL of how far from the first of ``words`` the word that ``sql`` gives stands; NULL for none of them.

    Of a whole tile this is found in less time than by looking into an array.
    """
    places = " ".join(f"when '{word}' then {place}" for place, word in enumerate(codes))
    return f"(case {sql}::text {places} end)"


def field(
    vi: str,
    en: str,
    *,
    level: Level = Level.PUBLIC,
    writable: bool = True,
    default: Any = None,
    max_length: int = 2000,
    unit: str | None = None,
    masked_when_assumed: bool = False,
    set_by_trigger: bool = False,
    eager: bool = False,
    sort_order: int = 0,
) -> Any:
    """Declare a stored property; its type is read off the annotation that stands before it.

    ``stamped`` says that the database's own trigger writes it. What may not be shared is not read along with a row,
    because a scoped post changes rows of which it may not read all, unless it is ``at_hand``. What points at another
    feature is no field but a link, which is seen only by whoever may see both ends.
    """
    about = {
        "title": Text(vi, en),
        "level": level,
        "writable": writable,
        "default": default,
        "max_length": max_length,
        "unit": unit,
        "masked_when_assumed": masked_when_assumed,
    }
    written = FetchedValue() if set_by_trigger else None
    return mapped_column(
        info={"field": about},
        sort_order=sort_order,
        server_default=written,
        server_onupdate=written,
        deferred=not eager and not Level.PARTNER.may_read(level),
    )


def geometry(geometry_type: str) -> Any:
    """The place of a feature: POINT, LINESTRING, POLYGON or GEOMETRY, in WGS 84 longitude and latitude."""
    return mapped_column(Geometry(geometry_type, srid=WGS84, spatial_index=True), nullable=True, sort_order=900)


@dataclass(frozen=True)
class Derived:
    """A property computed on every read, never stored: an SQL expression over the row ``t``."""

    title: Text
    sql: str
    codes: CodeListClass = None
    level: Level = Level.PUBLIC
    type: str = "text"


def derived(
    vi: str,
    en: str,
    sql: str,
    *,
    codes: type[CodeList] | None = None,
    level: Level = Level.PUBLIC,
    type: str = "text",  # noqa: A002 - the field's word
) -> Derived:
    """A property computed on reading, such as the urgency of a work."""
    return Derived(Text(vi, en), sql, codes, level, "code" if codes and type == "text" else type)


def apply_annotated_type(cls: type[Any], name: str, annotation: Any) -> None:
    """Read the SQL type of ``name: Mapped[X | None] = field(…)`` off its annotation."""
    declared: Any = cls.__dict__.get(name)
    about = getattr(getattr(declared, "column", None), "info", {}).get("field")
    if about is None:
        return
    inner = get_args(annotation)[0]
    nullable = get_origin(inner) in (Union, UnionType)
    if nullable:
        inner = next(one for one in get_args(inner) if one is not type(None))
    codes = inner if isinstance(inner, type) and issubclass(inner, CodeList) else None
    about["codes"] = codes
    sql_type: TypeEngine[Any]
    if codes is Level:
        about["type"], sql_type = "code", LevelType()
    elif codes is not None:
        about["type"], sql_type = "code", CodeListType(codes)
    else:
        about["type"], make = SQL_TYPES[inner]
        sql_type = make()
    column = declared.column
    if name.endswith("_"):  # Python keeps some words to itself; the database and every reader know the plain one
        column.name = column.key = name.rstrip("_")
        setattr(cls, column.name, synonym(name))
    column.type = sql_type
    column.nullable = nullable
    declared._has_nullable = True  # noqa: SLF001 - the annotation was read here, not by the mapper
