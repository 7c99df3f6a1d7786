"""Selections use the index under row policies, and return what the reader may see and no more."""

import datetime as dt
import json

import pytest
from sqlalchemy import text

from gis.db import result_of
from gis.model.layer import Level, catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.read.sql import feature_json_sql
from gis.text.errors import Malformed
from layers.policy import OFFICE, PARTNER, PUBLIC
from tests.factories import now, put

MARKERS = catalog["markers"]


@pytest.fixture(scope="module", autouse=True)
def five_thousand_areas(database):
    """Enough rows that the planner should use the index."""
    with database.transaction(OFFICE, write=True) as session:
        session.execute(
            text(
                "insert into app.areas (id, level, name, kind, state, position_source, geom)"
                " select gen_random_uuid(), (array['public','partner','internal','restricted'])[1 + n % 4]::app.level,"
                " 'ô ' || n, 'belt', 'proposed', 'map',"
                " ST_SetSRID(ST_MakePoint(103 + n % 100 * 0.05, 9 + n / 100 * 0.2), 4326)"
                " from generate_series(1, 5000) n"
            )
        )


def plan_of(database, actor, selection):
    """PostgreSQL's plan of the query that reads the features of a selection."""
    sql, values = pages.unpaged_sql(selection, feature_json_sql(selection))
    with database.transaction(actor) as session:
        connection = session.driver_connection(selection.as_of)
        return "\n".join(row[0] for row in connection.execute(f"explain (verbose) {sql}", values))


@pytest.mark.parametrize("actor", [OFFICE, PARTNER, PUBLIC], ids=lambda actor: actor.level.value)
def test_bbox_uses_the_index_under_row_level_security(actor, database, connect):
    connect().execute("analyze app.areas")
    plan = plan_of(database, actor, Selection(catalog["areas"], actor.level, bbox=(104, 10, 104.1, 10.1)))
    assert "Index" in plan, plan
    assert "Seq Scan on app.areas" not in plan, plan


@pytest.mark.parametrize(
    ("layer", "sources"),
    [("crossings", ["links", "gates"]), ("gates", ["gate_events", "gate_plans"]), ("works", ["links", "work_steps"])],
)
def test_present_is_read_from_the_tables_and_the_past_from_the_histories(layer, sources, database):
    present = plan_of(database, OFFICE, Selection(catalog[layer], OFFICE.level))
    past = plan_of(database, OFFICE, Selection(catalog[layer], OFFICE.level, as_of=now()))
    for table in (layer, *sources):
        assert f" on app.{table} " in present, present
        assert f" on app.{table}_history " in past, past
    assert "_history" not in present, present
    assert "cotmoc.as_of" not in present, present
    assert "cotmoc.as_of" in past, past
    assert "as_of()" not in past, past  # the planner inlines the function


def test_each_query_of_a_session_reads_at_its_own_moment(database):
    with database.transaction(OFFICE, write=True) as session:
        row = put(session, catalog["works"], due_on="2099-12-31").id
    moments = [None, now(), dt.datetime(2100, 1, 1, tzinfo=dt.UTC), now(), None]
    with database.transaction(OFFICE) as session:
        urgencies = []
        for moment in moments:
            selection = Selection(catalog["works"], OFFICE.level, as_of=moment)
            urgencies.append(
                json.loads(result_of(pages.read_feature(session, selection, row)))["properties"]["urgency"]
            )
    assert urgencies == ["planned", "planned", "overdue", "planned", "planned"]


@pytest.mark.parametrize(
    ("actor", "share"), [(OFFICE, 4), (PARTNER, 2), (PUBLIC, 1)], ids=["office", "partner", "public"]
)
def test_counts_include_only_visible_rows(actor, share, database):
    with database.transaction(actor) as session:
        selection = Selection(catalog["areas"], actor.level, where={"kind": ["belt"]})
        assert result_of(pages.count_features(session, selection)) == share * 1250
        counts = result_of(pages.count_by_value(session, selection, "level"))
        assert sum(counts.values()) == share * 1250
        assert len(counts) == share


def test_paging_returns_every_row_once(database):
    with database.transaction(OFFICE) as session:
        after, ids = None, []
        while True:
            page, after = result_of(
                pages.read_page(
                    session, Selection(catalog["areas"], Level.RESTRICTED, sort=["-name"], limit=700, after=after)
                )
            )
            ids += [json.loads(feature)["id"] for feature in page]
            if after is None:
                break
        assert (
            len(ids)
            == len(set(ids))
            == result_of(pages.count_features(session, Selection(catalog["areas"], Level.RESTRICTED)))
        )


def test_hidden_and_unknown_properties_get_the_same_error(database):
    with database.transaction(PARTNER) as session:
        messages = []
        for name in ("original", "nonsense"):
            for selection in (
                Selection(MARKERS, Level.PARTNER, where={name: ["x"]}),
                Selection(MARKERS, Level.PARTNER, sort=[name]),
            ):
                with pytest.raises(Malformed) as refused:
                    result_of(pages.read_features(session, selection))
                messages.append(refused.value.detail.en.replace(name, "…"))
        assert len(set(messages)) == 1
