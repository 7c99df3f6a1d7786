"""Fields: the properties of a layer, their types in Python and PostgreSQL, and the levels at which they are read.

``field``, ``geometry`` and ``derived`` declare a property in the class of a layer; ``Field`` describes it to all other
code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin

from geoalchemy2 import Geometry
from sqlalchemy import FetchedValue, Integer, Text as SqlText, TypeDecorator
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.orm import mapped_column, synonym
from sqlalchemy.types import TypeEngine

from gis.crs.systems import WGS84
from gis.model.code_lists import CodeList, OrderedCodeList, Status
from gis.model.field_types import CODE, FIELD_TYPES, LIST, TEXT, FieldType, type_declared_as
from gis.model.query import select_sql
from gis.text.i18n import Text

if TYPE_CHECKING:
    from gis.model.row import Row
    from gis.model.sources import Source

SCHEMA = "app"
CodeListClass = type[CodeList] | None
OrderedCodeListClass = type[OrderedCodeList] | None
GeoJSON = dict[str, Any]
DerivedSql = Callable[["Row"], str]
"""The SQL expression of a derived property over a row."""


class Level(OrderedCodeList):
    """Who may read a row or column, the most open level first. State secrets are above all levels and never stored."""

    PUBLIC = "public", ("Công khai", "Public")
    PARTNER = "partner", ("Đối tác", "Partner")
    INTERNAL = "internal", ("Nội bộ", "Internal")
    RESTRICTED = "restricted", ("Hạn chế tiếp cận", "Restricted")

    def may_read(self, level: "Level") -> bool:
        """Whether a reader of this level may read rows and columns of ``level``."""
        ranks = list(Level)
        return ranks.index(level) <= ranks.index(self)

    @property
    def sees_assumed_positions(self) -> bool:
        """Whether a reader of this level sees positions whose source is ``assumed``."""
        return self in (Level.INTERNAL, Level.RESTRICTED)


@dataclass(frozen=True)
class ScopedClearance:
    """The clearance of a scoped role: ``level`` for rows of the own unit, ``level_outside_own_unit`` for all others.

    Which rows belong to the own unit is decided by PostgreSQL (``gis.schema``): the role is granted the columns up to
    ``level_outside_own_unit``, and the further ones through views that contain rows of the own unit only.
    """

    level: Level
    level_outside_own_unit: Level = Level.PARTNER

    @property
    def value(self) -> str:
        """The code of its level, as of a ``Level``."""
        return str(self.level.value)

    def may_read(self, level: Level) -> bool:
        """Whether it may read fields of ``level`` in rows of the own unit, and so know that they exist."""
        return self.level.may_read(level)

    @property
    def sees_assumed_positions(self) -> bool:
        """Whether it sees positions whose source is ``assumed``."""
        return self.level.sees_assumed_positions

    def may_read_everywhere(self, level: Level) -> bool:
        """Whether it may read fields of ``level`` in all rows that it sees, also of other units."""
        return self.level_outside_own_unit.may_read(level)


Clearance = Level | ScopedClearance
"""What a reader may read: the argument of everything that selects rows or columns for a reader."""


class PositionSource(OrderedCodeList):
    """The source of a position, the most reliable first."""

    PROTOCOL = "protocol", ("Nghị định thư", "Protocol")
    SURVEY = "survey", ("Đo đạc", "Survey")
    GPS = "gps", ("GPS", "GPS")
    MAP = "map", ("Xác định trên bản đồ", "Set on the map")
    ASSUMED = "assumed", ("Giả định", "Assumed")
    NONE = "none", ("Chưa có", "None")


class CodeListType(TypeDecorator[CodeList]):
    """A code of a code list, stored as text so that a new code needs no migration."""

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
    """The ordered level as a PostgreSQL enum, so that PostgreSQL can compare ``level <= 'partner'``."""

    impl = ENUM(*[level.value for level in Level], name="level", schema=SCHEMA, create_type=False)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else Level(value).value

    def process_result_value(self, value: Any, dialect: Any) -> Level | None:
        return None if value is None else Level(value)


ASSUMED_PREFIX = "≈ "
"""Prefix of an address that is counted from a referent (ISO 19148) whose position is only assumed."""


@dataclass(frozen=True)
class OwnUnitView:
    """A view of the states of rows of the own unit, with the columns that a scoped reader may read in these only.

    ``key`` is the column that identifies a state of a row beside its id.
    """

    name: str
    key: str

    ALIAS: ClassVar[str] = "own"

    def select(self, value: str, row: "Row") -> str:
        """The SQL of a value that is computed from the view for a state of a row; null outside of the own unit."""
        conditions = [f"{self.ALIAS}.{name} = {row.column(name)}" for name in ("id", self.key)]
        return f"({select_sql(value, f'app.{self.name} {self.ALIAS}', conditions)})"


@dataclass(frozen=True)
class Field:
    """One property of a layer.

    ``sql`` composes the expression of a derived property, which reads ``reads`` beside its row, and is ``None`` for a
    stored one. With ``masked_when_assumed``, readers who do not see assumed positions get the column ``shared_<name>``,
    which is null for these. ``own_unit_view`` is set for a scoped reader who gets the value in rows of the own unit
    only. ``minimum``, ``maximum`` and ``decimals``, the number of decimal places that are stored, limit a number.
    ``register`` names the layer whose features the text names, such as the register of units; what is not in it may be
    entered all the same.
    """

    name: str
    title: Text
    type: FieldType
    level: Level = Level.PUBLIC
    codes: CodeListClass = None
    nullable: bool = True
    writable: bool = True
    default: Any = None
    max_length: int = 2000
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    decimals: int | None = None
    register: str | None = None
    sql: DerivedSql | None = None
    reads: "tuple[Source, ...]" = ()
    masked_when_assumed: bool = False
    own_unit_view: OwnUnitView | None = None

    @property
    def required(self) -> bool:
        """Whether a new feature must have a value."""
        return self.writable and not self.nullable and self.default is None

    @property
    def is_searched(self) -> bool:
        """Whether its texts are searched for words."""
        return self.type.free_text or (self.type is LIST and self.codes is None)

    @property
    def ordered_codes(self) -> OrderedCodeListClass:
        """The code list by whose order values are compared and sorted, if it has one."""
        return (
            self.codes
            if self.codes is not None and issubclass(self.codes, OrderedCodeList) and self.type is CODE
            else None
        )

    @property
    def is_status(self) -> bool:
        """Whether it is a status, which changes only by transitions."""
        return self.codes is not None and issubclass(self.codes, Status) and self.sql is None

    def expression(self, row: "Row") -> str:
        """The SQL expression of this property over a row, as the reader of the row may read it."""
        if self.own_unit_view is None:
            return self._value(row)
        return self.own_unit_view.select(self._value(replace(row, unit_alias=OwnUnitView.ALIAS)), row)

    def _value(self, row: "Row") -> str:
        """The SQL of the value, where the row is visible as a whole."""
        if self.sql is not None:
            return f"({self.sql(row.deriving(self))})"
        if self.own_unit_view is not None:
            return f'{row.unit_alias}."{self.name}"'
        return row.masked_when_assumed(self.name) if self.masked_when_assumed else row.column(self.name)


def rank_sql(codes: Iterable[str], sql: str) -> str:
    """The SQL of the rank of a code, counted from 0 in the order of ``codes``; NULL for any other value.

    A CASE, because ``array_position`` takes longer over the rows of a whole tile.
    """
    branches = " ".join(f"when '{code}' then {rank}" for rank, code in enumerate(codes))
    return f"(case {sql}::text {branches} end)"


def field(
    vi: str,
    en: str,
    *,
    level: Level = Level.PUBLIC,
    writable: bool = True,
    default: Any = None,
    max_length: int = 2000,
    unit: str | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
    register: str | None = None,
    masked_when_assumed: bool = False,
    set_by_trigger: bool = False,
    eager: bool = False,
    sort_order: int = 0,
) -> Any:
    """Declare a stored property with its Vietnamese and English title; its type is that of its annotation.

    ``set_by_trigger`` means that a trigger of the database writes it. Columns above ``partner`` are deferred, because a
    scoped role may update rows some of whose columns it may not select; ``eager`` loads such a column nevertheless.
    A reference to another feature is not a field but a link, which is visible only to readers of both ends.
    """
    info = {
        "title": Text(vi, en),
        "level": level,
        "writable": writable,
        "default": default,
        "max_length": max_length,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "register": register,
        "masked_when_assumed": masked_when_assumed,
    }
    server_value = FetchedValue() if set_by_trigger else None
    return mapped_column(
        info={"field": info},
        sort_order=sort_order,
        server_default=server_value,
        server_onupdate=server_value,
        deferred=not eager and not Level.PARTNER.may_read(level),
    )


def geometry(geometry_type: str) -> Any:
    """Declare the geometry of a feature: POINT, LINESTRING, POLYGON or GEOMETRY, in WGS 84 longitude and latitude."""
    return mapped_column(Geometry(geometry_type, srid=WGS84, spatial_index=True), nullable=True, sort_order=900)


@dataclass(frozen=True)
class Derived:
    """The declaration of a derived property, which is computed on every read."""

    title: Text
    sql: DerivedSql
    reads: "tuple[Source, ...]" = ()
    codes: CodeListClass = None
    level: Level = Level.PUBLIC
    type: FieldType = TEXT


def derived(
    vi: str,
    en: str,
    sql: DerivedSql,
    *,
    reads: "tuple[Source, ...]" = (),
    codes: type[CodeList] | None = None,
    level: Level = Level.PUBLIC,
    type: str = "text",  # noqa: A002 - named like the attribute of Field
) -> Derived:
    """Declare a derived property with its Vietnamese and English title.

    ``sql`` composes the expression from its row: ``lambda row: f"{row['due_on']} < {row.today}"``. What it reads beside
    the row is declared in ``reads`` and selected with ``row.select``; its level must be at least that of every column
    that it reads. Then the value is right for every reader and at every past moment, and released copies that contain
    it are recalled with what they mention.
    """
    field_type = FIELD_TYPES["code" if codes and type == "text" else type]
    return Derived(Text(vi, en), sql, reads, codes, level, field_type)


def apply_annotated_type(cls: type[Any], name: str, annotation: Any) -> None:
    """Set type and nullability of a column declared as ``name: Mapped[X | None] = field(…)`` from its annotation."""
    declared: Any = cls.__dict__.get(name)
    info = getattr(getattr(declared, "column", None), "info", {}).get("field")
    if info is None:
        return
    inner = get_args(annotation)[0]
    nullable = get_origin(inner) in (Union, UnionType)
    if nullable:
        inner = next(member for member in get_args(inner) if member is not type(None))
    codes = inner if isinstance(inner, type) and issubclass(inner, CodeList) else None
    info["codes"] = codes
    sql_type: TypeEngine[Any]
    if codes is Level:
        info["type"], sql_type = CODE, LevelType()
    elif codes is not None:
        info["type"], sql_type = CODE, CodeListType(codes)
    else:
        info["type"], sql_type = type_declared_as(inner)
        info["decimals"] = 0 if isinstance(sql_type, Integer) else getattr(sql_type, "scale", None)
    column = declared.column
    if name.endswith("_"):  # a Python keyword; column and property have the name without the underscore
        column.name = column.key = name.rstrip("_")
        setattr(cls, column.name, synonym(name))
    column.type = sql_type
    column.nullable = nullable
    declared._has_nullable = True  # noqa: SLF001 - nullable is set above, so the mapper must not set it
