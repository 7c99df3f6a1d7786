"""Non-interference: two houses that differ only in what somebody may not know answer them byte for byte alike.

One house stays as it is. In its copies hidden things are added, changed, linked, retired and moved about, one after
the other; after each, doors are asked in both. Declared to be public: that a marker's number exists, and that
incident codes are consecutive. Request numbers and the moment of the answer are left out of the comparison.

Every run does 40 things for each reader; ``HYPOTHESIS_PROFILE=thorough`` does 2,000, which takes some ten minutes.
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
"""Which new rows each reader may not know of: their level, and whose matter they are."""

UNREAD_BY_THE_PUBLIC = {
    "markers": "remark = 'anders', created_by = 'x', original = '{\"a\": 1}'",
    "works": "cost_planned = 1.5, funding = 'anders'",
    "tasks": "person = 'anders'",
    "incidents": "created_by = 'x'",
}
"""What may be changed of a public row without the public's knowing, behind the back of its version; of what is not
theirs, without an officer's knowing either."""

UNREAD_PARTS = ("work_steps", "marker_inspections")

MOMENTS = re.compile(r"(\d{4}-\d\d-\d\d)(?:T| )(\d\d(?::|%3A)\d\d(?::|%3A)[\d.]+)(?:Z|(?:\+|%2B)00(?::|%3A)00)")
MINUTES = re.compile(r"\d\d/\d\d/\d{4},? \d\d:\d\d|-\d{8}-\d{4}(?=\.)")
"""A moment in UTC, and to the minute in Vietnam or in the name of a file."""


numbers = count(20_000)


@dataclass
class Served:
    """A database behind the real application, without a wire between."""

    name: str
    database: Database
    app: Any
    runner: asyncio.Runner
    since: str
    answers: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, token: str) -> httpx.Response:
        """What it answers to whoever shows a token."""

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                return await client.get(address, headers={"authorization": f"Bearer {token}"})

        return self.runner.run(asking())


@pytest.fixture(scope="module")
def marked_template(cluster, migrated_template):
    """A template with all canaries in it, and a token for each reader."""
    cluster.create_database("alike", template=migrated_template)
    database = Database(cluster.url("alike", READER_LOGIN), cluster.url("alike", WRITER_LOGIN))
    server = create_marked_dataset(database)
    database.dispose()
    accounts = Accounts(cluster.url("alike", ACCOUNTS_LOGIN))
    with accounts.transaction("test") as session:
        enrol(session, "root", "administrator", password="correct horse battery")
        tokens = {
            who: issue(session, who, actor.role.name, unit=actor.unit, made_by="root", days=1)
            for who, actor in READERS.items()
        }
    accounts.dispose()
    yield server, tokens, dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    cluster.drop_database("alike")


@pytest.fixture(scope="module")
def serve(cluster, marked_template):
    """Make a copy of the house and serve it."""
    opened = []

    def serving(name: str) -> Served:
        cluster.create_database(name, template="alike")
        settings = Settings(
            reader_url=cluster.url(name, READER_LOGIN),
            writer_url=cluster.url(name, WRITER_LOGIN),
            door_url=cluster.url(name, ACCOUNTS_LOGIN),
        )
        database = Database(settings.reader_url, settings.writer_url, pool_size=2)
        accounts = Accounts(settings.door_url, pool_size=1)
        app = create_app(settings, database, accounts)
        opened.append((name, database, accounts))
        return Served(name, database, app, runner, marked_template[2])

    with asyncio.Runner() as runner:
        yield serving
    for name, database, accounts in opened:
        database.dispose()
        accounts.dispose()
        cluster.drop_database(name)


@pytest.fixture(scope="module")
def unchanged_copy(serve):
    return serve("untouched")


@pytest.mark.parametrize("who", READERS)
def test_hidden_changes_change_no_response(who, serve, unchanged_copy, marked_template, cluster):
    server, tokens, _ = marked_template
    touched = serve(f"touched_by_{who}")
    unchanged_copy.answers.clear()
    addresses = [
        address
        for route, query in request_urls(server).items()
        if "releases" not in route
        for address in query[:: 9 if "{item}" in route else 1]
        if "f=shp" not in address  # an archive's members carry the second they were written in
    ]
    differing = {}

    def same(address: str) -> None:
        if address not in unchanged_copy.answers:
            unchanged_copy.answers[address] = response_text(unchanged_copy, tokens[who], address)
        results = response_text(touched, tokens[who], address)
        if results != unchanged_copy.answers[address]:
            differing[address] = unlike(results, unchanged_copy.answers[address])

    with psycopg.connect(host=str(cluster.socket_dir), dbname=touched.name, user="postgres", autocommit=True) as admin:

        @given(seed=st.integers(0, 2**32))
        @hypothesis_settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def answer_alike(seed):
            chance = random.Random(seed)
            touch(who, touched.database, admin, server, chance)
            for address in chance.sample(addresses, 2):
                same(address)

        answer_alike()
    for address in addresses:
        same(address)
    assert not differing, "\n".join(f"{address}: {parted}" for address, parted in differing.items())
    assert len(unchanged_copy.answers) == len(set(addresses))


def response_text(served: Served, token: str, address: str) -> str:
    """All that an answer tells, less the moment and the number of the request."""
    answer = served.get(address, token)
    kind = answer.headers.get("content-type", "")
    assert answer.status_code in (200, 204, 403, 404, 422), (address, answer.text)
    head = {
        name: message
        for name, message in answer.headers.items()
        if name not in ("date", "x-request-id", "content-length")
    }
    if "html" in kind or "attachment" in head.get("content-disposition", ""):
        head = {name: message for name, message in head.items() if name != "etag"}
    message = MINUTES.sub("…", f"{answer.status_code} {head} {decode_response(answer.content, kind)}")
    # What is later than all that was there in the beginning is the moment of the answer, or a leak in one house alone.
    return MOMENTS.sub(
        lambda item: item[0] if f"{item[1]}T{item[2]}".replace("%3A", ":") < served.since else "…", message
    )


def unlike(item: str, other: str) -> tuple[str, str]:
    """Where two texts part."""
    at = next((n for n, (here, there) in enumerate(zip(item, other, strict=False)) if here != there), -1)
    return item[max(0, at - 60) : at + 60], other[max(0, at - 60) : at + 60]


def touch(who, database, admin, server, chance):
    """Do something of which the reader may know nothing."""
    acts = [add, add, add, alter, advance, hide_more, retire, erase, draft]
    act = chance.choice([*acts, unread] if who in ("public", "officer") else acts)
    act(who, database, admin, server, chance)


def hidden_rows(who, server):
    """What there is in the house from its beginning, and what was added, of which the reader may know nothing."""
    return [(row.layer, row.id) for row in server.hidden_from(READERS[who])] + ADDED[who]


def somewhere(chance):
    """A place anywhere in the country, or among the things that are seen."""
    lon = chance.choice([chance.uniform(102.5, 109.5), 105.9 + chance.random() / 5])
    return lon, chance.choice([8.6, 11.6, 22.9])


def add(who, database, _admin, server, chance):
    """Something new and hidden, with its parts, to and from which links lead, seen ones and hidden ones."""
    layer = chance.choice(list(catalog.values()))
    level, unit = chance.choice(HIDDEN[who])
    lon, lat = somewhere(chance)
    inputs = {
        item.name: _value(item, chance)
        for item in layer.fields.values()
        if item.sql is None
        and (not item.nullable or chance.random() < 0.3)
        and item.name not in ("version", "created_at", "created_by", "updated_at", "retired_at", "parent", "border")
    }
    if layer.status is not None:
        inputs[layer.status.name] = chance.choice(layer.transitions)[0] or None
    named = {name: unit for name in ("unit", "lead_unit") if name in layer.fields and unit is not None}
    inputs |= {"level": level, "position_source": chance.choice([PositionSource.GPS, PositionSource.ASSUMED])}
    feature = layer.model(**{name: value for name, value in {**inputs, **named}.items() if value is not None})
    feature.id = uuid.uuid4()
    if "border" in layer.fields:
        feature.border = "VN-KH"
    if "chainage_m" in layer.fields:
        feature.chainage_m = 25000.0 + chance.random()
    line = layer.geometry_type == "LINESTRING"
    feature.geom = from_shape(LineString([(lon, lat), (lon, lat + 0.01)]) if line else Point(lon, lat), srid=WGS84)
    other, identity = chance.choice(hidden_rows(who, server))
    with database.transaction(Actor("nobody-known", OFFICE_STAFF), write=True, reason="x") as session:
        session.add(feature)
        session.flush()
        for part in child_tables.values():
            if part.parent is layer.model:
                message = {
                    item.name: _value(item, chance)
                    for item in child_fields(part, Level.RESTRICTED)
                    if not item.nullable
                }
                session.add(part(feature_id=feature.id, **message))
        public = server.of(chance.choice(["incidents", "works", "markers", "gates", "tasks"]), "public")
        session.add(Link(feature_id=public.id, to_id=feature.id, role="subject"))
        session.add(Link(feature_id=feature.id, to_id=public.id, role="site"))
        results = session.get(other.model, identity)
        if results is not None and results.retired_at is None:
            session.add(Link(feature_id=feature.id, to_id=identity, role="parent"))
    ADDED[who].append((layer, feature.id))


ADDED: dict[str, list[Any]] = {who: [] for who in READERS}
"""What each reader's house has been given, to be changed and erased again."""


def _value(item, chance):
    if item.codes is not None:
        return chance.choice(list(item.codes))
    if item.name == "progress":
        return 50
    number = next(numbers)
    return {
        "text": str(number), "integer": number, "number": float(number), "boolean": True, "date": dt.date(2026, 2, 2),
        "datetime": dt.datetime(2026, 2, 2, tzinfo=dt.UTC), "list": ["x"],
    }.get(item.type)  # fmt: skip


def changing(who, database, server, chance, change, *, among=None):
    """Change a hidden row as the office does; what there is not any more stays as it is."""
    rows = [hidden_row for hidden_row in hidden_rows(who, server) if among is None or among(hidden_row[0])]
    layer, identity = chance.choice(rows)
    with database.transaction(Actor("nobody-known", OFFICE_STAFF), write=True, reason="x") as session:
        feature = session.get(layer.model, identity)
        if feature is not None:
            change(layer, feature)


def alter(who, database, _admin, server, chance):
    """A hidden row is elsewhere and says something else, several times over: a past that is hidden too."""
    for _ in range(chance.randint(1, 3)):

        def change(layer, feature):
            feature.source = f"anders {chance.random()}"
            if layer.geometry_type != "LINESTRING":
                feature.geom = from_shape(Point(*somewhere(chance)), srid=WGS84)

        changing(who, database, server, chance, change)


def advance(who, database, _admin, server, chance):
    """A hidden row goes a step on."""

    def change(layer, feature):
        word = getattr(feature, layer.status.name) or ""
        onward = [end for start, end in layer.transitions if start == word and end]
        if onward:
            setattr(feature, layer.status.name, chance.choice(onward))

    changing(who, database, server, chance, change, among=lambda layer: layer.status is not None)


def hide_more(who, database, _admin, server, chance):
    """A hidden row becomes one that fewer may know of."""

    def change(_layer, feature):
        feature.level = Level.RESTRICTED

    changing(who, database, server, chance, change)


def retire(who, database, _admin, server, chance):
    """A hidden row is taken out of use, or put back."""

    def change(_layer, feature):
        feature.retired_at = None if feature.retired_at else dt.datetime.now(dt.UTC)

    changing(who, database, server, chance, change)


def erase(who, _database, admin, _house, chance):
    """A hidden row that was added is erased by the administrator, as no door does; its history stays."""
    if not ADDED.get(who):
        return
    layer, identity = ADDED[who].pop(chance.randrange(len(ADDED[who])))
    admin.execute("select set_config('cotmoc.actor', 'nobody-known', false)")
    admin.execute(f"delete from app.{layer.name} where id = %s", [identity])


def draft(who, database, _admin, server, _chance):
    """The office prepares to release something, whose name and recipient nobody else knows."""
    part = contents.PreparedPart(Selection(catalog["markers"], PARTNER.level), ("number",), None, {})
    with database.transaction(Actor("nobody-known", OFFICE_STAFF), write=True, reason="x") as session:
        workflow.prepare(session, f"Bản {uuid.uuid4()}", "Nơi nhận", workflow.Terms(basis="x"), [part])


def unread(who, _database, admin, server, chance):
    """Columns that the reader may not read are changed in rows that it does; the public's also where one is assumed."""
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
    for part in UNREAD_PARTS:
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
    """The control: something public is added, and the answers differ."""
    server, tokens, _ = marked_template
    other = serve("not_alike")
    HIDDEN["nobody"] = [(Level.PUBLIC, None)]
    READERS["nobody"], ADDED["nobody"] = READERS["public"], []
    add("nobody", other.database, None, server, random.Random(4))
    query = [f"/ogc/collections/{item}/items?limit=1000&count=exact" for item in catalog] + ["/ogc/collections"]
    assert any(
        response_text(other, tokens["public"], item) != response_text(unchanged_copy, tokens["public"], item)
        for item in query
    )
