"""OGC API Tiles: what stands in a tile, for whom, how much of it, and that counting agrees with what is counted."""

import random
from collections import Counter
from datetime import timedelta

import psycopg
import pyogrio
import pytest
from httpx import Client
from pyproj import Transformer
from sqlalchemy import text

from gis.db.actors import Actor
from gis.db.session import WRITER_LOGIN
from gis.model.layer import catalog
from gis.read import execution, pages, tiles
from gis.read.grid_counts import FOLD_INTERVAL, GRIDS
from gis.read.selection import Selection
from gis.read.statement import StatementBuilder
from gis.read.tiles import Tile, TileCoord
from gis.text.dates import today
from layers.policy import OFFICE, OFFICER, PARTNER, PUBLIC
from tests.factories import incident, now, patch, put, task

INCIDENTS = catalog["incidents"]
TILES = "/ogc/collections/{}/tiles/WebMercatorQuad/{}/{}/{}"
WORLD = (-180.0, -85.0, 180.0, 85.0)
WHOLE = TileCoord(0, 0, 0)
COUNTRY = TileCoord(5, 25, 15)


def mercator(lon: float, lat: float) -> tuple[float, float]:
    return Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)


def at_place(lon: float, lat: float, zoom: int) -> TileCoord:
    east, north = mercator(lon, lat)
    half, side = 20037508.342789244, 1 << zoom
    return TileCoord(zoom, int((east + half) / (2 * half) * side), int((half - north) / (2 * half) * side))


CROWD = at_place(107.2, 10.9, 9)
IN_THE_CROWD = at_place(107.2, 10.9, 12)

below_the_office = pytest.mark.parametrize("reader", [PARTNER, PUBLIC], ids=lambda one: one.level.value)
ANOTHER = Actor("another", OFFICE.role)
"""Somebody else of the office, who may open what it has entered."""

everybody = pytest.mark.parametrize("reader", [OFFICE, PARTNER, PUBLIC], ids=lambda one: one.level.value)

CROWDED = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(),
    (case when n % 13 = 0 then 'restricted' when n % 17 = 0 then 'partner' else 'public' end)::app.level,
    'ĐÔNG-' || n || :mark, 'drainage',
    (array['low', 'medium', 'high', 'critical'])[1 + n % 4],
    (array['reported', 'verified', 'resolved', 'closed'])[1 + n % 4], 'ours',
    case when n % 23 = 0 then 'assumed' else 'gps' end,
    ST_SetSRID(ST_MakePoint(107.0 + (n * 7919 % 1000) / 2500.0, 10.7 + (n * 104729 % 1000) / 2500.0), 4326)
from generate_series(1, :number) n
"""

HIDDEN = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(), level::app.level, 'ẨN-' || gen_random_uuid(), 'drugs', 'critical', 'reported', 'ours', source,
    ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)
from (values ('internal', 'gps'), ('restricted', 'survey'), ('public', 'assumed')) hidden (level, source)
"""


def crowd(database, number, mark=""):
    """So many incidents in a square of 0.4 degrees, a part of them hidden, a part assumed."""
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(CROWDED), {"number": number, "mark": mark})


@pytest.fixture(scope="module")
def crowded_database(database):
    crowd(database, 6200)


def get(client: Client, layer: str, at: TileCoord, **parameters):
    return client.get(TILES.format(layer, at.zoom, at.row, at.column), params=parameters)


def drawn(database, reader, layer, at: TileCoord, **selected) -> Tile:
    with database.transaction(reader) as session:
        return tiles.tile(session, Selection(catalog[layer], reader.level, **selected), at)


@pytest.fixture
def decode_tile(tmp_path):
    """The features of a tile as a map program reads them, in Web Mercator."""

    def opening(content: bytes, at: TileCoord):
        file = tmp_path / "tile.pbf"
        file.write_bytes(content)
        return pyogrio.read_dataframe(file, X=at.column, Y=at.row, Z=at.zoom, CLIP="NO")

    return opening


# What stands in a tile


@pytest.mark.requirement(
    "ogcapi-tiles-1/1.0/core", "tc-op tc-tilematrix-definition tc-tilerow-definition tc-tilecol-definition"
)
@pytest.mark.requirement("ogcapi-tiles-1/1.0/mvt", "content media-type")
@pytest.mark.parametrize("layer", ["markers", "gates", "crossings", "lines", "works"])
def test_a_tile_holds_the_items_of_its_box(client, decode_tile, layer):
    west, south, east, north = WHOLE.bbox
    asked = {"bbox": f"{west},{south},{east},{north}", "limit": 10_000}
    items = client.get(f"/ogc/collections/{layer}/items", params=asked).json()["features"]
    answer = get(client, layer, WHOLE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert items
    assert set(decode_tile(answer.content, WHOLE)["id"]) == {one["id"] for one in items}


def test_a_tile_says_what_is_drawn_by_its_word_its_name_and_its_position_source(client, decode_tile):
    made = incident(client, severity="critical", position_source="gps")
    lon, lat = made["geometry"]["coordinates"]
    at = at_place(lon, lat, 16)
    found = decode_tile(get(client, "incidents", at).content, at).set_index("id").loc[made["id"]]
    expected = {"label": made["properties"]["code"], "handling": "reported", "severity": "critical"}
    assert {name: found[name] for name in expected} == expected
    assert found["position_source"] == made["properties"]["position_source"]
    placed = found.geometry
    assert (placed.x, placed.y) == pytest.approx(mercator(lon, lat), abs=0.2)  # a unit of the tile is 0.15 m


def test_a_tile_takes_the_filters_of_items(client, decode_tile):
    every = decode_tile(get(client, "markers", COUNTRY).content, COUNTRY)
    some = decode_tile(get(client, "markers", COUNTRY, filter="number LIKE '1%'").content, COUNTRY)
    assert set(some["id"]) == set(every[every["label"].str.startswith("1")]["id"])
    assert 0 < len(some) < len(every)
    main = decode_tile(get(client, "markers", COUNTRY, kind="main").content, COUNTRY)
    assert set(main["id"]) == set(every[every["kind"] == "main"]["id"])


def test_a_tile_of_the_past_shows_the_past(client, decode_tile):
    made = incident(client)
    at = at_place(*made["geometry"]["coordinates"], 14)
    before = get(client, "incidents", at)
    moment = client.get(f"/ogc/collections/incidents/items/{made['id']}").json()["properties"]["updated_at"]
    assert patch(client, "incidents", made, severity="low").status_code == 200
    now = decode_tile(get(client, "incidents", at).content, at).set_index("id")
    then = get(client, "incidents", at, as_of=moment)
    assert now.loc[made["id"], "severity"] == "low"
    assert then.content == before.content


def test_a_tile_of_the_past_draws_by_the_links_of_then_and_tells_the_urgency_of_then(client, decode_tile, connect):
    duty = task(client, due_on=str(today() - timedelta(days=1)))
    url = f"/ogc/collections/tasks/items/{duty['id']}/links"
    link = client.post(url, json={"at": "118", "border": "VN-KH", "role": "site"}).json()["link"]
    for history, own in (("tasks_history", "id"), ("links_history", "feature_id")):
        connect().execute(
            f"update app.{history} set valid = tstzrange(lower(valid) - interval '3 days', upper(valid))"
            f" where {own} = %s",
            [duty["id"]],
        )
    then = {"as_of": (now() - timedelta(days=2)).isoformat()}
    assert client.delete(f"{url}/{link}").status_code == 204
    assert client.post(url, json={"at": "147/6", "border": "VN-KH", "role": "site"}).status_code == 201
    for asked, urgency in ({}, "overdue"), (then, "planned"):
        item = client.get(f"/ogc/collections/tasks/items/{duty['id']}", params=asked).json()
        assert item["properties"]["urgency"] == urgency
        ((lon, lat),) = item["geometry"]["coordinates"]
        at = at_place(lon, lat, 14)
        found = decode_tile(get(client, "tasks", at, **asked).content, at).set_index("id").loc[duty["id"]]
        assert found["urgency"] == urgency
        (placed,) = found.geometry.geoms if hasattr(found.geometry, "geoms") else [found.geometry]
        assert (placed.x, placed.y) == pytest.approx(mercator(lon, lat), abs=1)  # a unit of the tile is 0.6 m


def test_what_is_retired_is_gone_from_the_tile(client):
    made = incident(client, place={"text": "118", "border": "VN-KH"})
    at = at_place(*made["geometry"]["coordinates"], 17)
    assert made["id"].encode() in get(client, "incidents", at).content
    url = f"/ogc/collections/incidents/items/{made['id']}"
    assert client.delete(url, headers={"If-Match": made["etag"]}).status_code in (200, 204)
    assert made["id"].encode() not in get(client, "incidents", at).content


# Who sees what


@below_the_office
def test_below_the_office_nothing_assumed_is_drawn(database, decode_tile, reader):
    office = decode_tile(drawn(database, OFFICE, "markers", COUNTRY).content, COUNTRY)
    assumed = set(office[office["position_source"] == "assumed"]["id"])
    assert assumed
    tile = drawn(database, reader, "markers", COUNTRY)
    shown = set(decode_tile(tile.content, COUNTRY)["id"]) if tile.content else set()
    assert not shown & assumed


@below_the_office
@pytest.mark.parametrize("at", [CROWD, IN_THE_CROWD], ids=["counts", "features"])
def test_a_hidden_row_leaves_no_trace_in_a_tile(database, crowded_database, reader, at):
    before, whole = (drawn(database, one, "incidents", at) for one in (reader, OFFICE))
    assert before.content
    assert before.counts == (at is CROWD)
    west, south, east, north = at.bbox
    place = {"lon": (west + east) / 2, "lat": (south + north) / 2}
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(HIDDEN), place)
    assert drawn(database, OFFICE, "incidents", at) != whole
    assert drawn(database, reader, "incidents", at) == before


# How much


@pytest.mark.parametrize("zoom", range(10))
def test_a_full_tile_of_a_low_zoom_counts(client, database, decode_tile, crowded_database, zoom):
    at = at_place(107.2, 10.9, zoom)
    answer = get(client, "incidents", at)
    assert (answer.headers["tile-content"], answer.headers["tile-dropped"]) == ("counts", "0")
    found = decode_tile(answer.content, at)
    with database.transaction(OFFICE) as session:
        selection = Selection(INCIDENTS, OFFICE.level, bbox=at.bbox)
        standing, words = pages.count_features(session, selection), pages.count_by_value(session, selection, "handling")
    assert found["count"].sum() == standing
    assert len(found) < standing / 4
    assert set(found["position_source"].dropna()) == {"assumed"}
    assert set(found["handling"]) <= set(words)
    assert "reported" in set(found["handling"])


def test_a_full_tile_drops_the_least_important_first_and_says_how_many(client, database, decode_tile, crowded_database):
    answer = get(client, "incidents", CROWD, category="drainage")
    with database.transaction(OFFICE) as session:
        where = {"category": ["drainage"]}
        matching = pages.count_features(session, Selection(INCIDENTS, OFFICE.level, bbox=CROWD.bbox, where=where))
        wanted = pages.count_by_value(
            session, Selection(INCIDENTS, OFFICE.level, bbox=CROWD.bbox, where=where), "handling"
        )
    assert answer.headers["tile-content"] == "features"
    assert int(answer.headers["tile-dropped"]) == matching - tiles.MAX_FEATURES > 0
    drawn = list(decode_tile(answer.content, CROWD)["handling"])
    loudest_first = tiles.codes_by_priority(INCIDENTS.fields["handling"])
    assert drawn == sorted(drawn, key=loudest_first.index, reverse=True)  # what matters most is on top
    kept = Counter(drawn)
    assert sum(kept.values()) == tiles.MAX_FEATURES
    assert kept["reported"] == wanted["reported"]
    assert kept["verified"] == wanted["verified"]
    assert kept["closed"] < wanted["closed"]


def test_a_tile_that_is_not_full_drops_nothing(client):
    answer = get(client, "markers", COUNTRY)
    assert (answer.headers["tile-content"], answer.headers["tile-dropped"]) == ("features", "0")


# Counting


def counts_of(database, reader, grid) -> Counter:
    """The counts by word that a reader finds in a grid."""
    latest = " union all select word, features from app.cell_changes where layer = 'incidents'"
    sums = f"select word, features from app.cells where layer = 'incidents' and grid = {grid} {latest}"
    with database.transaction(reader) as session:
        rows = session.execute(text(f"select word, sum(features)::integer from ({sums}) every_row group by word"))
        return +Counter(dict(rows.all()))


@everybody
def test_counts_agree_with_what_is_seen_after_any_changes(database, crowded_database, reader):
    dice = random.Random(f"{reader.name} 147/6")
    with database.transaction(OFFICE) as session:
        ids = list(
            session.scalars(text("select id from app.incidents where retired_at is null order by code limit 900"))
        )
    changes = [
        "retired_at = now()",
        "level = 'public'", "level = 'partner'", "level = 'restricted'",
        "handling = case handling when 'reported' then 'verified' else handling end",
        "geom = ST_Translate(geom, 0.5, 0.25)",
        "position_source = 'assumed'", "position_source = 'survey'",
        "geom = null, position_source = 'none', accuracy_m = null",
        "severity = 'low'",
    ]  # fmt: skip
    for _ in range(5):
        with database.transaction(ANOTHER, write=True) as session:
            for one in dice.sample(ids, 40):
                change = f"update app.incidents set {dice.choice(changes)} where id = :id and geom is not null"
                session.execute(text(change), {"id": one})
        crowd(database, dice.randint(1, 120), mark=f"-{dice.random()}")
    with database.transaction(reader) as session:
        expected = pages.count_by_value(session, Selection(INCIDENTS, reader.level, bbox=WORLD), "handling")
    for grid in GRIDS:
        assert counts_of(database, reader, grid) == expected, grid
    with database.transaction(reader) as session:
        everything = Selection(INCIDENTS, reader.clearance)
        assert pages.count_features(session, everything) == sum(
            pages.count_by_value(session, everything, "handling").values()
        )


def test_what_is_rolled_back_is_not_counted(database, crowded_database):
    before = counts_of(database, OFFICE, GRIDS[-1])
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(CROWDED), {"number": 10, "mark": "-undone"})
        session.rollback()
    assert counts_of(database, OFFICE, GRIDS[-1]) == before


def test_nobody_waits_for_whoever_folds(database, connect, crowded_database):
    folding = connect(role="cotmoc_owner")
    folding.execute("begin")
    folding.execute("select app.fold_cells()")
    before = counts_of(database, OFFICE, GRIDS[0])
    crowd(database, FOLD_INTERVAL + 1, mark="-meanwhile")  # would end in a refusal after three seconds of waiting
    meanwhile = counts_of(database, OFFICE, GRIDS[0])
    folding.execute("commit")
    assert meanwhile.total() == before.total() + FOLD_INTERVAL + 1
    assert counts_of(database, OFFICE, GRIDS[0]) == meanwhile


def test_no_reader_and_no_editor_writes_counts(connect):
    for role in ("cotmoc_public", "cotmoc_shared", "cotmoc_office", "cotmoc_office_edit"):
        for statement in ("delete from app.cells", "delete from app.cell_changes", "select app.fold_cells()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect(WRITER_LOGIN, role=role).execute(statement)


@pytest.mark.parametrize(
    ("reader", "index"),
    [(OFFICE, "idx_incidents_geom"), (PARTNER, "idx_incidents_shared_geom")],
    ids=["office", "partner"],
)
def test_a_tile_is_found_through_the_spatial_index_under_row_level_security(
    database, connect, crowded_database, reader, index
):
    connect().execute("analyze app.incidents")
    statement = StatementBuilder()
    sql = tiles._features_sql(Selection(INCIDENTS, reader.level), TileCoord(14, 13078, 7680), statement)
    with database.transaction(reader) as session:
        rows = execution.driver_connection(session).execute(f"explain {sql}", statement.values).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert index in plan
    assert "Seq Scan" not in plan


# The doors


def test_a_tile_is_sent_once(client):
    first = get(client, "markers", COUNTRY)
    tag = first.headers["etag"]
    url = TILES.format("markers", COUNTRY.zoom, COUNTRY.row, COUNTRY.column)
    assert first.headers["cache-control"] == "private, no-cache"
    for held in (tag, f'"other", W/{tag}', "*"):
        again = client.get(url, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_change_changes_the_tag_and_nothing_else_does(client):
    made = incident(client)
    at = at_place(*made["geometry"]["coordinates"], 15)
    before, same = get(client, "incidents", at), get(client, "incidents", at)
    assert before.headers["etag"] == same.headers["etag"]
    patch(client, "incidents", made, severity="critical")
    assert get(client, "incidents", at).headers["etag"] != before.headers["etag"]


@pytest.mark.requirement("ogcapi-tiles-1/1.0/core", "tc-success")
def test_an_empty_tile_has_no_content(client):
    answer = get(client, "gates", TileCoord(12, 1, 1))
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.requirement("ogcapi-tiles-1/1.0/core", "tc-error")
@pytest.mark.parametrize(
    "path",
    [
        *(f"markers/tiles/WebMercatorQuad/{one}" for one in ("23/0/0", "2/4/0", "2/0/4", "-1/0/0", "x/0/0")),
        f"markers/tiles/WebMercatorQuad/1/0/{'9' * 5000}",
        "markers/tiles/WorldCRS84Quad/1/0/0",
        "markers/tiles/WorldCRS84Quad",
        "markers/tiles/WorldCRS84Quad/tilejson.json",
        "units/tiles/WebMercatorQuad/0/0/0",
        "units/tiles",
        "nothing/tiles",
        "documents/styles/default",
    ],
)
def test_what_is_not_there_is_missing(client, path):
    answer = client.get(f"/ogc/collections/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["limit", "after", "sortby", "crs", "properties", "colour"])
def test_a_tile_refuses_what_it_does_not_know(client, name):
    answer = get(client, "markers", COUNTRY, **{name: "1"})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


@pytest.mark.requirement("ogcapi-tiles-1/1.0/tileset", "description desc-links")
@pytest.mark.requirement("ogcapi-tiles-1/1.0/tilesets-list", "tileset-list")
@pytest.mark.requirement("ogcapi-tiles-1/1.0/geodata-tilesets", "desc-op desc-success")
def test_the_tilesets_are_found_from_the_collection(client):
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt"):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in declared
    listed = client.get(link(client.get("/ogc/collections/markers").json(), "tilesets-vector")).json()
    tileset = client.get(link(listed["tilesets"][0], "self")).json()
    assert tileset["dataType"] == "vector"
    assert tileset["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    scheme = client.get(link(tileset, "tiling-scheme")).json()
    assert [one["id"] for one in scheme["tileMatrices"]] == [str(zoom) for zoom in range(23)]
    assert scheme["tileMatrices"][0]["scaleDenominator"] == pytest.approx(559082264.028717)
    assert (
        client.get(link(client.get("/ogc").json(), "tiling-schemes")).json()["tileMatrixSets"][0]["id"] == scheme["id"]
    )
    template = link(tileset, "item")
    tile = client.get(template.format(tileMatrix=5, tileRow=15, tileCol=25))
    assert tile.content == get(client, "markers", COUNTRY).content
    assert client.get(link(tileset, "stylesheet")).status_code == 200


def link(document, rel):
    return next(one["href"] for one in document["links"] if one["rel"].endswith(rel))


def test_tilejson_leads_to_the_tiles_and_keeps_the_filters(client, decode_tile):
    described = client.get(
        "/ogc/collections/markers/tiles/WebMercatorQuad/tilejson.json", params={"kind": "main", "lang": "en"}
    ).json()
    assert described["tilejson"] == "3.0.0"
    tile = client.get(described["tiles"][0].format(z=5, x=25, y=15))
    found = decode_tile(tile.content, COUNTRY)
    assert set(found["kind"]) == {"main"}
    (only,) = described["vector_layers"]
    assert only["id"] == "markers"
    assert set(found.columns) - {"geometry", "mvt_id"} <= set(only["fields"])
    assert only["fields"]["condition"] == "Condition"


@pytest.mark.parametrize("layer", [one for one in catalog.values() if one.has_geometry], ids=lambda one: one.name)
def test_every_layer_on_the_map_has_a_style_in_the_colours_of_its_words(client, layer):
    style = client.get(f"/ogc/collections/{layer.name}/styles/default").json()
    assert style["version"] == 8
    described = client.get(style["sources"][layer.name]["url"]).json()
    assert {one["source-layer"] for one in style["layers"]} == {described["vector_layers"][0]["id"]}
    paint = {one["id"].removeprefix(f"{layer.name}-"): one["paint"] for one in style["layers"]}
    colours = paint["line"]["line-color"]
    for word in layer.fields[layer.style_field].codes if layer.style_field else ():
        if word.mark:
            assert colours[colours.index(word.value) + 1] == word.mark.colour
    if layer.geometry_type != "LINESTRING":
        filters = {one["id"].removeprefix(f"{layer.name}-"): one["filter"] for one in style["layers"]}
        for name, sign, body, edge in (("circle", "!=", colours, "#ffffff"), ("assumed", "==", "#ffffff", colours)):
            assert filters[name] == [
                "all", ["==", ["geometry-type"], "Point"], [sign, ["get", "position_source"], "assumed"],
            ]  # fmt: skip
            assert (paint[name]["circle-color"], paint[name]["circle-stroke-color"]) == (body, edge)


def test_a_border_officers_world_is_drawn_from_the_rows_and_counts_no_other_units_matters(database, crowded_database):
    with database.transaction(OFFICE, write=True) as session:
        put(session, INCIDENTS, unit="Đồn A", level="internal")
    seen = {}
    for unit in ("Đồn A", "Đồn B"):
        officer = Actor("officer", OFFICER, unit)
        with database.transaction(officer) as session:
            found = tiles.tile(session, Selection(INCIDENTS, officer.level), WHOLE, from_counts=False)
            seen[unit] = pages.count_features(session, Selection(INCIDENTS, officer.level, bbox=WORLD))
        assert not found.counts
        assert found.dropped == seen[unit] - tiles.MAX_FEATURES > 0
    assert seen["Đồn A"] == seen["Đồn B"] + 1
