"""Where is it: every row of the contract's table, as an officer or a planner would type it."""

import unicodedata

import pytest

QUARTER = ("147/6", "mốc 147 / 6", "MỐC 147/6", "Mốc147/6", "cột mốc quốc giới số 147/6", "  147/6  ", "１４７／６")


def ask(client, q=None, **given):
    parameters = {**({} if q is None else {"q": q}), **given}
    return client.get("/api/locate", params=parameters)


def answers(client, q=None, **given):
    answer = ask(client, q, **given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    return collection["features"]


def refusal(client, q=None, **given):
    answer = ask(client, q, **given)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()


@pytest.mark.parametrize("q", [form for text in QUARTER for form in (text, unicodedata.normalize("NFD", text))])
def test_a_marker_is_found_however_it_is_written(q, client):
    (found,) = answers(client, q)
    properties = found["properties"]
    assert (properties["kind"], properties["address"], properties["border"]) == ("marker", "147/6", "VN-KH")
    assert properties["original"]["text"] == q
    assert found["geometry"]["type"] == "Point"


def test_an_assumed_position_says_so_and_how_well_it_is_known(client):
    (found,) = answers(client, "147/6")
    assert found["properties"]["position_source"] == "assumed"
    assert found["properties"]["accuracy_m"] > 1000


def test_a_position_of_two_stones_gives_both(client):
    found = {(one["properties"]["border"], one["properties"]["address"]) for one in answers(client, "261")}
    assert found == {("VN-CN", "261(1)"), ("VN-CN", "261(2)"), ("VN-KH", "261")}
    (second,) = answers(client, "261(2)")
    assert second["properties"]["position_source"] == "map"


def test_a_number_on_two_borders_gives_a_candidate_for_each_and_one_when_the_border_is_named(client):
    assert {one["properties"]["border"] for one in answers(client, "96")} == {"VN-KH", "VN-CN"}
    (found,) = answers(client, "96", border="VN-CN")
    assert found["properties"]["border"] == "VN-CN"


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
def test_a_section_is_the_line_between_two_markers_in_either_order(q, address, client):
    found = answers(client, q)[0]
    assert (found["properties"]["kind"], found["properties"]["address"]) == ("section", address)
    assert found["geometry"]["type"] in ("LineString", "MultiLineString")
    assert found["properties"]["length_m"] > 0


def test_a_section_between_markers_without_position_has_none(client):
    (found,) = answers(client, "mốc 47/6 đến mốc 48/27")
    assert found["properties"]["address"] == "47/6–48/27"
    assert (found["geometry"] is None) == (found["properties"]["position_source"] == "none")


@pytest.mark.parametrize(
    ("q", "address", "metres"),
    [
        ("147/6 + 120 m", "147/6 + 120 m", 120),
        ("168/1+240m", "168/1 + 240 m", 240),
        ("mốc 147/6 - 500m", "147/6 − 500 m", -500),
        ("mốc 96 - 1,5 km", "96 − 1500 m", -1500),
    ],
)
def test_an_offset_is_measured_along_the_line_towards_higher_numbers(q, address, metres, client):
    (found,) = answers(client, q, border="VN-KH")
    (marker,) = answers(client, address.split()[0], border="VN-KH")
    assert (found["properties"]["kind"], found["properties"]["address"]) == ("offset", address)
    apart = found["properties"]["chainage_m"] - marker["properties"]["chainage_m"]
    assert apart == pytest.approx(metres, abs=0.2)


def test_an_offset_from_twins_is_measured_from_their_position(client):
    found = answers(client, "mốc 1363(2) - 500m")
    assert [one["properties"]["address"] for one in found] == ["1363(2) − 500 m"]


@pytest.mark.parametrize("q", ["cách mốc 147/6 khoảng 120 m", "147/6 ± 120 m"])
def test_a_distance_without_direction_goes_both_ways(q, client):
    found = answers(client, q)
    assert [one["properties"]["address"] for one in found] == ["147/6 + 120 m", "147/6 − 120 m"]
    first, second = (one["properties"]["chainage_m"] for one in found)
    assert first - second == pytest.approx(240, abs=0.2)


def test_metres_without_their_unit_are_asked_for(client):
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
def test_a_coordinate_is_read_as_people_write_it(q, lon, lat, within, client):
    (found,) = answers(client, q)
    assert found["properties"]["kind"] == "coordinate"
    assert found["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=within)
    assert {"wgs84", "utm", "vn2000"} <= set(found["properties"])
    assert found["properties"]["original"]["text"] == q


def test_bare_figures_are_read_in_the_system_named_beside_them(client):
    (named,) = answers(client, "1203673.846 536487.939", crs="EPSG:9210")
    (written,) = answers(client, "VN-2000 105°45' X=1203673.846 Y=536487.939")
    assert named["geometry"] == written["geometry"]
    assert named["properties"]["vn2000"]["x"] == pytest.approx(1203673.846, abs=0.001)
    assert named["properties"]["vn2000"]["y"] == pytest.approx(536487.939, abs=0.001)
    assert {zone["epsg"] for zone in named["properties"]["other_zones"]} >= {9209, 9211}


def test_a_coordinate_knows_its_address_and_the_address_leads_back(client):
    (marker,) = answers(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    (found,) = answers(client, lon=lon, lat=lat)
    properties = found["properties"]
    assert (properties["kind"], properties["nearest_marker"], properties["border"]) == ("coordinate", "304", "VN-CN")
    assert properties["chainage_m"] == pytest.approx(marker["properties"]["chainage_m"], abs=1)
    assert properties["on_line"] is True
    assert properties["distance_to_line_m"] < 200


def test_an_offset_asked_back_is_the_same_place(client):
    (there,) = answers(client, "147/6 + 120 m")
    lon, lat = there["geometry"]["coordinates"]
    (back,) = answers(client, lon=lon, lat=lat)
    assert back["properties"]["address"] == "147/6 + 120 m"
    assert back["properties"]["chainage_m"] == pytest.approx(there["properties"]["chainage_m"], abs=0.5)


def test_off_the_line_nothing_is_said_to_be_on_it(client):
    (found,) = answers(client, "11.35, 106.05")
    assert found["properties"]["distance_to_line_m"] > 200
    assert found["properties"]["on_line"] is False


@pytest.mark.parametrize(
    "q",
    [
        "168/0", "096", "147/", "12(4)", "12/03/2024", "abc", "", "NaN", "nan, nan", "95.2, 106.1", "inf 11",
        "147/6 + m",
        "147/6; drop table app.markers", "147//6", "147/6\x00", "∞", "147/6 + 1.000.000 m", "a" * 1000, "٩٦", "(", "+",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_as_such(q, client):
    status, problem = refusal(client, q)
    assert status == 422
    assert problem["errors"][0]["field"] == "q"


def test_a_number_that_does_not_exist_names_the_nearest_that_do(client):
    status, problem = refusal(client, "147/66", border="VN-KH")
    assert status == 404
    assert problem["errors"][0]["code"] == "no_such_marker"
    assert "148" in problem["numbers"]


def test_a_section_across_two_borders_is_refused(client):
    status, problem = refusal(client, "152/2 - 1363(2)")
    assert status == 422
    assert problem["errors"][0]["code"] == "two_borders"


@pytest.mark.parametrize("q", ["16.05, 108.2", "21.0285, 105.8542"])
def test_a_place_far_from_every_border_is_refused(q, client):
    status, problem = refusal(client, q, lang="en")
    assert status == 422
    assert problem["errors"][0]["code"] == "out_of_area"
    assert "km" in problem["detail"]


def test_twenty_kilometres_is_the_limit(client):
    (marker,) = answers(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    distances = []
    for step in range(50, 150):
        answer = ask(client, lon=lon, lat=round(lat - step * 0.005, 6))
        if answer.status_code == 200:
            distances.append(answer.json()["features"][0]["properties"]["distance_to_line_m"])
        else:
            assert answer.json()["errors"][0]["code"] == "out_of_area"
            break
    assert 19_000 < max(distances) <= 20_000


def test_a_coordinate_far_from_the_marker_stated_beside_it_is_refused(client):
    near = {"border": "VN-CN", "near": "304"}
    (marker,) = answers(client, "304", border="VN-CN")
    lon, lat = marker["geometry"]["coordinates"]
    assert answers(client, f"{lat + 0.01}, {lon}", **near)
    status, problem = refusal(client, f"{lat}, {lon + 0.1}", **near)
    assert status == 422
    assert problem["errors"][0]["code"] == "far_from_marker"


def test_beyond_the_end_of_the_border_there_is_nothing(client):
    status, problem = refusal(client, "0 - 50 km", border="VN-KH")
    assert status in (404, 422)
    assert "errors" in problem


@pytest.mark.parametrize(
    ("given", "field"),
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
def test_a_refusal_names_what_is_at_fault(given, field, client):
    status, problem = refusal(client, **given)
    assert status == 422
    assert problem["errors"][0]["field"] == field


def test_an_unknown_parameter_is_refused(client):
    status, problem = refusal(client, "147/6", bordr="VN-KH")
    assert status == 400
    assert "bordr" in problem["detail"]


def test_refusals_speak_the_readers_language(client):
    _, vi = refusal(client, "abc")
    _, en = refusal(client, "abc", lang="en")
    script = client.get("/api/locate", params={"q": "abc"}, headers={"Accept-Language": "en-GB,en;q=0.9"}).json()
    assert vi["title"] == "Giá trị không hợp lệ"
    assert en["title"] == "Invalid value"
    assert script == en
    assert vi["errors"][0]["code"] == en["errors"][0]["code"] == "not_an_address"


@pytest.mark.parametrize("parameter", ["near", "within"])
def test_a_place_that_is_none_is_refused_by_the_name_of_its_parameter(parameter, client):
    answer = client.get("/ogc/collections/markers/items", params={parameter: "99.1,10.2,500m"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{parameter}: ")
    assert {one["field"] for one in answer.json()["errors"]} == {parameter}
