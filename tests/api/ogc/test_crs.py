"""Conformance to OGC API Features, Part 2 (CRS), and the CRS of Part 4."""

import pytest

from gis.crs.systems import CRS, OUTPUT_CRS, WGS84, from_wgs84
from tests.api.ogc.documents import COLLECTIONS, EPSG, GEOJSON, INCIDENTS, MARKERS, get_json, get_problem, ids


@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs",
    "crs-uri fc-md-crs-list fc-md-crs-list-global fc-md-storageCrs fc-md-storageCrs-valid-value",
)
def test_collections_list_their_crs_and_storage_crs(client):
    """/req/crs/crs-uri, fc-md-crs-list, fc-md-storageCrs, fc-md-storageCrs-valid-value."""
    for collection in get_json(client, COLLECTIONS)["collections"]:
        assert collection["crs"][0] == collection["storageCrs"] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        assert EPSG.format(4326) in collection["crs"]
        assert len(collection["crs"]) == len(OUTPUT_CRS)


@pytest.mark.requirement("ogcapi-features-1/1.0/core", "crs84")
@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs",
    "fc-crs-definition fc-crs-valid-defaultValue crs-action geojson ogc-crs-header ogc-crs-header-value",
)
@pytest.mark.parametrize("crs", OUTPUT_CRS, ids=lambda crs: crs.uri.rpartition("/")[2])
def test_responses_are_in_the_requested_crs(crs, client, markers):
    """/req/crs/crs-action, ogc-crs-header, ogc-crs-header-value, geojson: axes in the order of the authority."""
    known = {marker["id"]: marker["geometry"]["coordinates"] for marker in markers if marker["geometry"]}
    answer = client.get(MARKERS, params={"crs": crs.uri, "limit": 40})
    assert answer.headers["content-crs"] == f"<{crs.uri}>"
    for feature in answer.json()["features"]:
        if feature["geometry"] is None:
            continue
        lon, lat = known[feature["id"]]
        east, north = (lon, lat) if crs.epsg == WGS84 else from_wgs84(lon, lat, crs.epsg)
        expected = (north, east) if crs.latitude_first else (east, north)
        tolerance = 2e-6 if crs.decimals == 6 else 0.2  # stored with more decimals than CRS84 has
        assert feature["geometry"]["coordinates"] == pytest.approx(expected, abs=tolerance, rel=0)
        alone = client.get(f"{MARKERS}/{feature['id']}", params={"crs": crs.uri})
        assert alone.headers["content-crs"] == f"<{crs.uri}>"
        assert alone.json()["geometry"] == feature["geometry"]


@pytest.mark.requirement(
    "ogcapi-features-2/1.0/crs", "fc-bbox-crs-definition bbox-crs-action fc-bbox-crs-valid-defaultValue"
)
@pytest.mark.parametrize("name", [EPSG.format(4326), EPSG.format(9210), EPSG.format(32648), EPSG.format(3857)])
def test_bbox_is_read_in_bbox_crs(name, client):
    """/req/crs/fc-bbox-crs-definition, bbox-crs-action: the box is in the axis order of its CRS."""
    crs = CRS.parse(name)
    corners = [(105.8, 11.0), (106.3, 11.9)]
    if crs.epsg != WGS84:
        corners = [from_wgs84(lon, lat, crs.epsg) for lon, lat in corners]
    box = [part for east, north in corners for part in ((north, east) if crs.latitude_first else (east, north))]
    matching_ids = set(ids(client, bbox=",".join(map(str, box)), **{"bbox-crs": name}))
    plain = set(ids(client, bbox="105.8,11.0,106.3,11.9"))
    assert len(matching_ids & plain) > 0.9 * len(plain) > 10  # a box in metres is almost one in degrees


@pytest.mark.requirement("ogcapi-features-2/1.0/crs", "fc-bbox-crs-valid-value fc-crs-valid-value")
def test_unknown_crs_and_bbox_outside_of_its_crs_get_400(client):
    """/req/crs/fc-crs-valid-value, fc-bbox-crs-valid-value, and a box outside of the CRS."""
    for parameter in ("crs", "bbox-crs", "filter-crs"):
        for invalid in (EPSG.format(99999), "EPSG:abc", "x", "' or 1=1"):
            get_problem(client, MARKERS, bbox="105,11,106,12", filter="border='VN-KH'", **{parameter: invalid})
    for outside in ("1e300,1e300,2e300,2e300", "-9e9,-9e9,9e9,9e9", "nan,1,2,3"):
        get_problem(client, MARKERS, bbox=outside, **{"bbox-crs": EPSG.format(9210)})


@pytest.mark.requirement("ogcapi-features-4/1.0/features", "content-crs-header default-crs other-crs")
@pytest.mark.parametrize("name", [EPSG.format(4326), EPSG.format(9210), EPSG.format(32648)])
def test_written_geometries_are_read_in_content_crs(name, client):
    """/req/features/content-crs-header, default-crs, other-crs: POST, PUT and PATCH take a geometry in any CRS."""
    crs = CRS.parse(name)

    def point(lon, lat):
        east, north = (lon, lat) if crs.epsg == WGS84 else from_wgs84(lon, lat, crs.epsg)
        return {"type": "Point", "coordinates": [north, east] if crs.latitude_first else [east, north]}

    headers = {"Content-Crs": f"<{name}>"}
    created = client.post(INCIDENTS, json={"category": "drainage", "geometry": point(105.95, 11.69)}, headers=headers)
    assert created.status_code == 201, created.text
    assert created.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert created.json()["geometry"]["coordinates"] == pytest.approx([105.95, 11.69], abs=2e-6)
    assert created.json()["properties"]["original"]["crs"] == name
    url = f"{INCIDENTS}/{created.json()['id']}"
    moved = client.patch(
        url, json={"geometry": point(105.96, 11.68)}, headers={**headers, "If-Match": created.headers["etag"]}
    )
    assert moved.json()["geometry"]["coordinates"] == pytest.approx([105.96, 11.68], abs=2e-6)
    in_system = client.get(url, params={"crs": name})
    back = client.put(url, content=in_system.content, headers={**headers, "If-Match": in_system.headers["etag"],
                                                               "Content-Type": GEOJSON})  # fmt: skip
    assert back.status_code == 200, back.text
    assert back.json()["geometry"] == moved.json()["geometry"]
    for invalid in ("<http://www.opengis.net/def/crs/EPSG/0/99999>", "x"):
        body = {"category": "drainage", "geometry": point(105.95, 11.69)}
        assert client.post(INCIDENTS, json=body, headers={"Content-Crs": invalid}).status_code == 400
    outside = {"category": "drainage", "geometry": {"type": "Point", "coordinates": [9e9, 9e9]}}
    assert client.post(INCIDENTS, json=outside, headers=headers).status_code == 422
