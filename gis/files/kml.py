"""KML 2.2 (OGC 12-007r2) written by PostgreSQL, one Placemark for each row, so that it is streamed like GeoJSON.

Fields are typed in ``SchemaData``, from which GDAL and QGIS read them. The id is both a field and the Placemark's
attribute, since only newer versions of GDAL read the attribute. ``description`` is HTML to the programs that show it,
so it is escaped a second time: its text is shown as it is, and cannot load anything from another server.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

from gis.crs.geometry import DECIMALS
from gis.model.field_types import Scalar
from gis.model.fields import Field
from gis.read.selection import Selection
from gis.read.sql import selected_fields, selection_geometry_sql
from gis.text.i18n import Language
from gis.text.input_values import FORBIDDEN_CHARACTERS

KML_ELEMENT_FIELDS: Final = ("name", "description")
"""The fields that become elements of the Placemark instead of ``SimpleData``."""

DOCUMENT_END: Final = b"</Folder></Document></kml>\n"


def document_start(selection: Selection, language: Language, metadata: Mapping[str, str]) -> bytes:
    """The KML before the first Placemark: the document's name and metadata, and the schema of the fields."""
    layer = selection.layer
    about = "".join(
        f'<Data name="{name}"><value>{escape(FORBIDDEN_CHARACTERS.sub("", value))}</value></Data>'
        for name, value in metadata.items()
    )
    fields = "".join(
        f'<SimpleField name="{field.name}" type="{field.type.kml_type}">'
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
    layer, fields = selection.layer, {field.name: field for field in selected_fields(selection)}
    name_field = next((fields[name] for name in ("name", layer.label_sql, "address") if name in fields), None)
    parts = ["""'<Placemark id="' || t.id || '">'"""]
    if name_field is not None:
        parts.append(_element_sql("name", _value_sql(selection, name_field)))
    if "description" in fields:
        parts.append(_element_sql("description", _escaped_sql(_value_sql(selection, fields["description"]))))
    parts.append(f"""'<ExtendedData><SchemaData schemaUrl="#{layer.name}.schema">'""")
    parts.append(_element_sql("SimpleData", "t.id", ' name="id"'))
    parts += [
        _element_sql("SimpleData", _value_sql(selection, field), f' name="{field.name}"')
        for field in _schema_fields(selection)
    ]
    parts += ["'</SchemaData></ExtendedData>'", _geometry_sql(selection), "'</Placemark>'"]
    return f"concat_ws('', {', '.join(parts)})"


def _schema_fields(selection: Selection) -> list[Field]:
    """The fields in ``SchemaData``."""
    return [field for field in selected_fields(selection) if field.name not in KML_ELEMENT_FIELDS]


def _element_sql(name: str, content: str, attributes: str = "") -> str:
    """The SQL of an element, or NULL, which ``concat_ws`` leaves out, if its content is NULL."""
    return f"'<{name}{attributes}>' || {content} || '</{name}>'"


def _value_sql(selection: Selection, field: Field) -> str:
    """The SQL of a field's value as XML text; times are in UTC."""
    sql = field.type.kml_sql.format(sql=field.expression(selection.row))
    return _escaped_sql(sql) if field.type.scalar in (Scalar.CHARACTER, None) else sql


def _escaped_sql(sql: str) -> str:
    """The SQL of a text in one line, with XML's special characters escaped and those that XML forbids removed."""
    sql = rf"regexp_replace({sql}, '[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]', '', 'g')"
    entities = {"'&'": "&amp;", "'<'": "&lt;", "'>'": "&gt;", r"e'\n'": "&#10;", r"e'\r'": "&#13;"}
    for character, entity in entities.items():
        sql = f"replace({sql}, {character}, '{entity}')"
    return sql


def _geometry_sql(selection: Selection) -> str:
    """The SQL of the geometry as KML; a collection, which PostGIS does not write, as a MultiGeometry of its parts."""
    parts = f"(select string_agg(ST_AsKML(part.geom, {DECIMALS}), '') from ST_Dump(place) part)"
    return (
        "(select case when GeometryType(place) = 'GEOMETRYCOLLECTION'"
        f" then '<MultiGeometry>' || {parts} || '</MultiGeometry>' else ST_AsKML(place, {DECIMALS}) end"
        f" from (select ST_ForcePolygonCCW({selection_geometry_sql(selection)}) as place offset 0) site)"
    )
