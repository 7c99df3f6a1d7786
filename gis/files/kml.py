"""KML 2.2 (OGC 12-007r2) as PostgreSQL writes it, a Placemark for each row, so that it streams like GeoJSON.

Fields stand typed in ``SchemaData``, by which GDAL and QGIS know them again; the identity is the Placemark's too,
since newer GDALs read it there and older ones do not. What names a feature to a person is its ``name``; its
``description`` is HTML to whoever shows it, so it is escaped once more: words stay words, and nothing in them is
fetched from elsewhere.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

from gis.crs.geometry import DECIMALS
from gis.model.fields import Field
from gis.read import sql as query
from gis.read.selection import Selection
from gis.text.i18n import Language
from gis.write.validation import FORBIDDEN_CHARACTERS

KML_TYPES: Final = {"integer": "int", "number": "double", "boolean": "bool"}
"""The types of KML's own; everything else is a string."""

KML_ELEMENT_FIELDS: Final = ("name", "description")
"""What KML has elements of its own for."""

DOCUMENT_END: Final = b"</Folder></Document></kml>\n"


def document_start(selection: Selection, language: Language, metadata: Mapping[str, str]) -> bytes:
    """What comes before the first Placemark: the document, what its reader must know of it, and the fields' types."""
    layer = selection.layer
    about = "".join(
        f'<Data name="{name}"><value>{escape(FORBIDDEN_CHARACTERS.sub("", value))}</value></Data>'
        for name, value in metadata.items()
    )
    fields = "".join(
        f'<SimpleField name="{field.name}" type="{KML_TYPES.get(field.type, "string")}">'
        f"<displayName>{escape(field.title.in_language(language))}</displayName></SimpleField>"
        for field in _schema_fields(selection)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<name>{escape(layer.title.in_language(language))}</name>"
        f'<Schema name="{layer.name}" id="{layer.name}.schema"><SimpleField name="id" type="string"/>{fields}</Schema>'
        f"<ExtendedData>{about}</ExtendedData><Folder><name>{layer.name}</name>\n"
    ).encode()


def placemark_sql(selection: Selection) -> str:
    """The SQL that gives a row ``t`` as the text of a Placemark, in one line."""
    layer, known = selection.layer, {field.name: field for field in query.selected_fields(selection)}
    name_field = next((known[name] for name in ("name", layer.label_sql, "address") if name in known), None)
    parts = ["""'<Placemark id="' || t.id || '">'"""]
    if name_field is not None:
        parts.append(_element_sql("name", _value_sql(selection, name_field)))
    if "description" in known:
        parts.append(_element_sql("description", _escaped_sql(_value_sql(selection, known["description"]))))
    parts.append(f"""'<ExtendedData><SchemaData schemaUrl="#{layer.name}.schema">'""")
    parts.append(_element_sql("SimpleData", "t.id", ' name="id"'))
    parts += [
        _element_sql("SimpleData", _value_sql(selection, field), f' name="{field.name}"')
        for field in _schema_fields(selection)
    ]
    parts += ["'</SchemaData></ExtendedData>'", _geometry_sql(selection), "'</Placemark>'"]
    return f"concat_ws('', {', '.join(parts)})"


def _schema_fields(selection: Selection) -> list[Field]:
    """The fields that stand in ``SchemaData``."""
    return [field for field in query.selected_fields(selection) if field.name not in KML_ELEMENT_FIELDS]


def _element_sql(name: str, content: str, attributes: str = "") -> str:
    """The SQL of an element; NULL, which ``concat_ws`` passes over, where it would be empty."""
    return f"'<{name}{attributes}>' || {content} || '</{name}>'"


def _value_sql(selection: Selection, field: Field) -> str:
    """The SQL of a field's value as it stands in XML; times are UTC."""
    sql = field.expression(selection.clearance)
    plain: dict[str, str] = {
        "integer": f"{sql}::text",
        "number": f"{sql}::text",
        "boolean": f"{sql}::int::text",
        "date": f"to_char({sql}, 'YYYY-MM-DD')",
        "datetime": f"""to_char({sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""",
    }
    if field.type in plain:
        return plain[field.type]
    return _escaped_sql(f"array_to_string({sql}, '; ')" if field.type == "list" else f"{sql}::text")


def _escaped_sql(sql: str) -> str:
    """The SQL of a text without a sign that means anything in XML, or that it has no room for, in one line."""
    sql = rf"regexp_replace({sql}, '[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]', '', 'g')"
    for character, entity in (("'&'", "&amp;"), ("'<'", "&lt;"), ("'>'", "&gt;"), (r"e'\n'", "&#10;"), (r"e'\r'", "&#13;")):
        sql = f"replace({sql}, {character}, '{entity}')"
    return sql


def _geometry_sql(selection: Selection) -> str:
    """The SQL of the place; of a collection, such as a task's, which PostGIS does not write, its parts."""
    parts = f"(select string_agg(ST_AsKML(part.geom, {DECIMALS}), '') from ST_Dump(place) part)"
    return (
        "(select case when GeometryType(place) = 'GEOMETRYCOLLECTION'"
        f" then '<MultiGeometry>' || {parts} || '</MultiGeometry>' else ST_AsKML(place, {DECIMALS}) end"
        f" from (select ST_ForcePolygonCCW({query.selection_geometry_sql(selection)}) as place offset 0) site)"
    )
