"""What is particular to a format of exports: workbook, CSV, Shapefile, FlatGeobuf, KML."""

import csv
import io
import zipfile
from html import unescape

import openpyxl
import pyogrio
import pytest
from shapely.geometry import shape

from gis.crs.systems import from_wgs84
from tests.api.rest.export_reading import FOR_PEOPLE, SPECIAL_TEXT, features_of, frames, rows
from tests.factories import create, incident


def test_workbook_has_text_and_date_cells(client, export):
    _, path = export("markers", "xlsx", number="147/6")
    book = openpyxl.load_workbook(path)
    sheet, about = book.worksheets
    titles = [cell.value for cell in sheet[1]]
    number = sheet[2][titles.index("Số hiệu")]
    assert (number.value, number.data_type, number.number_format, number.quotePrefix) == ("147/6", "s", "@", True)
    created = sheet[2][titles.index("Thời điểm tạo")]
    assert (created.is_date, created.number_format) == (True, "dd/mm/yyyy hh:mm")
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == sheet.dimensions
    metadata = dict(about.iter_rows(values_only=True))
    assert metadata["numberReturned"] == "1"
    assert "OpenStreetMap" in metadata["attribution"]
    assert {"timeStamp", "caveat", "selection"} <= set(metadata)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "＝"])
def test_text_that_looks_like_a_formula_is_exported_as_text(start, client, export):
    text = f'{start}HYPERLINK("http://example.org";"x")'
    created = incident(client, description=f"x{text}")
    code = created["properties"]["code"]
    url = f"/ogc/collections/incidents/items/{created['id']}"
    answer = client.patch(url, json={"description": text}, headers={"If-Match": created["etag"]})
    assert answer.status_code in (200, 204), answer.text
    stored = client.get(url).json()["properties"]["description"]
    _, path = export("incidents", "csv", code=code)
    assert rows(path, "csv")[0]["Mô tả"] == ("'" + stored if stored[0] in "=+-@\t＝" else stored)
    _, path = export("incidents", "xlsx", code=code)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cell = sheet[2][[cell_.value for cell_ in sheet[1]].index("Mô tả")]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (stored, "s", True)


@pytest.mark.parametrize(("zone", "epsg"), [(None, 9210), ("EPSG:9211", 9211), ("EPSG:3405", 3405)])
def test_tables_have_coordinates_in_wgs_84_and_the_chosen_zone(zone, epsg, client, export):
    lon, lat = features_of(client, "markers", number="147/6")[0]["geometry"]["coordinates"]
    east, north = from_wgs84(lon, lat, epsg)
    for f in FOR_PEOPLE:
        _, path = export("markers", f, number="147/6", **({"zone": zone} if zone else {}))
        row = rows(path, f)[0]
        assert float(row["Kinh độ (WGS 84)"]) == lon
        assert float(row["Vĩ độ (WGS 84)"]) == lat
        grid = {title[0]: float(value) for title, value in row.items() if "VN-2000" in title}
        assert grid["X"] == pytest.approx(north, abs=0.1)
        assert grid["Y"] == pytest.approx(east, abs=0.1)


@pytest.mark.parametrize("f", ["gpkg", "shp", "fgb", "parquet"])
def test_file_is_written_in_the_requested_vn_2000_zone(f, client, export):
    expected = {marker["id"]: marker for marker in features_of(client, "markers", border="VN-KH", crs="EPSG:9210")}
    _, path = export("markers", f, border="VN-KH", crs="EPSG:9210")
    (frame,) = frames(path, f).values()
    assert frame.crs.equals("EPSG:9210") or "105.75" in frame.crs.to_wkt()
    for row in frame.to_dict("records"):
        if row["geometry"] is not None:
            assert row["geometry"].distance(shape(expected[row["id"]]["geometry"])) < 0.002


def test_rows_without_a_position_come_first_in_flatgeobuf(client, export):
    """``ogr2ogr`` of GDAL 3.10 gives a row that precedes one without a position a wrong position."""
    _, path = export("gates", "fgb", border="VN-KH")
    missing = list(pyogrio.read_dataframe(path).geometry.isna())
    assert missing == sorted(missing, reverse=True)
    assert {*missing} == {True, False}
    assert len(missing) == len(features_of(client, "gates", border="VN-KH"))


def test_csv_has_a_byte_order_mark_and_the_requested_delimiter(client, export):
    _, path = export("gates", "csv", delimiter=";")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), delimiter=";"))
    assert {len(row) for row in table} == {len(table[0])}
    assert len(table) == 1 + len(features_of(client, "gates"))


def test_geometry_types_go_into_separate_tables(client, export):
    section = {"type": "LineString", "coordinates": [[105.95, 11.69], [105.96, 11.70]]}
    area = {"type": "Polygon", "coordinates": [[[105.95, 11.69], [105.96, 11.69], [105.96, 11.70], [105.95, 11.69]]]}
    line = create(client, "incidents", category="other", geometry=section, description="đường")
    field = create(client, "incidents", category="other", geometry=area, description="vùng")
    point = incident(client, description="điểm")
    for f in ("gpkg", "shp"):
        _, path = export("incidents", f)
        tables = {name.removesuffix(".shp"): frame for name, frame in frames(path, f).items()}
        assert set(tables) == {"incidents_points", "incidents_lines", "incidents_areas"}
        for created, table in ((point, "points"), (line, "lines"), (field, "areas")):
            assert created["id"] in set(tables[f"incidents_{table}"]["id"])
    for f in ("fgb", "kml", "parquet"):
        _, path = export("incidents", f)
        kinds = {row["id"]: row["geometry"].geom_type for row in rows(path, f)}
        assert [kinds[feature["id"]] for feature in (point, line, field)] == ["Point", "LineString", "Polygon"]


def test_shapefile_is_utf_8_and_has_a_readme(client, export):
    long = "Tuần tra song phương " * 20
    created = incident(client, description=long)
    _, path = export("incidents", "shp", code=created["properties"]["code"])
    with zipfile.ZipFile(path) as packed:
        assert packed.read("incidents.cpg") == b"UTF-8"
        assert {"incidents.shp", "incidents.shx", "incidents.dbf", "incidents.prj"} < set(packed.namelist())
        readme = packed.read("README.txt").decode("utf-8-sig")
    assert "descriptio  description  (Mô tả · Description)" in readme
    assert "1 giá trị bị cắt còn 254 byte" in readme
    assert long.startswith(rows(path, "shp")[0]["descriptio"])


def test_kml_is_escaped_and_has_no_references(client, export):
    created = incident(client, description=SPECIAL_TEXT)
    _, path = export("incidents", "kml", code=created["properties"]["code"])
    text = path.read_text("utf-8")
    assert "<b>" not in text
    assert "href" not in text.lower()
    assert "<!DOCTYPE" not in text
    assert unescape(rows(path, "kml")[0]["description"]) == SPECIAL_TEXT  # KML defines this field as HTML
