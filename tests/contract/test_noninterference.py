"""Non-interference: two databases that differ only in what a reader may not know give it identical answers.

One copy of a database stays unchanged. In another, hidden rows are created, updated, linked, retired and deleted; after
each change two URLs are requested from both. Public by declaration: that a marker number exists, and that incident
codes are consecutive. Request ids and times of the answer are not compared.

A run makes 40 changes for each reader; ``HYPOTHESIS_PROFILE=thorough`` makes 2,000, in about ten minutes.
"""

import asyncio
import datetime as dt
import os
import random
import re
import uuid
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
from geoalchemy2.shape import from_shape
from hypothesis import HealthCheck, Phase, given, settings as hypothesis_settings, strategies as st
from shapely.geometry import LineString, Point

from api.app import create_app
from api.settings import Settings
from gis.accounts.authentication import Accounts
from gis.accounts.people import enrol
from gis.accounts.tokens import issue
from gis.crs.systems import WGS84
from gis.db.actors import Actor
from gis.db.session import ACCOUNTS_LOGIN, READER_LOGIN, WRITER_LOGIN, Database
from gis.model.children import child_fields, child_tables
from gis.model.fields import Level, PositionSource
from gis.model.layer import catalog
from gis.model.links import Link
from gis.read.selection import Selection
from gis.release import contents, workflow
from layers.policy import ASSIGNABLE_ROLES, OFFICE_STAFF, PARTNER
from tests.leak_markers import OFFICER_OF, UNIT_A, UNIT_B, create_marked_dataset
from tests.leak_requests import decode_response, request_urls

EXAMPLES = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 40
READERS = {"public": Actor("public", ASSIGNABLE_ROLES["public"]), "officer": OFFICER_OF[UNIT_A],
           "committee": Actor("committee", ASSIGNABLE_ROLES["committee"])}  # fmt: skip
HIDDEN = {
    "public": [(Level.PARTNER, None), (Level.INTERNAL, UNIT_A), (Level.RESTRICTED, None)],
    "officer": [(Level.INTERNAL, UNIT_B), (Level.INTERNAL, None), (Level.RESTRICTED, UNIT_A)],
    "committee": [(Level.RESTRICTED, None), (Level.RESTRICTED, UNIT_A)],
}
"""The new rows that each reader may not know: their level and their unit."""

UNREAD_BY_THE_PUBLIC = {
    "markers": "remark = 'anders', created_by = 'x', original = '{\"a\": 1}'",
    "works": "cost_planned = 1.5, funding = 'anders'",
    "tasks": "person = 'anders'",
    "incidents": "created_by = 'x'",
}
"""Columns of public rows that the public may not read, nor an officer of another unit; changed without triggers."""

UNREAD_CHILD_TABLES = ("work_steps", "marker_inspections")

MOMENTS = re.compile(r"(\d{4}-\d\d-\d\d)(?:T| )(\d\d(?::|%3A)\d\d(?::|%3A)[\d.]+)(?:Z|(?:\+|%2B)00(?::|%3A)00)")
MINUTES = re.compile(r"\d\d/\d\d/\d{4},? \d\d:\d\d|-\d{8}-\d{4}(?=\.)")
"""Timestamps: in UTC, and to the minute in Vietnamese time or in a file name."""


numbers = count(20_000)


@dataclass
class ServedDatabase:
    """A database and the application over it, called in-process (ASGI)."""

    name: str
    database: Database
    app: Any
    runner: asyncio.Runner
    since: str
    answers: dict[str, str] = field(default_factory=dict)

    def get(self, url: str, token: str) -> httpx.Response:
        """The answer to a GET with a token."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                return await client.get(url, headers={"authorization": f"Bearer {token}"})

        return self.runner.run(send())


@pytest.fixture(scope="module")
def marked_template(cluster, migrated_template):
    """A template database with leak markers: the data set, a token for each reader, the time of creation."""
    cluster.create_database("alike", template=migrated_template)
    database = Database(cluster.url("alike", READER_LOGIN), cluster.url("alike", WRITER_LOGIN))
    dataset = create_marked_dataset(database)
    database.dispose()
    accounts = Accounts(cluster.url("alike", ACCOUNTS_LOGIN))
    with accounts.transaction("test") as session:
        enrol(session, "root", "administrator", password="correct horse battery")
        tokens = {
            who: issue(session, who, actor.role.name, unit=actor.unit, made_by="root", days=1)
            for who, actor in READERS.items()
        }
    accounts.dispose()
    yield dataset, tokens, dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    cluster.drop_database("alike")


@pytest.fixture(scope="module")
def serve(cluster, marked_template):
    """``serve(name)`` copies the template database and creates the application over it."""
    served = []

    def serve_copy(name: str) -> ServedDatabase:
        cluster.create_database(name, template="alike")
        settings = Settings(
            reader_url=cluster.url(name, READER_LOGIN),
            writer_url=cluster.url(name, WRITER_LOGIN),
            accounts_url=cluster.url(name, ACCOUNTS_LOGIN),
        )
        database = Database(settings.reader_url, settings.writer_url, pool_size=2)
        accounts = Accounts(settings.accounts_url, pool_size=1)
        app = create_app(settings, database, accounts)
        served.append((name, database, accounts))
        return ServedDatabase(name, database, app, runner, marked_template[2])

    with asyncio.Runner() as runner:
        yield serve_copy
    for name, database, accounts in served:
        database.dispose()
        accounts.dispose()
        cluster.drop_database(name)


@pytest.fixture(scope="module")
def unchanged_copy(serve):
    return serve("untouched")


@pytest.mark.parametrize("who", READERS)
def test_hidden_changes_change_no_response(who, serve, unchanged_copy, marked_template, cluster):
    dataset, tokens, _ = marked_template
    changed_copy = serve(f"touched_by_{who}")
    unchanged_copy.answers.clear()
    urls = [
        url
        for route, route_urls in request_urls(dataset).items()
        if "releases" not in route
        for url in route_urls[:: 9 if "{item}" in route else 1]
        if "f=shp" not in url  # the members of a zip archive have timestamps
    ]
    differing = {}

    def compare(url: str) -> None:
        if url not in unchanged_copy.answers:
            unchanged_copy.answers[url] = response_text(unchanged_copy, tokens[who], url)
        answer = response_text(changed_copy, tokens[who], url)
        if answer != unchanged_copy.answers[url]:
            differing[url] = first_difference(answer, unchanged_copy.answers[url])

    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=changed_copy.name, user="postgres", autocommit=True
    ) as admin:

        @given(seed=st.integers(0, 2**32))
        @hypothesis_settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def compare_after_a_hidden_change(seed):
            chance = random.Random(seed)
            change_hidden_data(who, changed_copy.database, admin, dataset, chance)
            for url in chance.sample(urls, 2):
                compare(url)

        compare_after_a_hidden_change()
    for url in urls:
        compare(url)
    assert not differing, "\n".join(f"{url}: {difference}" for url, difference in differing.items())
    assert len(unchanged_copy.answers) == len(set(urls))


def response_text(served: ServedDatabase, token: str, url: str) -> str:
    """Status, headers and decoded body of an answer, without times and the request id."""
    answer = served.get(url, token)
    kind = answer.headers.get("content-type", "")
    assert answer.status_code in (200, 204, 403, 404, 422), (url, answer.text)
    headers = {
        name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id", "content-length")
    }
    if "html" in kind or "attachment" in headers.get("content-disposition", ""):
        headers = {name: value for name, value in headers.items() if name != "etag"}
    text = MINUTES.sub("…", f"{answer.status_code} {headers} {decode_response(answer.content, kind)}")
    # A time after the creation of the template is the time of the answer, or comes from one of the two copies.
    return MOMENTS.sub(
        lambda match: match[0] if f"{match[1]}T{match[2]}".replace("%3A", ":") < served.since else "…", text
    )


def first_difference(text: str, other: str) -> tuple[str, str]:
    """The surroundings of the first difference between two texts."""
    at = next((n for n, (here, there) in enumerate(zip(text, other, strict=False)) if here != there), -1)
    return text[max(0, at - 60) : at + 60], other[max(0, at - 60) : at + 60]


def change_hidden_data(who, database, admin, dataset, chance):
    """Make a random change of which the reader may know nothing."""
    changes = [add, add, add, alter, advance, restrict, retire, delete, prepare_release]
    change = chance.choice([*changes, alter_unread_columns] if who in ("public", "officer") else changes)
    change(who, database, admin, dataset, chance)


def hidden_rows(who, dataset):
    """Layer and id of the rows hidden from the reader, of the template and created since."""
    return [(row.layer, row.id) for row in dataset.hidden_from(READERS[who])] + ADDED[who]


def random_position(chance):
    """A position anywhere in the country, or among the visible rows."""
    lon = chance.choice([chance.uniform(102.5, 109.5), 105.9 + chance.random() / 5])
    return lon, chance.choice([8.6, 11.6, 22.9])


def add(who, database, _admin, dataset, chance):
    """Create a hidden row with child rows, and links from and to visible and hidden rows."""
    layer = chance.choice(list(catalog.values()))
    level, unit = chance.choice(HIDDEN[who])
    lon, lat = random_position(chance)
    values = {
        layer_field.name: _value(layer_field, chance)
        for layer_field in layer.fields.values()
        if layer_field.sql is None
        and (not layer_field.nullable or chance.random() < 0.3)
        and layer_field.name
        not in ("version", "created_at", "created_by", "updated_at", "retired_at", "parent", "border")
    }
    if layer.status is not None:
        values[layer.status.name] = chance.choice(layer.transitions)[0] or None
    units = {name: unit for name in ("unit", "lead_unit") if name in layer.fields and unit is not None}
    values |= {"level": level, "position_source": chance.choice([PositionSource.GPS, PositionSource.ASSUMED])}
    feature = layer.model(**{name: value for name, value in {**values, **units}.items() if value is not None})
    feature.id = uuid.uuid4()
    if "border" in layer.fields:
        feature.border = "VN-KH"
    if "chainage_m" in layer.fields:
        feature.chainage_m = 25000.0 + chance.random()
    line = layer.geometry_type == "LINESTRING"
    feature.geom = from_shape(LineString([(lon, lat), (lon, lat + 0.01)]) if line else Point(lon, lat), srid=WGS84)
    other, identity = chance.choice(hidden_rows(who, dataset))
    with database.transaction(Actor("hidden-author", OFFICE_STAFF), write=True, reason="x") as session:
        session.add(feature)
        session.flush()
        for part in child_tables.values():
            if part.parent is layer.model:
                child_values = {
                    layer_field.name: _value(layer_field, chance)
                    for layer_field in child_fields(part, Level.RESTRICTED)
                    if not layer_field.nullable
                }
                session.add(part(feature_id=feature.id, **child_values))
        public = dataset.of(chance.choice(["incidents", "works", "markers", "gates", "tasks"]), "public")
        session.add(Link(feature_id=public.id, to_id=feature.id, role="subject"))
        session.add(Link(feature_id=feature.id, to_id=public.id, role="site"))
        target = session.get(other.model, identity)
        if target is not None and target.retired_at is None:
            session.add(Link(feature_id=feature.id, to_id=identity, role="parent"))
    ADDED[who].append((layer, feature.id))


ADDED: dict[str, list[Any]] = {who: [] for who in READERS}
"""The rows created for each reader, to be updated and deleted later."""


def _value(layer_field, chance):
    if layer_field.codes is not None:
        return chance.choice(list(layer_field.codes))
    if layer_field.name == "progress":
        return 50
    number = next(numbers)
    return {
        "text": str(number), "integer": number, "number": float(number), "boolean": True, "date": dt.date(2026, 2, 2),
        "datetime": dt.datetime(2026, 2, 2, tzinfo=dt.UTC), "list": ["x"],
    }.get(layer_field.type.name)  # fmt: skip


def change_hidden_row(who, database, dataset, chance, change, *, among=None):
    """Apply ``change`` to a random hidden row as the office, unless the row has been deleted."""
    rows = [hidden_row for hidden_row in hidden_rows(who, dataset) if among is None or among(hidden_row[0])]
    layer, identity = chance.choice(rows)
    with database.transaction(Actor("hidden-author", OFFICE_STAFF), write=True, reason="x") as session:
        feature = session.get(layer.model, identity)
        if feature is not None:
            change(layer, feature)


def alter(who, database, _admin, dataset, chance):
    """Change source and position of hidden rows up to three times, which also gives them a history."""
    for _ in range(chance.randint(1, 3)):

        def change(layer, feature):
            feature.source = f"anders {chance.random()}"
            if layer.geometry_type != "LINESTRING":
                feature.geom = from_shape(Point(*random_position(chance)), srid=WGS84)

        change_hidden_row(who, database, dataset, chance, change)


def advance(who, database, _admin, dataset, chance):
    """Change the status of a hidden row by one transition."""

    def change(layer, feature):
        status = getattr(feature, layer.status.name) or ""
        next_statuses = [end for start, end in layer.transitions if start == status and end]
        if next_statuses:
            setattr(feature, layer.status.name, chance.choice(next_statuses))

    change_hidden_row(who, database, dataset, chance, change, among=lambda layer: layer.status is not None)


def restrict(who, database, _admin, dataset, chance):
    """Raise the level of a hidden row to restricted."""

    def change(_layer, feature):
        feature.level = Level.RESTRICTED

    change_hidden_row(who, database, dataset, chance, change)


def retire(who, database, _admin, dataset, chance):
    """Retire a hidden row, or restore it."""

    def change(_layer, feature):
        feature.retired_at = None if feature.retired_at else dt.datetime.now(dt.UTC)

    change_hidden_row(who, database, dataset, chance, change)


def delete(who, _database, admin, _dataset, chance):
    """Delete a created row as superuser, which no route does; its history stays."""
    if not ADDED.get(who):
        return
    layer, identity = ADDED[who].pop(chance.randrange(len(ADDED[who])))
    admin.execute("select set_config('cotmoc.actor', 'hidden-author', false)")
    admin.execute(f"delete from app.{layer.name} where id = %s", [identity])


def prepare_release(who, database, _admin, dataset, _chance):
    """Prepare a release as the office; its name and recipient are hidden."""
    part = contents.PreparedPart(Selection(catalog["markers"], PARTNER.level), ("number",), None, {})
    with database.transaction(Actor("hidden-author", OFFICE_STAFF), write=True, reason="x") as session:
        workflow.prepare(session, f"Bản {uuid.uuid4()}", "Nơi nhận", workflow.Terms(basis="x"), [part])


def alter_unread_columns(who, _database, admin, dataset, chance):
    """Change unreadable columns of readable rows; for the public also assumed positions."""
    admin.execute("set session_replication_role = replica")
    for layer, change in UNREAD_BY_THE_PUBLIC.items():
        for table in (layer, f"{layer}_history"):
            admin.execute(f"update app.{table} set {change} where level = 'public'")
        admin.execute(
            f"update app.{layer}_history set actor = %s, reason = %s, device_at = 'anders' where level = 'public'",
            [f"anders {chance.random()}"] * 2,
        )
    public = "feature_id in (select id from app.works where level = 'public' union all"
    public += " select id from app.markers where level = 'public')"
    for part in UNREAD_CHILD_TABLES:
        for table in (part, f"{part}_history"):
            admin.execute(f"update app.{table} set note = 'anders' where {public}")
    if who != "public":
        admin.execute("set session_replication_role = origin")
        return
    layer = chance.choice(["incidents", "markers", "gates", "areas"])
    for table in (layer, f"{layer}_history"):
        admin.execute(
            f"update app.{table} set geom = ST_SetSRID(ST_MakePoint(%s, 11.6), 4326), accuracy_m = %s, chainage_m = %s,"
            " address = %s where level = 'public' and position_source = 'assumed'",
            [chance.uniform(105, 107), chance.random() * 100, chance.random() * 100, str(chance.random())],
        )
    admin.execute("set session_replication_role = origin")


def test_comparison_detects_visible_changes(serve, unchanged_copy, marked_template):
    """The control: a new public row changes the answers."""
    dataset, tokens, _ = marked_template
    changed_copy = serve("not_alike")
    HIDDEN["control"] = [(Level.PUBLIC, None)]
    READERS["control"], ADDED["control"] = READERS["public"], []
    add("control", changed_copy.database, None, dataset, random.Random(4))
    urls = [f"/ogc/collections/{layer}/items?limit=1000&count=exact" for layer in catalog] + ["/ogc/collections"]
    assert any(
        response_text(changed_copy, tokens["public"], url) != response_text(unchanged_copy, tokens["public"], url)
        for url in urls
    )
