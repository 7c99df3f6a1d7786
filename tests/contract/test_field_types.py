"""Each type of field says everything about its values, and a new type needs no code elsewhere."""

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from sqlalchemy.types import TypeEngine

from api.ogc.schemas import property_schema
from api.rest import layers as layer_cards
from gis.files import formats, kml, spool
from gis.model.code_lists import CodeList
from gis.model.field_types import (
    DATE_CELL,
    DATETIME_CELL,
    FIELD_TYPES,
    NUMBER_CELL,
    TEXT,
    TEXT_CELL,
    WHOLE_NUMBER_CELL,
    Scalar,
    type_declared_as,
)
from gis.model.fields import Field, Level
from gis.model.layer import catalog
from gis.model.row import Row
from gis.read.cql2.compiler import compile_condition
from gis.read.cql2.parse import FilterContext, parse
from gis.read.selection import Selection
from gis.read.statement import StatementBuilder, parse_value
from gis.text.i18n import Text
from gis.write import validation
from maps.labels import value_text

SCRIPTS = Path(__file__).resolve().parents[2] / "maps" / "static"
KML_TYPES = ("string", "int", "uint", "short", "ushort", "float", "double", "bool")
ID = "00000000-0000-4000-8000-000000000000"


class Sample(NamedTuple):
    """A value in JSON, and what a filter, a KML, a table for people and a page make of it."""

    value: Any
    filter: str
    kml: str
    cell: Any
    words: str


SAMPLES = {
    "text": Sample("=đá & 1", "=đá & 1", "=đá & 1", "=đá & 1", "=đá & 1"),
    "code": Sample("low", "low", "low", "low", "low"),
    "integer": Sample(1200, "1200", "1200", 1200, "1.200"),
    "number": Sample(1200.5, "1200.5", "1200.5", 1200.5, "1.200,5"),
    "date": Sample("2026-01-31", "2026-01-31", "2026-01-31", dt.date(2026, 1, 31), "31/01/2026"),
    "datetime": Sample(
        "2026-01-31T00:30:00Z",
        "2026-01-31T07:30:00+07:00",
        "2026-01-31T00:30:00Z",
        dt.datetime(2026, 1, 31, 7, 30),  # noqa: DTZ001 - a cell has no time zone
        "31/01/2026 07:30",
    ),
    "boolean": Sample(value=True, filter="TRUE", kml="1", cell="Có", words="Có"),
    "uuid": Sample(ID, ID, ID, ID, ID),
    "list": Sample(["a", "b"], "a", "a; b", "a; b", "a, b"),
    "json": Sample({"a": 1}, "", '{"a": 1}', "a: 1", '{"a": 1}'),
}

every_type = pytest.mark.parametrize("field_type", FIELD_TYPES.values(), ids=str)


def field_of(field_type) -> Field:
    """A field of this type; a code list has the code ``low``."""
    return Field("x", Text("x", "x"), field_type)


@every_type
def test_type_names_types_of_other_systems_that_exist(field_type):
    assert FIELD_TYPES[field_type.name] is field_type
    assert all(isinstance(column, TypeEngine) for column in field_type.columns.values())
    assert field_type.column is next(iter(field_type.columns.values()))
    assert field_type.arrow_type in spool.ARROW_TYPES
    assert field_type.kml_type in KML_TYPES
    assert field_type.cell_format in (TEXT_CELL, WHOLE_NUMBER_CELL, NUMBER_CELL, DATE_CELL, DATETIME_CELL)
    assert field_type.sortable == isinstance(field_type.scalar, Scalar)
    Draft202012Validator.check_schema(field_type.json_schema)


def test_lists_and_json_cannot_be_sorted_and_json_cannot_be_filtered():
    assert [name for name, field_type in FIELD_TYPES.items() if not field_type.sortable] == ["list", "json"]
    assert [name for name, field_type in FIELD_TYPES.items() if not field_type.filterable] == ["json"]


def test_a_python_type_declares_one_type():
    declared = [python_type for field_type in FIELD_TYPES.values() for python_type in field_type.columns]
    assert len(set(declared)) == len(declared)
    for field_type in FIELD_TYPES.values():
        for python_type, column in field_type.columns.items():
            assert type_declared_as(python_type) == (field_type, column)
    with pytest.raises(TypeError, match="bytes"):
        type_declared_as(bytes)


@every_type
def test_input_takes_what_the_json_schema_describes(field_type):
    value = SAMPLES[field_type.name].value
    Draft202012Validator(field_type.json_schema).validate(value)
    TypeAdapter(field_type.input_type(str)).validate_python(value)


@every_type
def test_postgresql_casts_filters_and_converts_a_value(field_type, connect):
    sample = SAMPLES[field_type.name]
    parameters = {"value": Jsonb(sample.value) if isinstance(sample.value, dict) else sample.value}
    sql = f"(%(value)s::{field_type.sql_type})"
    cell = field_type.cell_sql.format(
        sql=sql, title=f"{sql}::text", item="item", yes="'Có'", no="'Không'", language="vi"
    )
    converted = f"select {field_type.kml_sql.format(sql=sql)}, {cell}"
    with connect() as connection:
        assert connection.execute(converted, parameters).fetchone() == (sample.kml, sample.cell)
        if field_type.filterable and field_type.sortable:
            parameters["parsed"] = parse_value(field_of(field_type), sample.filter)
            equal = f"select {sql} = %(parsed)s::{field_type.sql_type}"
            assert connection.execute(equal, parameters).fetchone() == (True,)
        if field_type.scalar is Scalar.INSTANT:
            instant = f"select pg_typeof({field_type.instant_sql.format(sql=sql)})::text"
            assert connection.execute(instant, parameters).fetchone() == ("timestamp with time zone",)


@every_type
def test_value_in_words(field_type):
    sample = SAMPLES[field_type.name]
    if isinstance(sample.value, dict):
        assert field_type.in_words(sample.value, "vi") == sample.words
    else:
        assert value_text({"name": "x", "type": field_type.name}, sample.value, "vi") == sample.words
    if field_type.scalar is Scalar.NUMERIC:
        assert field_type.in_words("NaN", "vi") == "NaN"


def test_a_number_has_its_unit_and_an_unknown_field_is_a_text():
    progress = {"name": "progress", "type": "integer", "unit": "%"}
    assert (value_text(progress, 1200, "vi"), value_text(progress, "1200", "vi")) == ("1.200%", "1200")
    assert (value_text({}, "x", "vi"), value_text({}, None, "vi")) == ("x", "")


def _keys_of_table(script: str, name: str) -> set[str]:
    """The keys of a table in a script."""
    table = re.search(rf"const {name} = \{{\n(.*?)^\}};", script, re.DOTALL | re.MULTILINE)[1]
    return set(re.findall(r"^  (\w+):", table, re.MULTILINE))


def test_scripts_know_every_kind_of_input_and_only_existing_types():
    inputs = _keys_of_table((SCRIPTS / "forms" / "feature_inputs.js").read_text("utf-8"), "KINDS")
    assert inputs == {field_type.form_input for field_type in FIELD_TYPES.values()} - {None}
    assert _keys_of_table((SCRIPTS / "core" / "labels.js").read_text("utf-8"), "TEXT_BY_TYPE") < set(FIELD_TYPES)
    comparison = re.compile(rf"""\.type [!=]== ["'](?:{"|".join(FIELD_TYPES)})["']""")
    assert [path.name for path in SCRIPTS.rglob("*.js") if comparison.search(path.read_text("utf-8"))] == []


class PhoneNumber(str):
    """A Python type of its own, for a type of field that the program does not have."""

    __slots__ = ()


def test_new_type_of_field_is_one_object(monkeypatch):
    phone = replace(
        TEXT,
        name="phone",
        columns={PhoneNumber: TEXT.column},
        json_schema={"type": "string", "format": "phone"},
        input_type=lambda _text: int,
        kml_sql="'tel:' || {sql}",
        cell_sql="'☎ ' || {sql}",
        in_words=lambda value, _language: f"☎ {value}",
        parse=lambda text: text.replace(" ", ""),
        free_text=False,
    )
    monkeypatch.setitem(FIELD_TYPES, "phone", phone)
    field = Field("phone", Text("Điện thoại", "Phone"), phone)
    reader, statement = Level.RESTRICTED, StatementBuilder()
    row = Row(reader)
    assert type_declared_as(PhoneNumber) == (phone, TEXT.column)
    assert parse_value(field, "0 1") == "01"
    context = FilterContext({"phone": field}, row, "t.geom", statement.bind)
    assert compile_condition(parse("phone < '5'"), context) == '(t."phone" < %(v0)s::text)'
    assert validation.pydantic_type(field) is int
    assert spool._part(field, row)[2] == 't."phone"::text'
    assert kml._value_sql(Selection(catalog["tasks"], reader), field).count("'tel:' || t.\"phone\"") == 1
    assert formats._cell_sql(field, row, {}, "vi") == "'☎ ' || t.\"phone\""
    assert property_schema(field, "vi") == {"title": "Điện thoại", "type": "string", "format": "phone"}
    card = layer_cards._field(field, receivable=True)
    assert (card["type"], card["input"], card["max_length"]) == ("phone", "text", None)
    assert value_text(card, "01", "vi") == "☎ 01"


def test_code_lists_give_titles_to_codes_and_to_items_of_lists():
    class Colour(CodeList):
        RED = "red", ("Đỏ", "Red")

    row = Row(Level.RESTRICTED)
    title = "case {} when 'red' then 'Đỏ' else {} end"
    code, items = (Field("x", Text("x", "x"), FIELD_TYPES[name], codes=Colour) for name in ("code", "list"))
    assert formats._cell_sql(code, row, {}, "vi") == title.format('(t."x")::text', '(t."x")::text')
    assert title.format("item", "item") in formats._cell_sql(items, row, {}, "vi")
    assert property_schema(items, "vi")["items"] == {"type": "string", "enum": ["red"]}
    assert property_schema(code, "vi")["enum"] == ["red"]
