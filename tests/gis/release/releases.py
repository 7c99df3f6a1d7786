"""Steps of the workflow of releases, as the tests of this folder take them."""

import json
import uuid

from sqlalchemy import text

from gis.db import result_of
from gis.db.actors import Actor
from gis.model.layer import catalog
from gis.read import pages
from gis.read.selection import Selection
from gis.release import contents, workflow
from gis.release.contents import PreparedPart
from gis.release.models import ReleaseState
from gis.release.snapshot import RELEASE_LEVEL, snapshot_layer
from gis.release.workflow import Terms
from layers.policy import ADMINISTRATOR, OFFICE_STAFF, PARTNER, PLANNER, RECIPIENT

LAN, MINH = Actor("lan", OFFICE_STAFF), Actor("minh", ADMINISTRATOR)
PLANNER_HOA = Actor("hoa", PLANNER)


def make_part(layer, *fields, decimals=5, **where):
    """A part of a release: a layer with these fields, filtered by exact values."""
    selection = Selection(catalog[layer], RELEASE_LEVEL, where=where)
    return PreparedPart(selection, fields, decimals, {name: list(values) for name, values in where.items()})


def prepare(database, recipient, *parts, name=None, actor=LAN, basis="48/UBND-NC", **terms):
    """Prepare a release; returns its id and the number of its first version."""
    with database.transaction(actor, write=True) as session:
        version = workflow.prepare(session, name or str(uuid.uuid4()), recipient, Terms(basis=basis, **terms), parts)
        return version.release_id, version.number


def prepare_next(database, release, *parts, actor=LAN):
    """Prepare the next version of a release; returns the id of the release and the number of the version."""
    with database.transaction(actor, write=True) as session:
        version = workflow.prepare_next_version(session, release, Terms(basis="48/UBND-NC"), parts)
        return release, version.number


def submit(database, draft, *parts, actor=LAN):
    """Submit a draft with the features that its parts select at level ``partner``."""
    with database.transaction(PARTNER) as session:
        rows = {part.selection.layer.name: contents.releasable_content(session, part) for part in parts}
    with database.transaction(actor, write=True) as session:
        workflow.submit(session, workflow.version_of(session, *draft), rows, [])
    return draft


def transition(database, draft, to, actor=MINH, reason="đã đối chiếu"):
    """Move a version to another state."""
    with database.transaction(actor, write=True, reason=reason) as session:
        workflow.transition(session, workflow.version_of(session, *draft), ReleaseState(to))
    return draft


def publish(database, recipient, *parts, **more):
    """Prepare, submit, approve and publish a release; returns its id and the number of its version."""
    draft = submit(database, prepare(database, recipient, *parts, **more), *parts)
    return transition(database, transition(database, draft, "approved"), "published")


def partner_actor(name):
    """An actor that reads what was released to a recipient."""
    return Actor("token:partner", RECIPIENT, recipient=name)


def received_features(database, recipient, layer):
    """The features of a layer that a recipient reads, by id; markers by number."""
    with database.transaction(partner_actor(recipient)) as session:
        features = result_of(pages.read_features(session, Selection(snapshot_layer(catalog[layer]), RELEASE_LEVEL)))
    return {
        feature["properties"]["number"] if layer == "markers" else feature["id"]: feature
        for feature in map(json.loads, features)
    }


def update_marker(database, row, change, **values):
    """Update a marker by SQL as the office."""
    with database.transaction(LAN, write=True) as session:
        session.execute(text(f"update app.markers set {change} where id = :id"), {"id": row, **values})
