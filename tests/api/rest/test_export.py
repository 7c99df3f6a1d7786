"""Exports: rows, columns and values of the files in every format, and what partners get."""

import json
import zipfile
from functools import cache
from html import unescape
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from shapely.geometry import shape

from api.rest.export import format_of, save
from gis.files.formats import FORMATS
from layers.incidents import IncidentCategory
from tests.api.rest.export_reading import EVERY, FOR_PEOPLE, FOR_PROGRAMS, SPECIAL_TEXT, features_of, identity, rows
from tests.factories import create, incident, now


@cache
def moment(value):
    """A time in UTC; cached, because most rows have the same one and parsing is slow."""
    return pd.to_datetime(value, utc=True)


def same(read, expected):
    """Whether a value read from a file equals the expected one; times to the second."""
    if expected is None or expected == []:
        return read is None or str(read) in ("nan", "NaT", "<NA>", "")
    if isinstance(expected, str):
        dated = expected[4:8:3] == "--" and expected[:4].isdigit()
        return abs(moment(read) - moment(expected)).total_seconds() < 1 if dated else read == expected
    if isinstance(expected, list):
        return (read if isinstance(read, str) else "; ".join(read)) == "; ".join(expected)
    if isinstance(expected, dict):
        return (json.loads(read) if isinstance(read, str) else read) == expected
    return float({"true": 1, "false": 0}.get(str(read).lower(), read)) == pytest.approx(float(expected))


@pytest.mark.parametrize("f", EVERY)
@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        ("markers", {"border": "VN-KH", "sortby": "-number", "bbox": "105.5,11,106.5,12"}),
        ("gates", {}),
        ("tasks", {"filter": "urgency <> 'done'"}),
    ],
)
def test_file_has_the_rows_of_the_selection(f, layer, parameters, client, export):
    expected = features_of(client, layer, **parameters)
    assert len(expected) > 5
    _, path = export(layer, f, **parameters)
    exported = rows(path, f)
    assert sorted(identity(row) for row in exported) == sorted(feature["id"] for feature in expected)
    assert len(exported) == len(expected)
    if f not in ("fgb", "shp", "gpkg"):  # FlatGeobuf orders by location, the others have a table per geometry type
        assert [identity(row) for row in exported] == [feature["id"] for feature in expected]


@pytest.mark.parametrize("f", FOR_PROGRAMS)
@pytest.mark.parametrize("layer", ["markers", "gates", "incidents"])
def test_values_read_from_the_file_equal_those_of_items(f, layer, client, export):
    if layer == "incidents":
        incident(client, description=SPECIAL_TEXT)
    expected = {feature["id"]: feature for feature in features_of(client, layer)}
    _, path = export(layer, f)
    short = _short_names(path) if f == "shp" else {}
    for row in rows(path, f):
        feature = expected[row["id"]]
        assert (row["geometry"] is None) == (feature["geometry"] is None)
        if feature["geometry"] is not None:
            read, geometry = row["geometry"], shape(feature["geometry"])
            assert read.equals_exact(geometry, 1e-6) or read.normalize().equals_exact(geometry.normalize(), 1e-6)
        for name, value in feature["properties"].items():
            if f == "kml" and name == "description" and value:
                row[name] = unescape(row[name])
            written = "Name" if f == "kml" and name == "name" else short.get(name, name)
            if name == "layer" and f not in ("geojson", "geojsonseq"):
                assert "layer" not in row  # the table's own name
            elif f == "shp" and isinstance(value, str) and len(value.encode()) > 254:
                assert value.startswith(row[written])
                assert len(row[written].encode()) > 250
            else:
                assert same(row[written], value), (name, row[written], value)


def _short_names(path):
    """The shortened column names of a Shapefile, from its README."""
    with zipfile.ZipFile(path) as packed:
        lines = packed.read("README.txt").decode("utf-8-sig").split("Short names:")[1].splitlines()
    return {columns[1]: columns[0] for columns in map(str.split, lines) if len(columns) > 1}


@pytest.mark.parametrize("f", EVERY)
def test_file_has_the_requested_columns(f, export):
    _, path = export("markers", f, properties="number,condition", border="VN-KH")
    columns = set(rows(path, f)[0]) - {"geometry"}
    if f in FOR_PEOPLE:
        assert {"Số hiệu", "Tình trạng"} <= columns
        assert not columns & {"Tuyến biên giới", "Ghi chú"}
        # A workbook has these alone, like the list on the page; other tables also the position in two coordinate
        # systems, and the id.
        assert len(columns) == (2 if f == "xlsx" else 7)
    elif f == "kml":
        assert {"id", "number", "condition", "Name"} <= columns
        assert "border" not in columns
    else:
        assert columns - {"id"} == {"number", "condition"}


@pytest.mark.parametrize("f", FOR_PEOPLE)
def test_tables_have_titles_of_columns_and_codes(f, client, export):
    created = incident(client, severity="critical", occurred_at="2026-01-31T18:30:00Z", description=SPECIAL_TEXT)
    for lang, code, severity, category in (
        ("vi", "Mã sự vụ", "Đặc biệt nghiêm trọng", IncidentCategory.DRAINAGE.title.vi),
        ("en", "Code", "Critical", IncidentCategory.DRAINAGE.title.en),
    ):
        _, path = export("incidents", f, lang=lang)
        row = next(values for values in rows(path, f) if values[code] == created["properties"]["code"])
        assert severity in row.values()
        assert category in row.values()
        assert SPECIAL_TEXT in row.values()
        moments = [str(value) for value in row.values() if str(value).startswith("2026-02-01")]
        assert any("01:30:00" in text for text in moments)  # in Vietnam it is already the next day


@pytest.mark.parametrize(
    "parameters",
    [
        {"f": "dwg"},
        {"zone": "EPSG:4326"},
        {"zone": "x"},
        {"delimiter": "|"},
        {"f": "kml", "crs": "EPSG:9210"},
        {"colour": "red"},
        {"reader": "me"},
    ],
)
def test_invalid_parameters_are_refused(parameters, client):
    answer = client.get("/api/export/markers", params=parameters)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10


@pytest.mark.parametrize("f", EVERY)
def test_partner_file_omits_and_counts_assumed_positions(f, client, export):
    office = features_of(client, "markers", border="VN-KH")
    assumed = {feature["id"] for feature in office if feature["properties"]["position_source"] == "assumed"}
    assert assumed
    answer, path = export("markers", f, reader="partner", border="VN-KH")
    assert "-partner-" in answer.headers["content-disposition"]
    assert answer.headers["x-withheld-positions"] == str(len(assumed))
    exported = rows(path, f)
    assert assumed <= {identity(row) for row in exported}
    for row in exported:
        if identity(row) in assumed:
            positions = (
                [row.get("geometry")]
                if f in FOR_PROGRAMS
                else [v for k, v in row.items() if "WGS 84" in k or "VN-2000" in k]
            )
            assert not any(positions)
        assert "original" not in row
    if f in ("csv", "geojsonseq"):
        return  # these formats have no metadata, so only the response header has the count
    content = path.read_bytes()
    if f == "xlsx":
        content = str(list(openpyxl.load_workbook(path).worksheets[1].iter_rows(values_only=True))).encode()
    if f == "shp":
        with zipfile.ZipFile(path) as packed:
            content = packed.read("README.txt")
    assert b"withheld_positions" in content


@pytest.mark.parametrize("f", ["geojson", "gpkg", "xlsx"])
def test_past_partner_file_withholds_positions_assumed_then(f, client, export):
    marker = next(
        feature for feature in features_of(client, "markers") if feature["properties"]["position_source"] == "assumed"
    )
    place = {"text": marker["properties"]["number"], "border": marker["properties"]["border"]}
    assumed = create(client, "works", title=f"Ước chừng {f}", kind="repair", level="partner", place=place)
    assert assumed["properties"]["position_source"] == "assumed"
    then = now()
    site = {"at": "304", "border": "VN-CN", "role": "site"}
    assert client.post(f"/ogc/collections/works/items/{assumed['id']}/links", json=site).status_code == 201
    parameters = {"reader": "partner", "q": f"Ước chừng {f}"}
    answer, path = export("works", f, **parameters, as_of=then.isoformat())
    assert len(rows(path, f)) == 1
    assert answer.headers["x-withheld-positions"] == "1"
    assert "x-withheld-positions" not in export("works", f, **parameters)[0].headers


@pytest.mark.parametrize("f", EVERY)
def test_empty_selection_is_a_file_without_rows(f, export):
    _, path = export("markers", f, number="không có")
    if f == "geojsonseq":
        assert path.read_bytes() == b""
    else:
        assert rows(path, f) == []


def test_save_of_the_command_line_writes_the_rows_of_items(database, client, tmp_path):
    file = tmp_path / "moc.csv"
    number = save(database, "markers", file, ["border=VN-KH", "f=csv", "reader=partner"])
    assert number == len(rows(file, "csv")) == len(features_of(client, "markers", border="VN-KH"))
    assert [file_.name for file_ in tmp_path.iterdir()] == ["moc.csv"]
    assert save(database, "gates", tmp_path / "cua khau.gpkg", ["f=gpkg"]) == len(features_of(client, "gates"))


@pytest.mark.parametrize("f", EVERY)
def test_format_is_taken_from_the_file_name(f):
    assert format_of(Path(f"moc{FORMATS[f].extension.upper()}")) == f
    assert format_of(Path("moc")) == "geojson"
