"""Titles, code lists and a default style in a GeoPackage, for QGIS and QField.

QGIS reads the table ``layer_styles`` of a GeoPackage and uses the style that is marked as default for symbols, labels
and forms. Code lists are also written as tables, for forms that refer to them.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from gis.model.code_lists import GREY, CodeList, Mark
from gis.model.field_types import CODE
from gis.model.fields import Field
from gis.model.layer import Layer
from gis.text.i18n import Language, Text

CREATE_SCHEMA_EXTENSION = """
create table if not exists gpkg_data_columns (
    table_name text not null, column_name text not null, name text, title text, description text, mime_type text,
    constraint_name text,
    constraint pk_gdc primary key (table_name, column_name), constraint gdc_tn unique (table_name, name));
create table if not exists gpkg_data_column_constraints (
    constraint_name text not null, constraint_type text not null, value text, min numeric, min_is_inclusive boolean,
    max numeric, max_is_inclusive boolean, description text,
    constraint gdcc_ntv unique (constraint_name, constraint_type, value));
create table if not exists gpkg_extensions (
    table_name text, column_name text, extension_name text not null, definition text not null, scope text not null,
    constraint ge_tce unique (table_name, column_name, extension_name));
insert or ignore into gpkg_extensions
    select name, null, 'gpkg_schema', 'http://www.geopackage.org/spec/#extension_schema', 'read-write'
    from (select 'gpkg_data_columns' as name union all select 'gpkg_data_column_constraints');
"""
"""The schema extension of OGC GeoPackage 1.3, which has titles of columns and lists of values."""

CREATE_LAYER_STYLES = """
create table layer_styles (
    id integer primary key autoincrement not null, f_table_catalog text(256), f_table_schema text(256),
    f_table_name text(256), f_geometry_column text(256), styleName text(30), styleQML text, styleSLD text,
    useAsDefault boolean, description text, owner text(30), ui text(30),
    update_time datetime default (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
insert into gpkg_contents (table_name, data_type, identifier, description) values ('layer_styles', 'attributes',
    'layer_styles', '');
"""
"""The table ``layer_styles`` as QGIS creates it."""


def add_qgis_project_data(
    path: Path, layer: Layer, tables: Mapping[str, str], fields: Sequence[Field], language: Language
) -> None:
    """Add titles, code lists and a default style to the feature tables (name and geometry type) of a GeoPackage."""
    coded = [field for field in fields if field.codes and field.type is CODE]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(CREATE_SCHEMA_EXTENSION)
        connection.executescript(CREATE_LAYER_STYLES)
        for field in coded:
            _add_value_list(connection, field, language)
        for table, geometry_type in tables.items():
            connection.executemany(
                "insert into gpkg_data_columns (table_name, column_name, name, title, constraint_name)"
                " values (?, ?, ?, ?, ?)",
                [
                    (
                        table,
                        field.name,
                        field.name,
                        field.title.in_language(language),
                        f"codes_{field.name}" if field in coded else None,
                    )
                    for field in fields
                ],
            )
            connection.execute(
                "insert into layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,"
                " styleName, styleQML, styleSLD, useAsDefault, description, owner) values ('', '', ?, 'geom', ?, ?, '',"
                " 1, ?, '')",
                (table, layer.name[:30], layer_qml(layer, geometry_type, fields, language), layer.title.vi),
            )


def _add_value_list(connection: sqlite3.Connection, field: Field, language: Language) -> None:
    """Add a code list twice: as a constraint of the schema extension, and as a table that forms can refer to."""
    table = f"codes_{field.name}"
    codes = list(field.codes or ())
    quoted = table.replace('"', '""')
    connection.execute(f'create table "{quoted}" (value text primary key not null, vi text, en text)')
    connection.executemany(
        f'insert into "{quoted}" values (?, ?, ?)',
        [(code.value, code.title.vi, code.title.en) for code in codes],
    )
    connection.execute(
        "insert into gpkg_contents (table_name, data_type, identifier, description) values (?, 'attributes', ?, ?)",
        (table, table, f"{field.title.vi} · {field.title.en}"),
    )
    connection.executemany(
        "insert into gpkg_data_column_constraints (constraint_name, constraint_type, value, description)"
        " values (?, 'enum', ?, ?)",
        [(table, code.value, code.title.in_language(language)) for code in codes],
    )


QGIS_MARKERS: Final = (
    "circle", "square", "diamond", "triangle", "pentagon", "hexagon", "star", "cross_fill", "octagon",
    "equilateral_triangle", "arrowhead_filled", "semi_circle", "third_circle", "quarter_circle",
)  # fmt: skip
"""QGIS's simple markers, plainest first. Codes have different markers while there are enough, so that they differ in
shape too, not in colour only."""

SYMBOL_TYPES: Final = {"Point": "marker", "LineString": "line", "Polygon": "fill"}
WHITE: Final = "255,255,255,255"
EXPRESSION_PROPERTY: Final = "3"
"""QGIS's number for a property that is computed by an expression."""

OTHER_VALUES: Final = Text("Khác hoặc chưa có", "Other or none yet")
LINE_STYLES: Final = ("solid", "dash", "dot", "dash dot", "dash dot dot")
FILL_STYLES: Final = ("solid", "b_diagonal", "f_diagonal", "dense6", "cross", "diagonal_x", "horizontal", "vertical")


def layer_qml(layer: Layer, geometry_type: str, fields: Sequence[Field], language: Language) -> str:
    """The QML style of a layer: a symbol for each code of its style field, labels, titles and lists of values."""
    kind = SYMBOL_TYPES.get(geometry_type.removeprefix("Multi"), "marker")
    fields_by_name = {field.name: field for field in fields}
    style_field = fields_by_name.get(layer.style_field or "")
    codes: list[CodeList] = list(style_field.codes) if style_field and style_field.codes else []
    root = Element("qgis", version="3.22.0", styleCategories="Symbology|Labeling|Fields|Forms")
    if codes and style_field:
        renderer = SubElement(root, "renderer-v2", type="categorizedSymbol", attr=style_field.name, symbollevels="0")
        categories = SubElement(renderer, "categories")
        for index, code in enumerate(codes):
            SubElement(
                categories,
                "category",
                value=code.value,
                symbol=str(index),
                label=code.title.in_language(language),
                render="true",
            )
        # QGIS draws no value without a category; the category of the empty value stands for all others, and for NULL.
        other = {"value": "", "symbol": str(len(codes)), "label": OTHER_VALUES.in_language(language), "render": "true"}
        SubElement(categories, "category", other)
    else:
        renderer = SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    symbols = SubElement(renderer, "symbols")
    marks = [*(code.mark for code in codes), None]
    for index, (mark, shape) in enumerate(zip(marks, _marker_shapes(marks), strict=True)):
        colour = mark.colour if mark else GREY
        _add_symbol(symbols, index, kind, shape, colour, may_be_assumed="position_source" in fields_by_name)
    if layer.label_sql in fields_by_name:
        _add_labels(root, layer.label_sql)
    _add_forms(root, fields, language)
    return tostring(root, encoding="unicode")


def _marker_shapes(marks: Sequence[Mark | None]) -> list[str]:
    """A marker for each code: the shape of its mark if QGIS has it, otherwise, while any is left, an unused one."""
    of_marks = [mark.shape if mark and mark.shape in QGIS_MARKERS else None for mark in marks]
    unused = [shape for shape in QGIS_MARKERS if shape not in of_marks]
    return [shape or unused.pop(0) if shape or unused else "circle" for shape in of_marks]


def _add_symbol(symbols: Element, index: int, kind: str, shape: str, colour: str, *, may_be_assumed: bool) -> None:
    """Add the symbol of the code at ``index``: a marker, line or fill (``kind``)."""
    symbol = SubElement(symbols, "symbol", type=kind, name=str(index), alpha="1")
    red, green, blue = (int(colour[offset : offset + 2], 16) for offset in (1, 3, 5))
    ink = f"{red},{green},{blue},255"
    symbol_layer = {
        "marker": ("SimpleMarker", {"name": shape, "color": ink, "outline_color": WHITE, "size": "3.2"}),
        "line": (
            "SimpleLine",
            {"line_color": ink, "line_width": "0.6", "line_style": LINE_STYLES[index % len(LINE_STYLES)]},
        ),
        "fill": (
            "SimpleFill",
            {
                "color": ink,
                "style": FILL_STYLES[index % len(FILL_STYLES)],
                "outline_color": ink,
                "outline_width": "0.5",
            },
        ),
    }[kind]
    part = SubElement(symbol, "layer", {"class": symbol_layer[0], "enabled": "1", "locked": "0", "pass": "0"})
    _add_options(part, symbol_layer[1])
    if kind == "marker" and may_be_assumed:
        _add_hollow_when_assumed(part, ink)


def _add_hollow_when_assumed(part: Element, ink: str) -> None:
    """Draw an assumed position as an outline filled with white, as on the maps of this application."""
    options = SubElement(SubElement(part, "data_defined_properties"), "Option", type="Map")
    SubElement(options, "Option", type="QString", name="name", value="")
    properties = SubElement(options, "Option", type="Map", name="properties")
    for name, surveyed, assumed in (("fillColor", ink, WHITE), ("outlineColor", WHITE, ink)):
        property_ = SubElement(properties, "Option", type="Map", name=name)
        SubElement(property_, "Option", type="bool", name="active", value="true")
        expression = f"if(\"position_source\" = 'assumed', '{assumed}', '{surveyed}')"
        SubElement(property_, "Option", type="QString", name="expression", value=expression)
        SubElement(property_, "Option", type="int", name="type", value=EXPRESSION_PROPERTY)
    SubElement(options, "Option", type="QString", name="type", value="collection")


def _add_options(parent: Element, values: Mapping[str, str]) -> None:
    options = SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        SubElement(options, "Option", type="QString", name=name, value=value)


def _add_labels(root: Element, name: str) -> None:
    settings = SubElement(SubElement(root, "labeling", type="simple"), "settings")
    text = SubElement(settings, "text-style", fieldName=name, fontSize="9", textColor="20,50,74,255", isExpression="0")
    SubElement(text, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferColor="255,255,255,255")
    SubElement(settings, "placement", placement="0", dist="1")
    SubElement(settings, "rendering", drawLabels="1", scaleVisibility="1", scaleMax="1", scaleMin="100000")


def _add_forms(root: Element, fields: Sequence[Field], language: Language) -> None:
    """Forms with titles instead of names, lists of values for codes, and derived fields read-only."""
    widgets, titles = SubElement(root, "fieldConfiguration"), SubElement(root, "aliases")
    editable = SubElement(root, "editable")
    SubElement(editable, "field", name="id", editable="0")
    for index, field in enumerate(fields):
        SubElement(titles, "alias", field=field.name, index=str(index + 2), name=field.title.in_language(language))
        SubElement(editable, "field", name=field.name, editable=str(int(field.writable or field.is_status)))
        if not field.codes or field.type is not CODE:
            continue
        widget = SubElement(SubElement(widgets, "field", name=field.name), "editWidget", type="ValueMap")
        listed = SubElement(
            SubElement(SubElement(widget, "config"), "Option", type="Map"), "Option", type="List", name="map"
        )
        for code in field.codes:
            _add_options(listed, {code.title.in_language(language): code.value})
