"""The content of a release: rows, fields and positions up to level ``partner``, by value."""

import json

import pytest

from gis.model.layer import catalog
from gis.read.selection import Selection
from gis.release import contents, holdings
from gis.text.errors import Invalid
from layers.policy import PARTNER
from tests.factories import put
from tests.gis.release.releases import (
    LAN,
    make_part,
    partner_actor,
    prepare_next,
    publish,
    received_features,
    submit,
    transition,
    update_marker,
)


def test_released_features_are_copied_by_value(database, create_marker):
    row, number = create_marker(remark="CANARY", built_by="ours")
    draft = publish(database, "Bạn A", make_part("markers", "number", "built_by", number=[number]))
    feature = received_features(database, "Bạn A", "markers")[number]
    assert feature["id"] == str(row)
    assert feature["geometry"]["coordinates"] == [105.95, 11.69]
    assert feature["properties"]["built_by"] == "ours"
    assert feature["properties"]["kind"] is None  # not among the released fields
    assert feature["properties"]["release"] == str(draft[0])
    update_marker(database, row, "built_by = 'theirs'")
    assert received_features(database, "Bạn A", "markers")[number] == feature


def test_assumed_position_is_withheld_until_surveyed(database, create_marker):
    row, number = create_marker("assumed", accuracy_m=4000.0)
    part = make_part("markers", "number", "address", "chainage_m", number=[number])
    release, _ = publish(database, "Bạn B", part)
    feature = received_features(database, "Bạn B", "markers")[number]
    assert feature["geometry"] is None
    assert feature["properties"]["position_source"] == "assumed"
    assert (feature["properties"]["address"], feature["properties"]["chainage_m"]) == (None, None)
    update_marker(database, row, "position_source = 'survey', accuracy_m = 0.05")
    assert received_features(database, "Bạn B", "markers")[number] == feature
    second = submit(database, prepare_next(database, release, part), part)
    transition(database, transition(database, second, "approved"), "published")
    feature = received_features(database, "Bạn B", "markers")[number]
    assert feature["geometry"]["coordinates"] == [105.95, 11.69]
    assert feature["properties"]["version"] == 2
    with database.transaction(partner_actor("Bạn B")) as session:
        changes = holdings.delta(session, release, 1)
    assert [json.loads(changed)["id"] for changed in changes.changed] == [str(row)]
    assert (changes.added, changes.removed, changes.until) == ([], [], 2)


def test_address_measured_from_an_assumed_position_is_withheld(database, create_marker):
    row, number = create_marker()
    update_marker(database, row, "address = '≈ 118 + 5 m'")
    part = make_part("markers", "number", "address", number=[number])
    publish(database, "Bạn C", part)
    assert received_features(database, "Bạn C", "markers")[number]["properties"]["address"] is None


@pytest.mark.parametrize("level", ["internal", "restricted"])
def test_rows_above_partner_are_withheld(level, database, create_marker):
    _, hidden = create_marker(level=level)
    _, visible = create_marker()
    publish(database, f"Bạn {level}", make_part("markers", "number", number=[hidden, visible]))
    assert set(received_features(database, f"Bạn {level}", "markers")) == {visible}


def test_withheld_features_are_counted_by_reason(database, create_marker):
    assumed, hidden, visible = create_marker("assumed"), create_marker(level="restricted"), create_marker()
    part = make_part("markers", "number", number=[assumed[1], hidden[1], visible[1]])
    with database.transaction(PARTNER) as session:
        rows = contents.releasable_content(session, part)
    with database.transaction(LAN) as session:
        whole = Selection(catalog["markers"], LAN.level, where=part.selection.where)
        withheld = {group.reason: group for group in contents.withheld(session, whole, rows)}
    assert {row.id for row in rows} == {assumed[0], visible[0]}
    assert withheld["level"].labels == [hidden[1]]
    assert withheld["position_assumed"].labels == [assumed[1]]
    assert set(withheld) == {"level", "position_assumed"}


def test_fields_above_partner_are_refused():
    for name in ("remark", "created_by", "original", "retired_at", "nonsense"):
        with pytest.raises(Invalid, match="cannot be shared"):
            make_part("markers", name)


def test_decimals_limit_the_precision_of_every_locating_field(database, create_marker):
    row, number = create_marker(geometry={"type": "Point", "coordinates": [105.9512345, 11.6912345]}, accuracy_m=0.5)
    update_marker(database, row, "address = '147/6 + 123 m', chainage_m = 123456.7")
    fields = ("number", "address", "chainage_m", "accuracy_m")
    for decimals, coordinates, locating_values in (
        (6, [105.951235, 11.691235], ("147/6 + 123 m", 123456.7, 0.5)),
        (3, [105.951, 11.691], (None, 123500.0, 100.0)),
        (None, None, (None, None, None)),
    ):
        recipient = f"Bạn {decimals}"
        publish(database, recipient, make_part("markers", *fields, decimals=decimals, number=[number]))
        feature = received_features(database, recipient, "markers")[number]
        assert (feature["geometry"] and feature["geometry"]["coordinates"]) == coordinates
        assert tuple(feature["properties"][name] for name in fields[1:]) == locating_values


def test_released_lines_include_their_legal_status_unrequested(database):
    publish(database, "Bạn D", make_part("lines", "border", border=["VN-LA"]))
    lines = received_features(database, "Bạn D", "lines").values()
    assert lines
    assert all(line["properties"]["legal_status"] for line in lines)
    assert {line["properties"]["position_source"] for line in lines} == {"map"}


def test_sector_geometry_is_withheld_unless_its_demarcation_is_stated(database):
    with database.transaction(LAN, write=True) as session:
        unstated = put(session, catalog["sectors"], level="partner", section="168–168/2", position_source="survey")
        stated = put(session, catalog["sectors"], level="partner", demarcated=False, name="B", position_source="survey")
        session.flush()
        ids = str(unstated.id), str(stated.id)
    publish(database, "Bạn E", make_part("sectors", "name"))
    sectors = received_features(database, "Bạn E", "sectors")
    assert sectors[ids[0]]["geometry"] is None
    assert sectors[ids[1]]["geometry"] is not None
    assert sectors[ids[1]]["properties"]["demarcated"] is False
