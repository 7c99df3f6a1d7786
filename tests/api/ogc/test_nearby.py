"""What stands at the address of a feature: records of all layers at the same marker, under the rights of the reader."""

import pytest

from layers.nearby import marker_numbers
from tests.api.ogc.writes import assert_refused, url_of
from tests.factories import incident, work


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        ("147/6", ["147/6"]),
        ("≈ 147/6 + 120 m", ["147/6"]),
        ("168–168/2", ["168", "168/2"]),
        ("261(2) − 5 m", ["261(2)"]),
        ("ngã ba sông", []),
    ],
)
def test_markers_of_an_address(address, numbers):
    assert marker_numbers(address) == numbers


def nearby(client, layer, feature, **query):
    answer = client.get(f"{url_of(layer, feature)}/nearby", params=query)
    assert answer.status_code == 200, answer.text
    return {group["layer"]: [feature["id"] for feature in group["features"]] for group in answer.json()["layers"]}


def test_marker_lists_what_stands_at_it_in_every_layer(client):
    here = incident(client, place={"text": "147/6 + 50 m", "border": "VN-KH"})
    elsewhere = incident(client, place={"text": "147 + 50 m", "border": "VN-KH"})
    repair = work(client, title="Sửa mốc 147/6", place={"text": "147/6", "border": "VN-KH"})
    section = work(client, title="Kè đoạn 147/6–148", place={"text": "147/6–148", "border": "VN-KH"})
    markers = client.get("/ogc/collections/markers/items", params={"number": "147/6", "border": "VN-KH"}).json()
    marker = markers["features"][0]
    listed = nearby(client, "markers", marker)
    assert here["id"] in listed["incidents"]
    assert elsewhere["id"] not in listed["incidents"]
    assert {repair["id"], section["id"]} <= set(listed["works"])
    assert "markers" not in listed
    assert marker["id"] in nearby(client, "incidents", here)["markers"]
    for feature in client.get(f"{url_of('incidents', here)}/nearby").json()["layers"][0]["features"]:
        assert feature["properties"]["address"].removeprefix("≈ ").startswith("147/6")


def test_nearby_of_an_unknown_feature_is_404(client):
    assert_refused(client.get("/ogc/collections/markers/items/nothing/nearby"), 404)
