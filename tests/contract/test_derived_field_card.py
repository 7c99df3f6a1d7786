"""A card whose derived fields read other tables: past moments, masks and recall follow from its declarations alone."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gis.cluster.private_cluster import Cluster
from gis.db.session import LOGINS

CHECKOUT = Path(__file__).resolve().parents[2]

CARD = '''
"""Stands (điểm đứng): a layer with derived fields from every kind of source."""

from typing import Any

from sqlalchemy.orm import Mapped

from gis.model import ChildRecord, Children, Level, Linked, LINKS, Rows, derived, field, geometry
from layers.border_feature import BorderFeature

MARKERS = Rows("markers", ("border", "number", "address"))
INCIDENTS = Rows("incidents", ("border", "handling"))
WORKS = Linked("works", ("title",), role="subject", incoming=True)
NOTES = Children("stand_notes", ("text", "created_at"))


class Stand(BorderFeature, layer="stands", title=("Điểm đứng", "Stands"), label_sql="name"):
    """A place near a marker."""

    name: Mapped[str] = field("Tên", "Name")
    number: Mapped[str | None] = field("Số hiệu mốc", "Number of its marker")
    marker_address = derived(
        "Lý trình của mốc",
        "Address of its marker",
        lambda row: row.select(
            "address", MARKERS, [f"markers.number = {row['number']}", f"markers.border = {row['border']}"]
        ),
        reads=(MARKERS,),
    )
    open_incidents = derived(
        "Số sự vụ",
        "Open incidents",
        lambda row: row.select(
            "nullif(count(*), 0)", INCIDENTS, [f"incidents.border = {row['border']}", "handling = 'reported'"]
        ),
        reads=(INCIDENTS,),
        type="integer",
    )
    works = derived(
        "Công trình", "Works", lambda row: row.select("array_agg(title order by title)", WORKS), reads=(WORKS,), type="list"
    )
    link_count = derived("Số liên kết", "Links", lambda row: row.select("count(*)", LINKS), reads=(LINKS,), type="integer")
    last_note = derived(
        "Ghi chú cuối",
        "Last note",
        lambda row: row.select("text", NOTES, order_by="created_at desc", limit=1),
        reads=(NOTES,),
        level=Level.INTERNAL,
    )
    age_days = derived(
        "Số ngày", "Age", lambda row: f"{row.today} - ({row['created_at']} at time zone 'UTC')::date", type="integer"
    )
    geom: Mapped[Any] = geometry("POINT")


class StandNote(ChildRecord, table="stand_notes", parent=Stand, title=("Ghi chú", "Note")):
    """A note on a stand."""

    text: Mapped[str] = field("Nội dung", "Text", level=Level.INTERNAL)
'''  # noqa: E501 - a card in a text

SCRIPT = """
    import asyncio, datetime as dt, json, sys
    from sqlalchemy import text
    from api.cli.migrate import migrate, revise
    from gis.db import Actor, Database, result_of
    from gis.model import Link, catalog
    from gis.read import Selection, pages
    from layers.policy import OFFICE, OFFICER, PARTNER, PUBLIC, SYSTEM
    from tests.factories import put
    from tests.gis.release.releases import make_part, publish, received_features

    admin, reader, writer, _accounts, _sealer, partner = sys.argv[1:]
    revise(admin, "stands")
    migrate(admin)
    database = Database(reader, writer, partner)
    STANDS = catalog["stands"]
    answers = {}

    async def pooled_page(actor, selection):
        async with database.reader(actor) as opened:
            return await pages.read_page(opened, selection)

    def stand(actor, name, as_of=None):
        selection = Selection(STANDS, actor.clearance, where={"name": [name]}, as_of=as_of, limit=10)
        with database.transaction(actor) as session:
            page = result_of(pages.read_page(session, selection))
            present = Selection.for_reader(session, STANDS, where={"name": [name]})
            assert result_of(pages.count_features(session, present)) == 1
        assert asyncio.run(pooled_page(actor, selection)) == page
        return json.loads(page[0][0])["properties"]

    def present():
        return dt.datetime.now(dt.UTC)

    with database.transaction(OFFICE, write=True) as session:
        for name, number, chainage in (("A", "7001", 500.0), ("B", "7002", 90000.0)):
            marker = put(session, catalog["markers"], number=number, border="VN-KH", level="partner")
            marker.position_source, marker.address = "survey", f"{number} + 1 m"
            row = put(session, STANDS, name=name, number=number, border="VN-KH", level="partner")
            row.position_source, row.chainage_m = "survey", chainage
            session.execute(
                text("insert into app.stand_notes (id, feature_id, text) values (gen_random_uuid(), :id, 'cũ')"),
                {"id": row.id},
            )
        sector = put(session, catalog["sectors"], border="VN-KH", unit="Đồn A", level="internal")
        sector.start_m, sector.end_m = 0.0, 1000.0
    before = present()
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text("update app.markers set address = number || ' + 2 m'"))
        session.execute(text("update app.stand_notes set text = 'mới'"))
        stand_a = session.scalars(text("select id from app.stands where name = 'A'")).one()
        work = put(session, catalog["works"], title="Kè", border="VN-KH", level="partner")
        session.add(Link(feature_id=work.id, to_id=stand_a, role="subject"))
        session.add(Link(feature_id=stand_a, to_id=work.id, role="document"))
        for level in ("partner", "internal"):
            put(session, catalog["incidents"], border="VN-KH", level=level, category="drainage")
    answers["past"], answers["present"] = stand(OFFICE, "A", before), stand(OFFICE, "A")
    tomorrow = present() + dt.timedelta(days=1)
    answers["ages"] = [stand(OFFICE, "A", moment)["age_days"] for moment in (before, tomorrow)]
    answers["partner"] = stand(PARTNER, "A")
    officer = Actor("officer", OFFICER, "Đồn A")
    answers["notes"] = [stand(officer, name)["last_note"] for name in "AB"]
    answers["past note"] = stand(officer, "A", before)["last_note"]
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text("update app.markers set position_source = 'assumed' where number = '7002'"))
    answers["assumed"] = [stand(actor, "B")["marker_address"] for actor in (OFFICE, PARTNER)]
    with database.transaction(OFFICE, write=True) as session:
        session.execute(text("update app.markers set position_source = 'survey' where number = '7002'"))

    def recalled(recipient, field, change):
        publish(database, recipient, make_part("stands", "name", field))
        copies = received_features(database, recipient, "stands").values()
        assert {feature["properties"]["name"] for feature in copies} == {"A", "B"}
        with database.transaction(OFFICE, write=True) as session:
            session.execute(text(change))
        left = received_features(database, recipient, "stands").values()
        return sorted({"A", "B"} - {feature["properties"]["name"] for feature in left})

    raise_level = "update app.{} set level = 'internal' where level = 'partner' and {}".format
    answers["recalled"] = {
        "marker_address": recalled("một", "marker_address", raise_level("markers", "number = '7001'")),
        "works": recalled("hai", "name", raise_level("works", "title = 'Kè'")),
        "open_incidents": recalled("ba", "open_incidents", raise_level("incidents", "true")),
    }
    with database.transaction(SYSTEM, write=True) as session:
        session.execute(text("update app.works set level = 'partner'"))
    answers["recalled"]["shown works"] = recalled("bốn", "works", raise_level("works", "title = 'Kè'"))
    with database.transaction(SYSTEM, write=True) as session:
        session.execute(text("update app.works set level = 'partner'"))
    answers["recalled"]["link_count"] = recalled("năm", "link_count", raise_level("works", "title = 'Kè'"))
    print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def modified_checkout(tmp_path_factory):
    """A copy of the packages, migrations and tests with the card and its import."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("gis", "layers", "maps", "api", "tests"):
        shutil.copytree(CHECKOUT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "data" / "migrations", checkout / "data" / "migrations")
    (checkout / "layers" / "stands.py").write_text(CARD, encoding="utf-8")
    package = checkout / "layers" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + "\nfrom layers import stands\n", encoding="utf-8")
    return checkout


@pytest.fixture(scope="module")
def answers(modified_checkout):
    """What the script prints, with the card in place."""
    with Cluster.throwaway() as cluster:
        cluster.create_database("stands")
        urls = [cluster.url("stands", user) for user in ("postgres", *LOGINS)]
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), *urls],
            cwd=modified_checkout, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


def test_derived_fields_are_read_as_of_a_past_moment(answers):
    names = ("marker_address", "open_incidents", "works", "link_count", "last_note")
    assert [answers["past"][name] for name in names] == ["7001 + 1 m", None, None, 0, "cũ"]
    assert [answers["present"][name] for name in names] == ["7001 + 2 m", 2, ["Kè"], 1, "mới"]
    assert answers["ages"][1] - answers["ages"][0] in (1, 2)


def test_derived_fields_show_what_the_reader_may_read_of_other_tables(answers):
    partner = answers["partner"]
    assert (partner["marker_address"], partner["open_incidents"]) == ("7001 + 2 m", 1)
    assert "last_note" not in partner
    assert answers["assumed"] == ["7002 + 2 m", None]
    assert (answers["notes"], answers["past note"]) == (["mới", None], "cũ")


def test_copies_are_recalled_with_the_records_that_their_values_derive_from(answers):
    assert answers["recalled"] == {
        "marker_address": ["A"],
        "works": [],
        "open_incidents": ["A", "B"],
        "shown works": ["A"],
        "link_count": ["A"],
    }
