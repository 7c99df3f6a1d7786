"""Files: in every format exactly what the filtered view shows, for as many readers as there are places."""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import ExitStack
from functools import cache
from html import unescape
from pathlib import Path

import geopandas
import httpx
import openpyxl
import pandas as pd
import psycopg
import pyogrio
import pytest
from shapely.geometry import shape

from api.rest.export import SPOOL_PREFIX, format_of, remove_stale_spools, save, vn2000_zone
from gis.crs.systems import from_wgs84
from gis.db.session import MAX_DOWNLOADS
from gis.files import writers
from gis.files.formats import FORMATS, Export
from gis.files.spool import BATCH
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.read.selection import Selection
from layers.incidents import IncidentCategory
from layers.policy import OFFICE
from tests.factories import create, incident, now

EVERY = [pytest.param(name, id=name) for name in FORMATS]
FOR_PROGRAMS = [name for name in FORMATS if name not in ("csv", "xlsx")]
FOR_PEOPLE = ["csv", "xlsx"]
MANY = 30_001
UUID = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
WORDS = 'Bến phà Chàng Riệc «ngoặc» "kép" \\ gạch\nxuống dòng; & <b>đậm</b>, 100 %'


@pytest.fixture
def export(client, tmp_path):
    """Download a layer: gives the answer and the file it was saved to."""

    def exporting(layer, f, **asked):
        answer = client.get(f"/api/export/{layer}", params={"f": f, **asked}, timeout=120)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].split(";")[0] == FORMATS[f].media_type
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith(f'attachment; filename="{layer}-')
        assert disposition.endswith(f'{FORMATS[f].extension}"')
        path = tmp_path / f"{layer}-{len(list(tmp_path.iterdir()))}{FORMATS[f].extension}"
        path.write_bytes(answer.content)
        return answer, path

    return exporting


def frames(path, f):
    """The feature tables of a file, by name, read by GDAL or, for GeoParquet, by geopandas."""
    if f == "parquet":
        return {"": geopandas.read_parquet(path)}
    if f == "shp":
        with zipfile.ZipFile(path) as packed:
            names = [name for name in packed.namelist() if name.endswith(".shp")]
        return {name: pyogrio.read_dataframe(f"/vsizip/{path}/{name}") for name in names}
    tables = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    return {name: pyogrio.read_dataframe(path, layer=name) for name in tables}


def rows(path, f):
    """Every row of a file as a dictionary with its ``id`` and, in files for programs, its ``geometry``."""
    if f == "csv":
        return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    if f == "xlsx":
        titles, *found = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [dict(zip(titles, row, strict=True)) for row in found]
    return [row for frame in frames(path, f).values() for row in frame.to_dict("records")]


def identity(row):
    return next(row[name] for name in ("id", "Mã định danh") if name in row)


def shown(client, layer, **asked):
    """What the items' door answers to the same question."""
    answer = client.get(f"/ogc/collections/{layer}/items", params={"limit": 10000, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]


@cache
def moment(value):
    """A time in UTC; most rows were made at the same one, and reading it takes a while."""
    return pd.to_datetime(value, utc=True)


def same(read, given):
    """Whether a value that was read back is the one that was shown, times to the second."""
    if given is None or given == []:
        return read is None or str(read) in ("nan", "NaT", "<NA>", "")
    if isinstance(given, str):
        dated = given[4:8:3] == "--" and given[:4].isdigit()
        return abs(moment(read) - moment(given)).total_seconds() < 1 if dated else read == given
    if isinstance(given, list):
        return (read if isinstance(read, str) else "; ".join(read)) == "; ".join(given)
    if isinstance(given, dict):
        return (json.loads(read) if isinstance(read, str) else read) == given
    return float({"true": 1, "false": 0}.get(str(read).lower(), read)) == pytest.approx(float(given))


@pytest.mark.parametrize("f", EVERY)
@pytest.mark.parametrize(
    ("layer", "asked"),
    [
        ("markers", {"border": "VN-KH", "sortby": "-number", "bbox": "105.5,11,106.5,12"}),
        ("gates", {}),
        ("tasks", {"filter": "urgency <> 'done'"}),
    ],
)
def test_every_format_holds_the_rows_of_the_filtered_view(f, layer, asked, client, export):
    expected = shown(client, layer, **asked)
    assert len(expected) > 5
    _, path = export(layer, f, **asked)
    found = rows(path, f)
    assert sorted(identity(row) for row in found) == sorted(one["id"] for one in expected)
    assert len(found) == len(expected)
    if f not in ("fgb", "shp", "gpkg"):  # the first orders by place; mixed places part the others into tables
        assert [identity(row) for row in found] == [one["id"] for one in expected]


@pytest.mark.parametrize("f", FOR_PROGRAMS)
@pytest.mark.parametrize("layer", ["markers", "gates", "incidents"])
def test_what_a_program_reads_back_is_what_was_shown(f, layer, client, export):
    if layer == "incidents":
        incident(client, description=WORDS)
    expected = {one["id"]: one for one in shown(client, layer)}
    _, path = export(layer, f)
    short = _short_names(path) if f == "shp" else {}
    for row in rows(path, f):
        feature = expected[row["id"]]
        assert (row["geometry"] is None) == (feature["geometry"] is None)
        if feature["geometry"] is not None:
            read, given = row["geometry"], shape(feature["geometry"])
            assert read.equals_exact(given, 1e-6) or read.normalize().equals_exact(given.normalize(), 1e-6)
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
    """The documented short names: what the file itself says of them."""
    with zipfile.ZipFile(path) as packed:
        lines = packed.read("README.txt").decode("utf-8-sig").split("Short names:")[1].splitlines()
    return {words[1]: words[0] for words in map(str.split, lines) if len(words) > 1}


@pytest.mark.parametrize("f", EVERY)
def test_columns_are_those_that_were_asked_for(f, export):
    _, path = export("markers", f, properties="number,condition", border="VN-KH")
    found = set(rows(path, f)[0]) - {"geometry"}
    if f in FOR_PEOPLE:
        assert {"Số hiệu", "Tình trạng"} < found
        assert not found & {"Tuyến biên giới", "Ghi chú"}
        assert len(found) == 7  # with the position in two systems, and the identity
    elif f == "kml":
        assert {"id", "number", "condition", "Name"} <= found
        assert "border" not in found
    else:
        assert found - {"id"} == {"number", "condition"}


@pytest.mark.parametrize("f", FOR_PEOPLE)
def test_people_read_words_in_their_language(f, client, export):
    made = incident(client, severity="critical", occurred_at="2026-01-31T18:30:00Z", description=WORDS)
    for lang, code, severity, category in (
        ("vi", "Mã sự vụ", "Đặc biệt nghiêm trọng", IncidentCategory.DRAINAGE.title.vi),
        ("en", "Code", "Critical", IncidentCategory.DRAINAGE.title.en),
    ):
        _, path = export("incidents", f, lang=lang)
        row = next(one for one in rows(path, f) if one[code] == made["properties"]["code"])
        assert severity in row.values()
        assert category in row.values()
        assert WORDS in row.values()
        moments = [str(value) for value in row.values() if str(value).startswith("2026-02-01")]
        assert any("01:30:00" in one for one in moments)  # in Vietnam it is the next day already


def test_a_workbooks_marker_numbers_are_text_and_its_dates_are_dates(client, export):
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
    told = dict(about.iter_rows(values_only=True))
    assert told["numberReturned"] == "1"
    assert "OpenStreetMap" in told["attribution"]
    assert {"timeStamp", "caveat", "selection"} <= set(told)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "＝"])
def test_what_a_spreadsheet_would_compute_is_made_harmless(start, client, export):
    text = f'{start}HYPERLINK("http://example.org";"x")'
    made = incident(client, description=f"x{text}")
    code = made["properties"]["code"]
    url = f"/ogc/collections/incidents/items/{made['id']}"
    answer = client.patch(url, json={"description": text}, headers={"If-Match": made["etag"]})
    assert answer.status_code in (200, 204), answer.text
    stored = client.get(url).json()["properties"]["description"]
    _, path = export("incidents", "csv", code=code)
    assert rows(path, "csv")[0]["Mô tả"] == ("'" + stored if stored[0] in "=+-@\t＝" else stored)
    _, path = export("incidents", "xlsx", code=code)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cell = sheet[2][[one.value for one in sheet[1]].index("Mô tả")]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (stored, "s", True)


@pytest.mark.parametrize(("zone", "epsg"), [(None, 9210), ("EPSG:9211", 9211), ("EPSG:3405", 3405)])
def test_positions_stand_in_the_chosen_zone_beside_wgs_84(zone, epsg, client, export):
    lon, lat = shown(client, "markers", number="147/6")[0]["geometry"]["coordinates"]
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
def test_a_file_may_come_in_vn_2000(f, client, export):
    expected = {one["id"]: one for one in shown(client, "markers", border="VN-KH", crs="EPSG:9210")}
    _, path = export("markers", f, border="VN-KH", crs="EPSG:9210")
    (frame,) = frames(path, f).values()
    assert frame.crs.equals("EPSG:9210") or "105.75" in frame.crs.to_wkt()
    for row in frame.to_dict("records"):
        if row["geometry"] is not None:
            assert row["geometry"].distance(shape(expected[row["id"]]["geometry"])) < 0.002


def test_rows_without_a_position_come_first_in_a_flatgeobuf(client, export):
    """GDAL 3.10's ``ogr2ogr`` gives a row before one without a position the position of another row."""
    _, path = export("gates", "fgb", border="VN-KH")
    missing = list(pyogrio.read_dataframe(path).geometry.isna())
    assert missing == sorted(missing, reverse=True)
    assert {*missing} == {True, False}
    assert len(missing) == len(shown(client, "gates", border="VN-KH"))


def test_a_csv_may_be_parted_by_semicolons(client, export):
    _, path = export("gates", "csv", delimiter=";")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    found = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), delimiter=";"))
    assert {len(row) for row in found} == {len(found[0])}
    assert len(found) == 1 + len(shown(client, "gates"))


@pytest.mark.parametrize(
    "asked",
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
def test_what_is_not_offered_is_refused_with_what_is(asked, client):
    answer = client.get("/api/export/markers", params=asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10


@pytest.mark.parametrize("f", EVERY)
def test_a_partners_file_leaves_assumed_positions_empty_and_says_how_many(f, client, export):
    office = shown(client, "markers", border="VN-KH")
    assumed = {one["id"] for one in office if one["properties"]["position_source"] == "assumed"}
    assert assumed
    answer, path = export("markers", f, reader="partner", border="VN-KH")
    assert "-partner-" in answer.headers["content-disposition"]
    assert answer.headers["x-withheld-positions"] == str(len(assumed))
    found = rows(path, f)
    assert assumed <= {identity(row) for row in found}
    for row in found:
        if identity(row) in assumed:
            places = (
                [row.get("geometry")]
                if f in FOR_PROGRAMS
                else [v for k, v in row.items() if "WGS 84" in k or "VN-2000" in k]
            )
            assert not any(places)
        assert "original" not in row
    if f in ("csv", "geojsonseq"):
        return  # which have no room for it but the answer's head
    told = path.read_bytes()
    if f == "xlsx":
        told = str(list(openpyxl.load_workbook(path).worksheets[1].iter_rows(values_only=True))).encode()
    if f == "shp":
        with zipfile.ZipFile(path) as packed:
            told = packed.read("README.txt")
    assert b"withheld_positions" in told


@pytest.mark.parametrize("f", ["geojson", "gpkg", "xlsx"])
def test_a_partners_file_of_the_past_withholds_what_had_no_other_place_then(f, client, export):
    marker = next(one for one in shown(client, "markers") if one["properties"]["position_source"] == "assumed")
    place = {"text": marker["properties"]["number"], "border": marker["properties"]["border"]}
    guessed = create(client, "works", title=f"Ước chừng {f}", kind="repair", level="partner", place=place)
    assert guessed["properties"]["position_source"] == "assumed"
    then = now()
    site = {"at": "304", "border": "VN-CN", "role": "site"}
    assert client.post(f"/ogc/collections/works/items/{guessed['id']}/links", json=site).status_code == 201
    asked = {"reader": "partner", "q": f"Ước chừng {f}"}
    answer, path = export("works", f, **asked, as_of=then.isoformat())
    assert len(rows(path, f)) == 1
    assert answer.headers["x-withheld-positions"] == "1"
    assert "x-withheld-positions" not in export("works", f, **asked)[0].headers


def test_places_of_all_kinds_go_into_tables_of_their_own(client, export):
    section = {"type": "LineString", "coordinates": [[105.95, 11.69], [105.96, 11.70]]}
    area = {"type": "Polygon", "coordinates": [[[105.95, 11.69], [105.96, 11.69], [105.96, 11.70], [105.95, 11.69]]]}
    line = create(client, "incidents", category="other", geometry=section, description="đường")
    field = create(client, "incidents", category="other", geometry=area, description="vùng")
    point = incident(client, description="điểm")
    for f in ("gpkg", "shp"):
        _, path = export("incidents", f)
        tables = {name.removesuffix(".shp"): frame for name, frame in frames(path, f).items()}
        assert set(tables) == {"incidents_points", "incidents_lines", "incidents_areas"}
        for made, table in ((point, "points"), (line, "lines"), (field, "areas")):
            assert made["id"] in set(tables[f"incidents_{table}"]["id"])
    for f in ("fgb", "kml", "parquet"):
        _, path = export("incidents", f)
        kinds = {row["id"]: row["geometry"].geom_type for row in rows(path, f)}
        assert [kinds[one["id"]] for one in (point, line, field)] == ["Point", "LineString", "Polygon"]


def test_a_shapefile_is_utf_8_and_explains_itself(client, export):
    long = "Tuần tra song phương " * 20
    made = incident(client, description=long)
    _, path = export("incidents", "shp", code=made["properties"]["code"])
    with zipfile.ZipFile(path) as packed:
        assert packed.read("incidents.cpg") == b"UTF-8"
        assert {"incidents.shp", "incidents.shx", "incidents.dbf", "incidents.prj"} < set(packed.namelist())
        readme = packed.read("README.txt").decode("utf-8-sig")
    assert "descriptio  description  (Mô tả · Description)" in readme
    assert "1 giá trị bị cắt còn 254 byte" in readme
    assert long.startswith(rows(path, "shp")[0]["descriptio"])


def test_a_kml_escapes_words_and_refers_to_nothing_elsewhere(client, export):
    made = incident(client, description=WORDS)
    _, path = export("incidents", "kml", code=made["properties"]["code"])
    text = path.read_text("utf-8")
    assert "<b>" not in text
    assert "href" not in text.lower()
    assert "<!DOCTYPE" not in text
    assert unescape(rows(path, "kml")[0]["description"]) == WORDS  # KML says that this one field is HTML


@pytest.mark.parametrize("f", EVERY)
def test_an_empty_view_is_a_file_without_rows(f, export):
    _, path = export("markers", f, number="không có")
    if f == "geojsonseq":
        assert path.read_bytes() == b""
    else:
        assert rows(path, f) == []


def test_the_command_line_writes_the_same_file(database, client, tmp_path):
    file = tmp_path / "moc.csv"
    number = save(database, "markers", file, ["border=VN-KH", "f=csv", "reader=partner"])
    assert number == len(rows(file, "csv")) == len(shown(client, "markers", border="VN-KH"))
    assert [one.name for one in tmp_path.iterdir()] == ["moc.csv"]
    assert save(database, "gates", tmp_path / "cua khau.gpkg", ["f=gpkg"]) == len(shown(client, "gates"))


@pytest.mark.parametrize("f", EVERY)
def test_the_command_line_reads_the_format_off_the_files_name(f):
    assert format_of(Path(f"moc{FORMATS[f].extension.upper()}")) == f
    assert format_of(Path("moc")) == "geojson"


# Many rows, many readers.


@pytest.fixture(scope="module")
def many_posts(cluster, database_name):
    """More posts than a file is written for, put straight into the table."""
    with psycopg.connect(host=str(cluster.socket_dir), dbname=database_name, user="postgres", autocommit=True) as raw:
        raw.execute("set session_replication_role = replica")  # rows to read, not changes to remember
        raw.execute(
            "insert into app.posts (id, level, border, section, label, condition, position_source, accuracy_m, geom,"
            " address, source, version, created_at, created_by, updated_at)"
            " select gen_random_uuid(), 'public', 'VN-KH', '168–168/2', 'Cọc số ' || n, 'planted', 'gps', 5,"
            " ST_SetSRID(ST_MakePoint(106 + n * 1e-6, 11.5), 4326), '147/6', repeat('nguồn «dữ liệu» ', 12), 1,"
            " now(), 'thử', now() from generate_series(1, %s) n",
            [MANY],
        )
        raw.execute("analyze app.posts")
    return "posts"


@pytest.fixture
def active_queries(connect):
    """How many connections are in the middle of a query like this; of a download when nothing else is said."""
    watching = connect()
    counted = (
        "select count(*) from pg_stat_activity where query like %s and state <> 'idle'"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    return lambda query="copy (%": watching.execute(counted, [query]).fetchone()[0]


def until(fact):
    """Wait until something is so."""
    for _ in range(600):
        if fact():
            return
        time.sleep(0.02)
    raise AssertionError(fact)


def begin(settings, path):
    """Ask for a download and read its first bytes, slowly: the rest stays where it is."""
    asking = socket.socket()
    asking.settimeout(60)
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.connect(("127.0.0.1", settings.port))
    asking.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{settings.port}\r\n\r\n".encode())
    return asking, asking.recv(1024)


@pytest.mark.parametrize("f", EVERY)
def test_a_file_holds_any_number_of_rows(f, many_posts, client, export):
    _, path = export(many_posts, f, condition="planted")
    if f == "geojson":
        file = json.loads(path.read_bytes())
        assert file["numberReturned"] == len(file["features"]) == MANY
        ids = {one["id"] for one in file["features"]}
    elif f == "geojsonseq":
        ids = {json.loads(text)["id"] for text in path.read_bytes().split(b"\x1e")[1:]}
    elif f == "xlsx":
        with zipfile.ZipFile(path) as packed:
            ids = set(UUID.findall(packed.read("xl/worksheets/sheet1.xml")))
    else:
        ids = {identity(row) for row in rows(path, f)}
    assert len(ids) == MANY


@pytest.mark.parametrize("f", [name for name, one in FORMATS.items() if not one.streams])
def test_what_cannot_be_streamed_is_refused_beyond_its_bound(f, many_posts, client, monkeypatch):
    monkeypatch.setattr("gis.files.writers.MOST_ROWS", MANY - 1)
    answer = client.get(f"/api/export/{many_posts}", params={"f": f, "condition": "planted"}, timeout=120)
    assert answer.status_code == 413
    assert answer.json()["formats"] == ["geojson", "geojsonseq", "kml", "csv"]


def test_the_first_bytes_come_while_the_query_still_runs(many_posts, settings, site_url, active_queries):
    asking, first = begin(settings, f"/api/export/{many_posts}")
    assert first.startswith(b"HTTP/1.1 200")
    assert active_queries() == 1
    asking.close()
    until(lambda: active_queries() == 0)


def test_twenty_slow_readers_hold_up_nobody_and_one_more_hears_503(many_posts, settings, client, active_queries):
    with ExitStack() as slow:
        readers = [
            slow.enter_context(begin(settings, f"/api/export/{many_posts}?f=csv")[0]) for _ in range(MAX_DOWNLOADS)
        ]
        assert active_queries() == MAX_DOWNLOADS
        for f in ("geojson", "xlsx"):
            refused = client.get("/api/export/gates", params={"f": f})
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert refused.headers["content-type"] == "application/problem+json"
        for _ in range(20):
            assert client.get("/healthz").status_code == 200
            assert len(shown(client, "gates")) > 5
        assert incident(client)["id"]
        readers[0].close()
        until(lambda: active_queries() == MAX_DOWNLOADS - 1)
        until(lambda: client.get("/api/export/gates").status_code == 200)
    until(lambda: active_queries() == 0)
    assert client.get("/api/export/gates", params={"f": "xlsx"}).status_code == 200


@pytest.fixture
def small_batches(monkeypatch):
    """So slowly that whoever writes a file is surely seen at work."""
    monkeypatch.setattr("gis.files.spool.BATCH", 20)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("f", [name for name, one in FORMATS.items() if not one.streams])
def test_who_leaves_while_a_file_is_written_frees_its_connection(f, many_posts, settings, client, active_queries):
    reading = '%"export"%'
    request = f"GET /api/export/{many_posts}?f={f} HTTP/1.1\r\nHost: localhost:{settings.port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", settings.port)) as asking:
        asking.sendall(request.encode())
        until(lambda: active_queries(reading) == 1)
    until(lambda: active_queries(reading) == 0)
    assert client.get("/api/export/gates", params={"f": "xlsx"}).status_code == 200


SERVER = """
import socket, sys, uvicorn
from api.app import create_app
from api.settings import Settings
settings = Settings()
uvicorn.Server(uvicorn.Config(create_app(settings), log_level="critical")).run([socket.socket(fileno=int(sys.argv[1]))])
"""


@pytest.mark.parametrize("f", [name for name, one in FORMATS.items() if not one.streams])
def test_who_leaves_while_a_library_writes_stops_it(f, many_posts, database, tmp_path):
    """What is raised in the middle of a stream comes out as itself, not as what the library makes of it."""
    given = iter(range(MANY // BATCH + 5))  # all rows are laid down, and some are written

    def heed():
        if next(given, None) is None:
            raise KeyError(f)

    asked = Export(Selection(catalog[many_posts], Level.RESTRICTED), FORMATS[f], vn2000_zone(None))
    if f == "xlsx":
        given = iter(range(5))
    with pytest.raises(KeyError, match=f):
        writers.write(database, OFFICE, asked, tmp_path, heed)


@pytest.mark.parametrize("streams", [True, False])
def test_files_take_no_memory_to_speak_of(streams, many_posts, settings):
    """The high-water mark of a server of its own, after a first file of each format and after large ones."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        environment = {
            **os.environ,
            "COTMOC_READER_URL": settings.reader_url,
            "COTMOC_WRITER_URL": settings.writer_url,
            "COTMOC_DOOR_URL": settings.door_url,
            "COTMOC_PORT": str(port),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(door.fileno())], env=environment, pass_fds=[door.fileno()]
        )
        try:
            with httpx.Client(base_url=f"http://localhost:{port}", timeout=120) as asking:
                door.close()
                until(lambda: _answers(asking, server))
                formats = [name for name, one in FORMATS.items() if one.streams is streams]
                for f in formats:
                    asking.get("/api/export/gates", params={"f": f}).raise_for_status()
                before = _high_water(server.pid)
                size = 0
                for f in formats:
                    with asking.stream("GET", f"/api/export/{many_posts}", params={"f": f}) as answer:
                        size += sum(map(len, answer.iter_raw()))
                grown = _high_water(server.pid) - before
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    assert grown < (16 if streams else 64) * 1024, f"{grown} KiB for {size // 1024} KiB"


def _answers(asking, server):
    assert server.poll() is None
    try:
        return asking.get("/healthz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def _high_water(pid):
    """KiB of memory at most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def test_what_a_killed_process_was_writing_is_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["/bin/true"]) as ended:
        pass
    left, live = tmp_path / f"{SPOOL_PREFIX}{ended.pid}-x", tmp_path / f"{SPOOL_PREFIX}{os.getpid()}-x"
    other, elsewhere = tmp_path / f"{SPOOL_PREFIX}notes-x", tmp_path / "elsewhere"
    for folder in (left, live, other, elsewhere):
        folder.mkdir()
        (folder / "rows.arrow").write_text("zq")
    linked = tmp_path / f"{SPOOL_PREFIX}{ended.pid}-y"
    linked.symlink_to(elsewhere)
    remove_stale_spools()
    assert not left.exists()
    assert all((folder / "rows.arrow").exists() for folder in (live, other, elsewhere, linked))
