"""Adding a layer takes a card, an import in ``layers/__init__.py`` and a generated migration. Nothing else."""

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

SCRIPT = """
    import json, sys
    from fastapi.testclient import TestClient
    from api.app import create_app
    from api.cli.migrate import migrate, revise
    from api.settings import Settings

    admin, reader, writer, accounts = sys.argv[1:]
    revision = revise(admin, "patrols")
    migrate(admin)
    assert revise(admin, "nothing") is None
    settings = Settings(reader_url=reader, writer_url=writer, accounts_url=accounts)
    with TestClient(create_app(settings), "http://localhost:8000", client=("127.0.0.1", 50000)) as client:
        items = "/ogc/collections/patrols/items"
        created = client.post(items, json={"name": "Tuần 47", "border": "VN-KH", "on": "2026-11-20"})
        moved = client.post(f"{items}/{created.json()['id']}/moves", json={"to": "done", "reason": "đã đi"})
        features = client.get(items, params={"on": "2026-11-20", "state": "done"})
        history = client.get(f"{items}/{created.json()['id']}/history")
        cards = client.get("/api/cards")
    print(json.dumps({
        "revision": revision, "created": created.status_code, "moved": moved.status_code, "features": features.json(),
        "history": history.json(), "layers": [card["name"] for card in cards.json()["layers"]],
    }))
"""


@pytest.fixture
def modified_checkout(tmp_path):
    """A copy of the packages and migrations with the card and its import."""
    for name in ("gis", "layers", "maps", "api"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "data" / "migrations", tmp_path / "data" / "migrations")
    (tmp_path / "layers" / "patrols.py").write_text(CARD, encoding="utf-8")
    package = tmp_path / "layers" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + "\nfrom layers import patrols\n", encoding="utf-8")
    return tmp_path


def test_card_import_and_migration_suffice_for_the_api_of_a_layer(modified_checkout):
    with Cluster.throwaway() as cluster:
        cluster.create_database("patrols")
        logins = [
            cluster.url("patrols", user) for user in ("postgres", "cotmoc_reader", "cotmoc_writer", "cotmoc_door")
        ]
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), *logins],
            cwd=modified_checkout, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert process.returncode == 0, process.stderr[-3000:]
    answers = json.loads(process.stdout.splitlines()[-1])
    assert answers["revision"].endswith("_patrols.py")
    assert (answers["created"], answers["moved"]) == (201, 200)
    assert [feature["properties"]["name"] for feature in answers["features"]["features"]] == ["Tuần 47"]
    assert [entry["version"] for entry in answers["history"]["entries"]] == [2, 1]
    assert "patrols" in answers["layers"]
