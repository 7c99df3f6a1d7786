"""OGC API Tiles: full tiles, grid counts, and what readers of each role see of both."""

import random
from collections import Counter

import psycopg
import pytest
from sqlalchemy import text

from gis.db import result_of
from gis.db.actors import Actor
from gis.db.session import WRITER_LOGIN
from gis.read import pages, tiles
from gis.read.grid_counts import FOLD_INTERVAL, GRIDS
from gis.read.selection import Selection
from gis.read.statement import StatementBuilder
from gis.read.tiles import TileCoord
from layers.policy import OFFICE, OFFICER, PARTNER, PUBLIC
from tests.api.ogc.tile_requests import (
    COUNTRY_TILE,
    INCIDENTS,
    INSERT_INCIDENTS,
    TILE_ZOOM_9,
    TILE_ZOOM_12,
    WORLD_BBOX,
    WORLD_TILE,
    get,
    insert_incidents,
    tile_at,
    tile_for,
)
from tests.factories import put

external_readers = pytest.mark.parametrize("reader", [PARTNER, PUBLIC], ids=lambda actor: actor.level.value)

ANOTHER = Actor("another", OFFICE.role)
"""Another actor of role office, who may lower the level of what OFFICE has created."""

all_readers = pytest.mark.parametrize("reader", [OFFICE, PARTNER, PUBLIC], ids=lambda actor: actor.level.value)

HIDDEN = """
insert into app.incidents (id, level, code, category, severity, handling, side, position_source, geom)
select gen_random_uuid(), level::app.level, 'ẨN-' || gen_random_uuid(), 'drugs', 'critical', 'reported', 'ours', source,
    ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)
from (values ('internal', 'gps'), ('restricted', 'survey'), ('public', 'assumed')) hidden (level, source)
"""


@external_readers
def test_assumed_positions_are_hidden_from_external_readers(database, decode_tile, reader):
    office = decode_tile(tile_for(database, OFFICE, "markers", COUNTRY_TILE).content, COUNTRY_TILE)
    assumed = set(office[office["position_source"] == "assumed"]["id"])
    assert assumed
    tile = tile_for(database, reader, "markers", COUNTRY_TILE)
    visible = set(decode_tile(tile.content, COUNTRY_TILE)["id"]) if tile.content else set()
    assert not visible & assumed


@external_readers
@pytest.mark.parametrize("at", [TILE_ZOOM_9, TILE_ZOOM_12], ids=["counts", "features"])
def test_hidden_row_does_not_change_a_tile(database, crowded_database, reader, at):
    before, whole = (tile_for(database, actor, "incidents", at) for actor in (reader, OFFICE))
    assert before.content
    assert before.counts == (at is TILE_ZOOM_9)
    west, south, east, north = at.bbox
    place = {"lon": (west + east) / 2, "lat": (south + north) / 2}
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(HIDDEN), place)
    assert tile_for(database, OFFICE, "incidents", at) != whole
    assert tile_for(database, reader, "incidents", at) == before


@pytest.mark.parametrize("zoom", range(10))
def test_full_tile_at_low_zoom_has_counts(client, database, decode_tile, crowded_database, zoom):
    at = tile_at(107.2, 10.9, zoom)
    answer = get(client, "incidents", at)
    assert (answer.headers["tile-content"], answer.headers["tile-dropped"]) == ("counts", "0")
    cells = decode_tile(answer.content, at)
    with database.transaction(OFFICE) as session:
        selection = Selection(INCIDENTS, OFFICE.level, bbox=at.bbox)
        total, counts = (
            result_of(pages.count_features(session, selection)),
            result_of(pages.count_by_value(session, selection, "handling")),
        )
    assert cells["count"].sum() == total
    assert len(cells) < total / 4
    assert set(cells["position_source"].dropna()) == {"assumed"}
    assert set(cells["handling"]) <= set(counts)
    assert "reported" in set(cells["handling"])


def test_full_tile_drops_the_lowest_priority_and_counts_it(client, database, decode_tile, crowded_database):
    answer = get(client, "incidents", TILE_ZOOM_9, category="drainage")
    with database.transaction(OFFICE) as session:
        where = {"category": ["drainage"]}
        matching = result_of(
            pages.count_features(session, Selection(INCIDENTS, OFFICE.level, bbox=TILE_ZOOM_9.bbox, where=where))
        )
        counts = result_of(
            pages.count_by_value(
                session, Selection(INCIDENTS, OFFICE.level, bbox=TILE_ZOOM_9.bbox, where=where), "handling"
            )
        )
    assert answer.headers["tile-content"] == "features"
    assert int(answer.headers["tile-dropped"]) == matching - tiles.MAX_FEATURES > 0
    codes = list(decode_tile(answer.content, TILE_ZOOM_9)["handling"])
    by_priority = tiles.codes_by_priority(INCIDENTS.fields["handling"])
    assert codes == sorted(codes, key=by_priority.index, reverse=True)  # the highest priority is drawn last
    drawn_counts = Counter(codes)
    assert sum(drawn_counts.values()) == tiles.MAX_FEATURES
    assert drawn_counts["reported"] == counts["reported"]
    assert drawn_counts["verified"] == counts["verified"]
    assert drawn_counts["closed"] < counts["closed"]


def test_tile_that_is_not_full_drops_nothing(client):
    answer = get(client, "markers", COUNTRY_TILE)
    assert (answer.headers["tile-content"], answer.headers["tile-dropped"]) == ("features", "0")


def counts_of(database, reader, grid) -> Counter:
    """The counts by code that a reader sees in a grid."""
    latest = " union all select word, features from app.cell_changes where layer = 'incidents'"
    sums = f"select word, features from app.cells where layer = 'incidents' and grid = {grid} {latest}"
    with database.transaction(reader) as session:
        rows = session.execute(text(f"select word, sum(features)::integer from ({sums}) every_row group by word"))
        return +Counter(dict(rows.all()))


@all_readers
def test_grid_counts_agree_with_rows_after_any_changes(database, crowded_database, reader):
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
            for feature_id in dice.sample(ids, 40):
                change = f"update app.incidents set {dice.choice(changes)} where id = :id and geom is not null"
                session.execute(text(change), {"id": feature_id})
        insert_incidents(database, dice.randint(1, 120), mark=f"-{dice.random()}")
    with database.transaction(reader) as session:
        expected = result_of(
            pages.count_by_value(session, Selection(INCIDENTS, reader.level, bbox=WORLD_BBOX), "handling")
        )
    for grid in GRIDS:
        assert counts_of(database, reader, grid) == expected, grid
    with database.transaction(reader) as session:
        everything = Selection(INCIDENTS, reader.clearance)
        assert result_of(pages.count_features(session, everything)) == sum(
            result_of(pages.count_by_value(session, everything, "handling")).values()
        )


def test_rolled_back_rows_are_not_counted(database, crowded_database):
    before = counts_of(database, OFFICE, GRIDS[-1])
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text(INSERT_INCIDENTS), {"number": 10, "mark": "-undone"})
        session.rollback()
    assert counts_of(database, OFFICE, GRIDS[-1]) == before


def test_folding_counts_blocks_neither_readers_nor_writers(database, connect, crowded_database):
    folding = connect(role="cotmoc_owner")
    folding.execute("begin")
    folding.execute("select app.fold_cells()")
    before = counts_of(database, OFFICE, GRIDS[0])
    insert_incidents(database, FOLD_INTERVAL + 1, mark="-meanwhile")  # would fail after three seconds of lock_timeout
    meanwhile = counts_of(database, OFFICE, GRIDS[0])
    folding.execute("commit")
    assert meanwhile.total() == before.total() + FOLD_INTERVAL + 1
    assert counts_of(database, OFFICE, GRIDS[0]) == meanwhile


def test_counts_cannot_be_written_by_readers_and_editors(connect):
    for role in ("cotmoc_public", "cotmoc_shared", "cotmoc_office", "cotmoc_office_edit"):
        for statement in ("delete from app.cells", "delete from app.cell_changes", "select app.fold_cells()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect(WRITER_LOGIN, role=role).execute(statement)


@pytest.mark.parametrize(
    ("reader", "index"),
    [(OFFICE, "idx_incidents_geom"), (PARTNER, "idx_incidents_shared_geom")],
    ids=["office", "partner"],
)
def test_tile_query_uses_the_spatial_index_under_rls(database, connect, crowded_database, reader, index):
    connect().execute("analyze app.incidents")
    statement = StatementBuilder()
    sql = tiles._features_sql(Selection(INCIDENTS, reader.level), TileCoord(14, 13078, 7680), statement)
    with database.transaction(reader) as session:
        rows = session.driver_connection().execute(f"explain {sql}", statement.values).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert index in plan
    assert "Seq Scan" not in plan


def test_world_tile_of_an_officer_counts_internal_rows_of_the_own_unit_only(database, crowded_database):
    with database.transaction(OFFICE, write=True) as session:
        put(session, INCIDENTS, unit="Đồn A", level="internal")
    totals = {}
    for unit in ("Đồn A", "Đồn B"):
        officer = Actor("officer", OFFICER, unit)
        with database.transaction(officer) as session:
            world_tile = result_of(
                tiles.tile(session, Selection(INCIDENTS, officer.level), WORLD_TILE, from_counts=False)
            )
            totals[unit] = result_of(
                pages.count_features(session, Selection(INCIDENTS, officer.level, bbox=WORLD_BBOX))
            )
        assert not world_tile.counts
        assert world_tile.dropped == totals[unit] - tiles.MAX_FEATURES > 0
    assert totals["Đồn A"] == totals["Đồn B"] + 1
