"""Selections use the index under row policies, and return what the reader may see and no more."""

import json

import pytest
from sqlalchemy import text

from gis.model.layer import Level, catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.text.errors import Malformed
from layers.policy import OFFICE, PARTNER, PUBLIC

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


@pytest.mark.parametrize("actor", [OFFICE, PARTNER, PUBLIC], ids=lambda actor: actor.level.value)
def test_bbox_uses_the_index_under_row_level_security(actor, database, connect):
    connect().execute("analyze app.areas")
    geometry = "geom" if actor.level.sees_assumed_positions else "shared_geom"
    with database.transaction(actor) as session:
        box = "ST_MakeEnvelope(104, 10, 104.1, 10.1, 4326)"
        plan = "\n".join(
            session.execute(
                text(f"explain select id from app.areas where {geometry} && {box} and ST_Intersects({geometry}, {box})")
            ).scalars()
        )
    assert "Index" in plan, plan
    assert "Seq Scan on areas" not in plan, plan


@pytest.mark.parametrize(
    ("actor", "share"), [(OFFICE, 4), (PARTNER, 2), (PUBLIC, 1)], ids=["office", "partner", "public"]
)
def test_counts_include_only_visible_rows(actor, share, database):
    with database.transaction(actor) as session:
        selection = Selection(catalog["areas"], actor.level, where={"kind": ["belt"]})
        assert pages.count_features(session, selection) == share * 1250
        counts = pages.count_by_value(session, selection, "level")
        assert sum(counts.values()) == share * 1250
        assert len(counts) == share


def test_paging_returns_every_row_once(database):
    with database.transaction(OFFICE) as session:
        after, ids = None, []
        while True:
            page, after = pages.read_page(
                session, Selection(catalog["areas"], Level.RESTRICTED, sort=["-name"], limit=700, after=after)
            )
            ids += [json.loads(feature)["id"] for feature in page]
            if after is None:
                break
        assert len(ids) == len(set(ids)) == pages.count_features(session, Selection(catalog["areas"], Level.RESTRICTED))


def test_hidden_and_unknown_properties_get_the_same_error(database):
    with database.transaction(PARTNER) as session:
        messages = []
        for name in ("original", "nonsense"):
            for selection in (
                Selection(MARKERS, Level.PARTNER, where={name: ["x"]}),
                Selection(MARKERS, Level.PARTNER, sort=[name]),
            ):
                with pytest.raises(Malformed) as refused:
                    pages.read_features(session, selection)
                messages.append(refused.value.detail.en.replace(name, "…"))
        assert len(set(messages)) == 1
