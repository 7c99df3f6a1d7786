"""The types of fields. Each type is one object that says everything that depends on the type of a field only.

Tables, filters, request bodies, schemas, files and pages take it from there, so a new type is one more object here. It
holds plain data and pure functions; a file format that needs a library finds its own type by the name given here.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Field as Bound, conlist
from sqlalchemy import ARRAY, Boolean, Date, DateTime, Float, Integer, Numeric, Text as SqlText
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from gis.model.code_lists import CodeList
from gis.text.dates import TIME_ZONE, parse_date, parse_datetime
from gis.text.formatting import format_date, format_datetime, format_number
from gis.text.i18n import Text
from gis.text.input_values import checked_number, parse_input_date, parse_input_datetime

TEXT_COLLATION = "natural_vi"
"""The collation of all text columns: Vietnamese alphabet, numbers by value, so that 96 < 147/6 < 147/10."""

TEXT_CELL, WHOLE_NUMBER_CELL, NUMBER_CELL = "@", "0", "General"
DATE_CELL, DATETIME_CELL = "dd/mm/yyyy", "dd/mm/yyyy hh:mm"
"""The number formats of cells (ECMA-376) in a table for people."""


class Scalar(Enum):
    """The kinds of scalar values of CQL2 (OGC 21-065r2); values of one kind can be compared with each other."""

    CHARACTER = "character"
    NUMERIC = "numeric"
    INSTANT = "instant"
    BOOLEAN = "boolean"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FieldType:
    """A type of field, known in documents by its ``name``.

    Database:

    - ``columns``: the Python types with which a card declares a stored field of this type, and the column of each.
      Released copies have the first.
    - ``sql_type``: the type to which PostgreSQL casts a value.
    - ``scalar``: the kind by which values are compared and sorted, or None if they are not.
    - ``instant_sql``: the SQL of an instant as a time, over ``{sql}``; a date is its first moment in Vietnam.

    Requests and responses:

    - ``parse``: parses the value of a filter, or is None if no filter may test for a value. Raises ``ValueError`` or
      ``KeyError``.
    - ``input_type``: gives the pydantic type of the value in a request body, from that of a text of the field's length.
    - ``json_schema``: the value in JSON.
    - ``free_text``: whether any text is a value: then it has a maximum length, is searched for words, and may contain
      commas, which otherwise separate the values of a filter.

    Files:

    - ``arrow_type``: the name of the Arrow type.
    - ``kml_type``, ``kml_sql``: the type of a ``SimpleField``, and the SQL over ``{sql}`` of the value in it, which is
      then escaped.
    - ``cell_format``, ``cell_sql``: the number format of a cell in a table for people, and the SQL of the value in it,
      over ``{sql}``. Where the field has a code list, ``{title}`` is the title of the value, and ``{item}`` that of an
      item of a list. ``{yes}``, ``{no}`` and ``{language}`` are those of the reader.

    Pages:

    - ``form_input``: the kind of input in forms (``maps/static/forms/feature_inputs.js``), or None for no input.
    - ``in_words``: a value in JSON as text in a language; for a list, one of its items.
    """

    name: str
    columns: Mapping[Any, TypeEngine[Any]]
    sql_type: str
    scalar: Scalar | None
    parse: Callable[[str], Any] | None
    input_type: Callable[[Any], Any]
    json_schema: dict[str, Any]
    arrow_type: str
    kml_type: str
    kml_sql: str
    cell_format: str
    cell_sql: str
    form_input: str | None
    in_words: Callable[[Any, str], str]
    instant_sql: str = "{sql}"
    free_text: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def column(self) -> TypeEngine[Any]:
        """The type of a column of plain values."""
        return next(iter(self.columns.values()))

    @property
    def filterable(self) -> bool:
        """Whether a filter may test for a value."""
        return self.parse is not None

    @property
    def sortable(self) -> bool:
        """Whether features can be sorted by a field of this type."""
        return self.scalar is not None


def _checked_bigint(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError
    return number


def _number_in_words(value: Any, language: str) -> str:
    """A number in words; PostgreSQL writes NaN and infinity in JSON as texts."""
    return str(value) if isinstance(value, str) else format_number(value, language)


YES, NO = Text("Có", "Yes"), Text("Không", "No")

TEXT: Final = FieldType(
    name="text",
    columns={str: SqlText(collation=TEXT_COLLATION)},
    sql_type="text",
    scalar=Scalar.CHARACTER,
    parse=str,
    input_type=lambda text: text,
    json_schema={"type": "string"},
    arrow_type="string",
    kml_type="string",
    kml_sql="{sql}::text",
    cell_format=TEXT_CELL,
    cell_sql="{sql}",
    form_input="text",
    in_words=lambda value, _language: str(value),
    free_text=True,
)
CODE: Final = replace(TEXT, name="code", columns={CodeList: SqlText()}, cell_sql="{title}", free_text=False)
INTEGER: Final = FieldType(
    name="integer",
    columns={int: Integer()},
    sql_type="bigint",
    scalar=Scalar.NUMERIC,
    parse=_checked_bigint,
    input_type=lambda _text: Annotated[int, Bound(strict=True, ge=-(2**31), lt=2**31)],
    json_schema={"type": "integer"},
    arrow_type="int64",
    kml_type="int",
    kml_sql="{sql}::text",
    cell_format=WHOLE_NUMBER_CELL,
    cell_sql="{sql}",
    form_input="integer",
    in_words=_number_in_words,
)
NUMBER: Final = FieldType(
    name="number",
    columns={float: Float(), Decimal: Numeric(16, 2)},
    sql_type="float8",
    scalar=Scalar.NUMERIC,
    parse=float,
    input_type=lambda _text: Annotated[float, BeforeValidator(checked_number), Bound(ge=-1e13, le=1e13)],
    json_schema={"type": "number"},
    arrow_type="double",
    kml_type="double",
    kml_sql="{sql}::text",
    cell_format=NUMBER_CELL,
    cell_sql="{sql}",
    form_input="number",
    in_words=_number_in_words,
)
DATE: Final = FieldType(
    name="date",
    columns={dt.date: Date()},
    sql_type="date",
    scalar=Scalar.INSTANT,
    instant_sql=f"({{sql}}::timestamp at time zone '{TIME_ZONE}')",
    parse=parse_date,
    input_type=lambda _text: Annotated[dt.date, BeforeValidator(parse_input_date)],
    json_schema={"type": "string", "format": "date"},
    arrow_type="date32[day]",
    kml_type="string",
    kml_sql="to_char({sql}, 'YYYY-MM-DD')",
    cell_format=DATE_CELL,
    cell_sql="{sql}",
    form_input="date",
    in_words=lambda value, _language: format_date(value),
)
DATETIME: Final = FieldType(
    name="datetime",
    columns={dt.datetime: DateTime(timezone=True)},
    sql_type="timestamptz",
    scalar=Scalar.INSTANT,
    parse=parse_datetime,
    input_type=lambda _text: Annotated[AwareDatetime, BeforeValidator(parse_input_datetime)],
    json_schema={"type": "string", "format": "date-time"},
    arrow_type="timestamp[ms, tz=UTC]",
    kml_type="string",
    kml_sql="""to_char({sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""",
    cell_format=DATETIME_CELL,
    cell_sql=f"({{sql}} at time zone '{TIME_ZONE}')",
    form_input="datetime",
    in_words=lambda value, _language: format_datetime(value),
)
BOOLEAN: Final = FieldType(
    name="boolean",
    columns={bool: Boolean()},
    sql_type="boolean",
    scalar=Scalar.BOOLEAN,
    parse=lambda text: {"true": True, "false": False}[text.lower()],
    input_type=lambda _text: Annotated[bool, Bound(strict=True)],
    json_schema={"type": "boolean"},
    arrow_type="bool",
    kml_type="bool",
    kml_sql="{sql}::int::text",
    cell_format=TEXT_CELL,
    cell_sql="case {sql} when true then {yes} when false then {no} end",
    form_input="yes_no",
    in_words=lambda value, language: (YES if value else NO).in_language("en" if language == "en" else "vi"),
)
UUID: Final = FieldType(
    name="uuid",
    columns={uuid.UUID: postgresql.UUID(as_uuid=True)},
    sql_type="uuid",
    scalar=Scalar.CHARACTER,
    parse=uuid.UUID,
    input_type=lambda _text: uuid.UUID,
    json_schema={"type": "string", "format": "uuid"},
    arrow_type="string",
    kml_type="string",
    kml_sql="{sql}::text",
    cell_format=TEXT_CELL,
    cell_sql="{sql}::text",
    form_input=None,
    in_words=lambda value, _language: str(value),
)
LIST: Final = FieldType(
    name="list",
    columns={list[str]: ARRAY(SqlText(collation=TEXT_COLLATION))},
    sql_type="text[]",
    scalar=None,
    parse=str,
    input_type=lambda text: conlist(text, max_length=100),
    json_schema={"type": "array", "items": {"type": "string"}},
    arrow_type="list<item: string>",
    kml_type="string",
    kml_sql="array_to_string({sql}, '; ')",
    cell_format=TEXT_CELL,
    cell_sql="(select string_agg({item}, '; ' order by n) from unnest({sql}) with ordinality u (item, n))",
    form_input="list",
    in_words=lambda item, _language: str(item),
)
JSON: Final = FieldType(
    name="json",
    columns={dict[str, Any]: postgresql.JSONB()},
    sql_type="jsonb",
    scalar=None,
    parse=None,
    input_type=lambda _text: dict[str, Any],
    json_schema={"type": "object"},
    arrow_type="string",
    kml_type="string",
    kml_sql="{sql}::text",
    cell_format=TEXT_CELL,
    cell_sql="(select string_agg(key || ': ' || coalesce(value #>> '{{title,{language}}}', value #>> '{{}}'), '; ')"
    " from jsonb_each(case jsonb_typeof(({sql})::jsonb) when 'object' then ({sql})::jsonb end) where value <> 'null')",
    form_input=None,
    in_words=lambda value, _language: json.dumps(value, ensure_ascii=False),
)

FIELD_TYPES: Final[Mapping[str, FieldType]] = {
    field_type.name: field_type
    for field_type in (TEXT, CODE, INTEGER, NUMBER, DATE, DATETIME, BOOLEAN, UUID, LIST, JSON)
}
"""All types by name."""


def type_declared_as(annotation: Any) -> tuple[FieldType, TypeEngine[Any]]:
    """The type of a field that a card declares with a Python type, and the type of its column."""
    for field_type in FIELD_TYPES.values():
        if annotation in field_type.columns:
            return field_type, field_type.columns[annotation]
    raise TypeError(f"No field type is declared as {annotation}")
