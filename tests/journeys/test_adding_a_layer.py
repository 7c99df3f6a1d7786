"""A stranger adds a layer: one card, one word in the table of contents, one generated revision. Nothing else."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gis.cluster.private_cluster import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]

CARD = '''
"""Patrols (tuần tra): who walked which section when."""

import datetime as dt
from typing import Any

from sqlalchemy.orm import Mapped

from gis.model.fields import field, geometry
from gis.model.code_lists import BLUE, GREY, Mark, Status, transitions_to
from layers.border import Border
from layers.border_feature import BorderFeature


class PatrolState(Status):
    """How far a patrol has got."""

    PLANNED = "planned", ("Dự kiến", "Planned"), Mark("circle", BLUE), transitions_to("done")
    DONE = "done", ("Đã đi", "Done"), Mark("check", GREY)


class Patrol(BorderFeature, layer="patrols", title=("Tuần tra", "Patrols"), style_field="state", label_sql="name"):
    """A walk along a section of the border."""

    border: Mapped[Border] = field("Tuyến biên giới", "Border", sort_order=-50)
    name: Mapped[str] = field("Tên", "Name")
    on: Mapped[dt.date | None] = field("Ngày", "On")
    state: Mapped[PatrolState] = field("Tình trạng", "State", default=PatrolState.PLANNED)
    geom: Mapped[Any] = geometry("LINESTRING")
'''

STORY = """
    import json, sys
    from fastapi.testclient import TestClient
    from api.app import create_app
    from api.cli.migrate import migrate, revise
    from api.settings import Settings

    admin, reader, writer, door = sys.argv[1:]
    revision = revise(admin, "patrols")
    migrate(admin)
    assert revise(admin, "nothing") is None
    settings = Settings(reader_url=reader, writer_url=writer, door_url=door)
    with TestClient(create_app(settings), "http://localhost:8000", client=("127.0.0.1", 50000)) as client:
        items = "/ogc/collections/patrols/items"
        created = client.post(items, json={"name": "Tuần 47", "border": "VN-KH", "on": "2026-11-20"})
        moved = client.post(f"{items}/{created.json()['id']}/moves", json={"to": "done", "reason": "đã đi"})
        features = client.get(items, params={"on": "2026-11-20", "state": "done"})
        history = client.get(f"{items}/{created.json()['id']}/history")
        cards = client.get("/api/cards")
    print(json.dumps({
        "revision": revision, "made": created.status_code, "moved": moved.status_code, "found": features.json(),
        "past": history.json(), "layers": [one["name"] for one in cards.json()["layers"]],
    }))
"""


@pytest.fixture
def modified_checkout(tmp_path):
    for name in ("gis", "layers", "maps", "api"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "data" / "migrations", tmp_path / "data" / "migrations")
    (tmp_path / "layers" / "patrols.py").write_text(CARD, encoding="utf-8")
    contents = tmp_path / "layers" / "__init__.py"
    contents.write_text(contents.read_text(encoding="utf-8") + "\nfrom layers import patrols\n", encoding="utf-8")
    return tmp_path


def test_one_card_one_name_one_revision_make_a_layer(modified_checkout):
    with Cluster.throwaway() as cluster:
        cluster.create_database("house")
        logins = [cluster.url("house", user) for user in ("postgres", "cotmoc_reader", "cotmoc_writer", "cotmoc_door")]
        message = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(STORY), *logins],
            cwd=modified_checkout, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert message.returncode == 0, message.stderr[-3000:]
    story = json.loads(message.stdout.splitlines()[-1])
    assert story["revision"].endswith("_patrols.py")
    assert (story["made"], story["moved"]) == (201, 200)
    assert [feature["properties"]["name"] for feature in story["found"]["features"]] == ["Tuần 47"]
    assert [entry["version"] for entry in story["past"]["entries"]] == [2, 1]
    assert "patrols" in story["layers"]
