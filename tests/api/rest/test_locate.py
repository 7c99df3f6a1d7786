"""``/api/locate``: marker addresses and coordinates in every notation, reverse lookup, and refusals."""

import unicodedata

import pytest

NOTATIONS = ("147/6", "mốc 147 / 6", "MỐC 147/6", "Mốc147/6", "cột mốc quốc giới số 147/6", "  147/6  ", "１４７／６")


def locate(client, q=None, **parameters):
    return client.get("/api/locate", params={**({} if q is None else {"q": q}), **parameters})


def locate_all(client, q=None, **parameters):
    """The features of a response that must succeed."""
    answer = locate(client, q, **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    return collection["features"]


def refusal(client, q=None, **parameters):
    """Status and problem details of a response that must be a refusal."""
    answer = locate(client, q, **parameters)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()


@pytest.mark.parametrize("q", [form for text in NOTATIONS for form in (text, unicodedata.normalize("NFD", text))])
def test_marker_address_is_located_in_any_notation(q, client):
    (location,) = locate_all(client, q)
    properties = location["properties"]
    assert (properties["kind"], properties["address"], properties["border"]) == ("marker", "147/6", "VN-KH")
    assert properties["original"]["text"] == q
    assert location["geometry"]["type"] == "Point"


def test_assumed_position_has_source_and_accuracy(client):
    (location,) = locate_all(client, "147/6")
    assert location["properties"]["position_source"] == "assumed"
    assert location["properties"]["accuracy_m"] > 1000


def test_twin_markers_are_both_returned(client):
    addresses = {
        (location["properties"]["border"], location["properties"]["address"]) for location in locate_all(client, "261")
    }
    assert addresses == {("VN-CN", "261(1)"), ("VN-CN", "261(2)"), ("VN-KH", "261")}
    (second,) = locate_all(client, "261(2)")
    assert second["properties"]["position_source"] == "map"


def test_number_on_two_borders_gives_one_location_for_each(client):
    assert {location["properties"]["border"] for location in locate_all(client, "96")} == {"VN-KH", "VN-CN"}
    (location,) = locate_all(client, "96", border="VN-CN")
    assert location["properties"]["border"] == "VN-CN"


@pytest.mark.parametrize(
    ("q", "address"),
    [
        ("168 -168/2", "168–168/2"),
        ("168–168/2", "168–168/2"),
        ("168/2 - 168", "168–168/2"),
        ("1119—1120", "1119–1120"),
        ("khu vực mốc 1104 - 1105", "1104–1105"),
        ("đoạn từ mốc 1105 đến mốc 1104", "1104–1105"),
    ],
)
def test_section_is_located_with_its_markers_in_either_order(q, address, client):
    location = locate_all(client, q)[0]
    assert (location["properties"]["kind"], location["properties"]["address"]) == ("section", address)
    assert location["geometry"]["type"] in ("LineString", "MultiLineString")
    assert location["properties"]["length_m"] > 0


def test_section_without_marker_positions_has_no_geometry(client):
    (location,) = locate_all(client, "mốc 47/6 đến mốc 48/27")
    assert location["properties"]["address"] == "47/6–48/27"
    assert (location["geometry"] is None) == (location["properties"]["position_source"] == "none")


@pytest.mark.parametrize(
    ("q", "address", "metres"),
    [
        ("147/6 + 120 m", "147/6 + 120 m", 120),
        ("168/1+240m", "168/1 + 240 m", 240),
        ("mốc 147/6 - 500m", "147/6 − 500 m", -500),
        ("mốc 96 - 1,5 km", "96 − 1500 m", -1500),
    ],
)
def test_offset_is_measured_along_the_line(q, address, metres, client):
    (location,) = locate_all(client, q, border="VN-KH")
    (marker,) = locate_all(client, address.split()[0], border="VN-KH")
    assert (location["properties"]["kind"], location["properties"]["address"]) == ("offset", address)
    apart = location["properties"]["chainage_m"] - marker["properties"]["chainage_m"]
    assert apart == pytest.approx(metres, abs=0.2)


def test_offset_from_a_twin_marker_gives_one_location(client):
    locations = locate_all(client, "mốc 1363(2) - 500m")
    assert [location["properties"]["address"] for location in locations] == ["1363(2) − 500 m"]


@pytest.mark.parametrize("q", ["cách mốc 147/6 khoảng 120 m", "147/6 ± 120 m"])
def test_distance_without_direction_gives_two_locations(q, client):
    locations = locate_all(client, q)
    assert [location["properties"]["address"] for location in locations] == ["147/6 + 120 m", "147/6 − 120 m"]
    first, second = (location["properties"]["chainage_m"] for location in locations)
    assert first - second == pytest.approx(240, abs=0.2)


def test_offset_without_unit_gets_a_hint(client):
    status, problem = refusal(client, "171 - 500", lang="en")
    assert (status, problem["hint"]) == (404, "write m for metres")
    assert "171 - 500 m" in problem["detail"]


@pytest.mark.parametrize(
    ("q", "lon", "lat", "within"),
    [
        ("11.35, 106.05", 106.05, 11.35, 1e-6),
        ("106.05 11.35", 106.05, 11.35, 1e-6),
        ("11,35; 106,05", 106.05, 11.35, 1e-6),
        ("11°41'12,5\"N 105°55'30\"E", 105.925, 11.686806, 1e-6),
        ("11°41'12.5\"B 105°55'30\"Đ", 105.925, 11.686806, 1e-6),
        ("10 58 05.3 N 106 10 02.1 E", 106.167250, 10.968139, 1e-6),
        ("48N 625645 1211225", 106.15, 10.955, 0.01),
        ("UTM 48 E=625645 N=1211225", 106.15, 10.955, 0.01),
        ("VN-2000 105°45' X=1203673.846 Y=536487.939", 106.085, 10.886, 0.01),
    ],
)
def test_coordinates_are_located_in_any_notation(q, lon, lat, within, client):
    (location,) = locate_all(client, q)
    assert location["properties"]["kind"] == "coordinate"
    assert location["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=within)
    assert {"wgs84", "utm", "vn2000"} <= set(location["properties"])
    assert location["properties"]["original"]["text"] == q


def test_projected_coordinates_are_read_in_the_given_crs(client):
    (named,) = locate_all(client, "1203673.846 536487.939", crs="EPSG:9210")
    (written,) = locate_all(client, "VN-2000 105°45' X=1203673.846 Y=536487.939")
    assert named["geometry"] == written["geometry"]
    assert named["properties"]["vn2000"]["x"] == pytest.approx(1203673.846, abs=0.001)
    assert named["properties"]["vn2000"]["y"] == pytest.approx(536487.939, abs=0.001)
    assert {zone["epsg"] for zone in named["properties"]["other_zones"]} >= {9209, 9211}


def test_reverse_lookup_names_the_marker_at_its_coordinates(client):
    (marker,) = locate_all(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    (location,) = locate_all(client, lon=lon, lat=lat)
    properties = location["properties"]
    assert (properties["kind"], properties["nearest_marker"], properties["border"]) == ("coordinate", "304", "VN-CN")
    assert properties["chainage_m"] == pytest.approx(marker["properties"]["chainage_m"], abs=1)
    assert properties["on_line"] is True
    assert properties["distance_to_line_m"] < 200


def test_reverse_lookup_of_an_offset_gives_its_address(client):
    (offset,) = locate_all(client, "147/6 + 120 m")
    lon, lat = offset["geometry"]["coordinates"]
    (back,) = locate_all(client, lon=lon, lat=lat)
    assert back["properties"]["address"] == "147/6 + 120 m"
    assert back["properties"]["chainage_m"] == pytest.approx(offset["properties"]["chainage_m"], abs=0.5)


def test_location_off_the_line_is_not_on_line(client):
    (location,) = locate_all(client, "11.35, 106.05")
    assert location["properties"]["distance_to_line_m"] > 200
    assert location["properties"]["on_line"] is False


@pytest.mark.parametrize(
    "q",
    [
        "168/0", "096", "147/", "12(4)", "12/03/2024", "abc", "", "NaN", "nan, nan", "95.2, 106.1", "inf 11",
        "147/6 + m",
        "147/6; drop table app.markers", "147//6", "147/6\x00", "∞", "147/6 + 1.000.000 m", "a" * 1000, "٩٦", "(", "+",
    ],
)  # fmt: skip
def test_text_that_is_no_address_is_refused(q, client):
    status, problem = refusal(client, q)
    assert status == 422
    assert problem["errors"][0]["field"] == "q"


def test_unknown_number_suggests_the_nearest(client):
    status, problem = refusal(client, "147/66", border="VN-KH")
    assert status == 404
    assert problem["errors"][0]["code"] == "no_such_marker"
    assert "148" in problem["numbers"]


def test_section_across_two_borders_is_refused(client):
    status, problem = refusal(client, "152/2 - 1363(2)")
    assert status == 422
    assert problem["errors"][0]["code"] == "two_borders"


@pytest.mark.parametrize("q", ["16.05, 108.2", "21.0285, 105.8542"])
def test_location_far_from_every_border_is_refused(q, client):
    status, problem = refusal(client, q, lang="en")
    assert status == 422
    assert problem["errors"][0]["code"] == "out_of_area"
    assert "km" in problem["detail"]


def test_distance_limit_is_twenty_kilometres(client):
    (marker,) = locate_all(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    distances = []
    for step in range(50, 150):
        answer = locate(client, lon=lon, lat=round(lat - step * 0.005, 6))
        if answer.status_code == 200:
            distances.append(answer.json()["features"][0]["properties"]["distance_to_line_m"])
        else:
            assert answer.json()["errors"][0]["code"] == "out_of_area"
            break
    assert 19_000 < max(distances) <= 20_000


def test_coordinate_far_from_the_given_marker_is_refused(client):
    near = {"border": "VN-CN", "near": "304"}
    (marker,) = locate_all(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    assert locate_all(client, f"{lat + 0.01}, {lon}", **near)
    status, problem = refusal(client, f"{lat}, {lon + 0.1}", **near)
    assert status == 422
    assert problem["errors"][0]["code"] == "far_from_marker"


def test_offset_beyond_the_end_of_the_line_is_refused(client):
    status, problem = refusal(client, "0 - 50 km", border="VN-KH")
    assert status in (404, 422)
    assert "errors" in problem


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"lon": "nan", "lat": "11"}, "lon"),
        ({"lon": "inf", "lat": "11"}, "lon"),
        ({"lon": "1e999", "lat": "11"}, "lon"),
        ({"lon": "106"}, "lat"),
        ({"lon": "x", "lat": "11"}, "lon"),
        ({"lon": "1000", "lat": "11"}, "lon"),
        ({"q": "147/6", "border": "VN-TH"}, "border"),
        ({"q": "1203673.846 536487.939", "crs": "EPSG:999999"}, "crs"),
        ({"q": "1203673.846 536487.939"}, "q"),
        ({"q": "11.35, 106.05", "near": "mốc"}, "near"),
    ],
)
def test_refusal_names_the_parameter(parameters, field, client):
    status, problem = refusal(client, **parameters)
    assert status == 422
    assert problem["errors"][0]["field"] == field


def test_unknown_parameter_is_refused(client):
    status, problem = refusal(client, "147/6", bordr="VN-KH")
    assert status == 400
    assert "bordr" in problem["detail"]


def test_refusals_are_in_the_language_of_the_client(client):
    _, vi = refusal(client, "abc")
    _, en = refusal(client, "abc", lang="en")
    by_header = client.get("/api/locate", params={"q": "abc"}, headers={"Accept-Language": "en-GB,en;q=0.9"}).json()
    assert vi["title"] == "Giá trị không hợp lệ"
    assert en["title"] == "Invalid value"
    assert by_header == en
    assert vi["errors"][0]["code"] == en["errors"][0]["code"] == "not_an_address"


@pytest.mark.parametrize("parameter", ["near", "within"])
def test_invalid_location_filter_names_its_parameter(parameter, client):
    answer = client.get("/ogc/collections/markers/items", params={parameter: "99.1,10.2,500m"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{parameter}: ")
    assert {error["field"] for error in answer.json()["errors"]} == {parameter}
