"""Parsing and formatting of positions in every documented notation."""

import unicodedata

import pytest
from hypothesis import assume, given, strategies as st

from gis.crs.coordinates import Position, distance_m, format_dms, in_all_crs, positions_in_other_zones
from gis.crs.position_parser import parse_position
from gis.crs.systems import UTM_48N, UTM_49N, VN2000, WEB_MERCATOR, ZONES, from_wgs84, to_wgs84, zone_by_epsg
from gis.text.errors import Invalid

DEGREES = {
    "11.35, 106.05": (106.05, 11.35),
    "106.05 11.35": (106.05, 11.35),
    "11,35; 106,05": (106.05, 11.35),
    "106.05;11.35": (106.05, 11.35),
    "11.35,106.05": (106.05, 11.35),
    "11,35 106,05": (106.05, 11.35),
    "11,35, 106,05": (106.05, 11.35),
    "+11.35 , 106": (106.0, 11.35),
    "１１．３５，１０６．０５": (106.05, 11.35),
    "11.35\u00a0106.05": (106.05, 11.35),
    "\ufeff11.35,\u200b 106.05 ": (106.05, 11.35),
    "WGS84 11.35, 106.05": (106.05, 11.35),
    "11.35, 106.05 (WGS 84)": (106.05, 11.35),
    "EPSG:4326 11.35, 106.05": (106.05, 11.35),
    "11.35°N 106.05°E": (106.05, 11.35),
    "11.35N, 106.05E": (106.05, 11.35),
    "E106.05 N11.35": (106.05, 11.35),
    "lat=11.35 lon=106.05": (106.05, 11.35),
    "lon: 106.05, lat: 11.35": (106.05, 11.35),
    "vĩ độ 11,35; kinh độ 106,05": (106.05, 11.35),
    "X=106.05 Y=11.35": (106.05, 11.35),
    "11.35° 106.05°": (106.05, 11.35),
    "11°41'12,5\"N 105°55'30\"E": (105.925, 11.6868055556),
    "11°41'12.5\"B 105°55'30\"Đ": (105.925, 11.6868055556),
    "11°41′12,5″B, 105°55′30″Đ": (105.925, 11.6868055556),
    "11º41’12,5”B; 105º55’30”Đ": (105.925, 11.6868055556),
    "11°41'12,5'' B 105°55'30'' Ð": (105.925, 11.6868055556),
    "11° 41' 12.5\" vĩ độ Bắc, 105° 55' 30\" kinh độ Đông": (105.925, 11.6868055556),
    "105°55'30\"E 11°41'12.5\"N": (105.925, 11.6868055556),
    "N 11 41 12.5 E 105 55 30": (105.925, 11.6868055556),
    "n11°41'12.5\" e105°55'30\"": (105.925, 11.6868055556),
    "105°55'30\", 11°41'12,5\"": (105.925, 11.6868055556),
    "105°55'30\" 11°41'12,5\"": (105.925, 11.6868055556),
    "11°41.208333'N 105°55.5'E": (105.925, 11.6868055556),
    "10 58 05.3 N 106 10 02.1 E": (106.16725, 10.9681388889),
    "22°49'54,648\" 104°44'03,799\"": (104.7343886111, 22.83184667),
}

X, Y = 1203673.846, 536487.939

METRES = {
    "48N 625645 1211225": (None, UTM_48N, 625645, 1211225),
    "48P 625645 1211225": (None, UTM_48N, 625645, 1211225),
    "UTM 48N 625645 1211225": (None, UTM_48N, 625645, 1211225),
    "UTM 48 E=625645 N=1211225": (None, UTM_48N, 625645, 1211225),
    "UTM 48 N=1211225 E=625645": (None, UTM_48N, 625645, 1211225),
    "WGS84 UTM zone 48N: E 625645,5 N 1211225,5": (None, UTM_48N, 625645.5, 1211225.5),
    "49N 180000.5 2300000.25": (None, UTM_49N, 180000.5, 2300000.25),
    "E=625645 N=1211225": ("EPSG:32648", UTM_48N, 625645, 1211225),
    "625645 1211225": ("EPSG:32648", UTM_48N, 625645, 1211225),
    "11800000.5 1200000.5": ("EPSG:3857", WEB_MERCATOR, 11800000.5, 1200000.5),
    "VN-2000 105°45' X=1203673.846 Y=536487.939": (None, 9210, Y, X),
    "VN-2000 105°45' Y=536487.939 X=1203673.846": (None, 9210, Y, X),
    "vn2000 105°45′ 1203673,846 536487,939": (None, 9210, Y, X),
    "VN-2000 105 45 X=1203673.846, Y=536487.939": (None, 9210, Y, X),
    "VN-2000 105.75 X=1203673.846 Y=536487.939": (None, 9210, Y, X),
    "VN\u20112000, KTT 105º45’, múi 3: X = 1203673,846 m; Y = 536487,939 m": (None, 9210, Y, X),
    "X (Bắc) = 1203673.846 Y (Đông) = 536487.939 (VN-2000, kinh tuyến trục 105°45', múi chiếu 3°)": (None, 9210, Y, X),
    "VN-2000 105°30' X=1203673.846 Y=536487.939": (None, 9209, Y, X),
    "VN-2000 105° X=1203673.846 Y=536487.939": (None, 5897, Y, X),
    "VN-2000 105° múi 3 X=1203673.846 Y=536487.939": (None, 5897, Y, X),
    "VN-2000 105° múi 6 X=1203673.846 Y=536487.939": (None, 3405, Y, X),
    "VN-2000 105° X=1203673.846 Y=536487.939 (múi 6°)": (None, 3405, Y, X),
    "VN-2000 X=1203673.846 Y=536487.939": ("EPSG:9210", 9210, Y, X),
    "VN-2000 105°45' X=1203673.846 Y=536487.939 ": ("EPSG:9210", 9210, Y, X),
    "1203673.846 536487.939": ("EPSG:9210", 9210, Y, X),
    "1203673.846, 536487.939": ("EPSG:9210", 9210, Y, X),
    "1203673,846; 536487,939": ("EPSG:9210", 9210, Y, X),
    "X=1203673.846 Y=536487.939": ("EPSG:9210", 9210, Y, X),
    "EPSG:9210 X=1203673.846 Y=536487.939": (None, 9210, Y, X),
    "VN-2000 11.35, 106.05": (None, VN2000, 106.05, 11.35),
    "VN-2000 11°30'B 106°Đ": (None, VN2000, 106.0, 11.5),
    "11.35, 106.05": ("EPSG:4756", VN2000, 106.05, 11.35),
}

REFUSED = [
    ("95.2, 106.1", None, "out_of_range"),
    ("106.1, 95.2", None, "out_of_range"),
    ("-11.35, 106.05", None, "out_of_range"),
    ("7.9, 106", None, "out_of_range"),
    ("11.35, 110.1", None, "out_of_range"),
    ("11.35S 106.05E", None, "out_of_range"),
    ("11°30' Nam, 106° Đông", None, "out_of_range"),
    ("11.35N 106.05W", None, "out_of_range"),
    ("nan, 106.1", None, "not_finite"),
    ("11.35, NaN", None, "not_finite"),
    ("inf 106.05", None, "not_finite"),
    ("X=-Infinity Y=536487", "EPSG:9210", "not_finite"),
    ("N 106.05 E 11.35", None, "swapped_axes"),
    ("VN-2000 105°45' X=536487.939 Y=1203673.846", None, "swapped_axes"),
    ("536487.939 1203673.846", "EPSG:9210", "swapped_axes"),
    ("48N 1211225 625645", None, "swapped_axes"),
    ("VN-2000 105°45' X=1203 Y=5364", None, "out_of_range"),
    ("1203673.846 536487.939", None, "crs_missing"),
    ("X=1203673.846 Y=536487.939", None, "crs_missing"),
    ("VN-2000 X=1203673.846 Y=536487.939", None, "crs_missing"),
    ("WGS84 1203673.846 536487.939", None, "crs_missing"),
    ("VN-2000 105°45' X=1203673.846 Y=536487.939", "EPSG:9209", "crs_conflict"),
    ("48N 625645 1211225", "EPSG:9210", "crs_conflict"),
    ("VN-2000 11.35, 106.05", "EPSG:4326", "crs_conflict"),
    ("11.35, 106.05", "EPSG:9210", "crs_conflict"),
    ("VN-2000 105°45' 11.35, 106.05", None, "crs_conflict"),
    ("VN-2000 105°50' X=1203673.846 Y=536487.939", None, "unknown_zone"),
    ("VN-2000 105°45' múi 6 X=1203673.846 Y=536487.939", None, "unknown_zone"),
    ("UTM 50 E=625645 N=1211225", None, "unknown_zone"),
    ("11.35, 106.05", "EPSG:3148", "unknown_crs"),
    ("EPSG:3148 X=1203673.846 Y=536487.939", None, "unknown_crs"),
    # ambiguous input
    ("11,35,106,05", None, "unreadable"),
    ("1.203.673,846 536.487,939", "EPSG:9210", "unreadable"),
    ("X=1.203.673,846 Y=536.487,939", "EPSG:9210", "unreadable"),
    ("X=1203673 Y=536.487", "EPSG:9210", "unreadable"),
    ("1203673,536487", "EPSG:9210", "unreadable"),
    ("N 11 E 106 30 45 20", None, "unreadable"),
    ("11°61'N 106°10'E", None, "unreadable"),
    ("11.5°30'N 106°10'E", None, "unreadable"),
    ("11.35N 12.35N", None, "unreadable"),
    ("X=11.35 N=106.05", None, "unreadable"),
    ("VN-2000 gần chợ", None, "unreadable"),
]

NO_COORDINATES = [
    "", " ", "abc", "Mộc Bài", "147/6", "96", "171 - 500", "171 -500", "168 -168/2", "mốc 96 - 1,5 km", "96 -1.5",
    "12/03/2024", "12.03.2024", "11.35", "11,35", "171, 118", "171 118 150", "147,6", "NaN", "10m 20m", "1²,5 106.05",
    "đồn 11.35 đội 106.05", "11.35, 106.05, 12", "1" * 201,
]  # fmt: skip

arbitrary_texts = st.text("0123456789.,;-+ °'\"NEBĐXY=utmvn48") | st.text()
accepted_coordinates = {"lon": st.floats(102.2, 109.8), "lat": st.floats(8.2, 23.8)}


def metres(position: Position, lon: float, lat: float) -> float:
    """The distance of a parsed position from a longitude and latitude."""
    return distance_m(position.lon, position.lat, lon, lat)


def both_forms(text):
    """A text in the normal forms C and D."""
    return {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}


@pytest.mark.parametrize(("text", "lon_lat"), DEGREES.items())
def test_degrees_are_parsed(text, lon_lat):
    for written in both_forms(text):
        position = parse_position(written)
        assert metres(position, *lon_lat) < 0.001
        assert position.original == {
            "text": written,
            "crs": "EPSG:4326",
            "x": pytest.approx(lon_lat[1]),
            "y": pytest.approx(lon_lat[0]),
        }
        assert position.zone is None


@pytest.mark.parametrize(("text", "crs", "epsg", "east", "north"), [(text, *rest) for text, rest in METRES.items()])
def test_projected_coordinates_are_parsed(text, crs, epsg, east, north):
    for written in both_forms(text):
        position = parse_position(written, crs)
        assert metres(position, *to_wgs84(east, north, epsg)) < 0.001
        assert position.original == {"text": written, "crs": f"EPSG:{epsg}", "x": north, "y": east}
        assert position.zone == zone_by_epsg(epsg)


@pytest.mark.parametrize(("text", "crs", "code"), REFUSED)
def test_invalid_position_is_refused_with_a_code(text, crs, code):
    for written in both_forms(text):
        with pytest.raises(Invalid) as refusal:
            parse_position(written, crs)
        assert [error.code for error in refusal.value.errors] == [code]


@pytest.mark.parametrize("text", NO_COORDINATES)
def test_text_without_coordinates_gives_none(text):
    assert parse_position(text) is None


@given(arbitrary_texts, st.none() | st.just("EPSG:9210"))
def test_any_text_gives_a_position_none_or_invalid(text, crs):
    try:
        position = parse_position(text, crs)
    except Invalid:
        return
    assert position is None or (102 <= position.lon <= 110 and 8 <= position.lat <= 24)


@given(**accepted_coordinates, language=st.sampled_from(["vi", "en"]))
def test_formatted_degrees_are_parsed_back(lon, lat, language):
    assert metres(parse_position(format_dms(lon, lat, language, decimals=4)), lon, lat) < 0.003
    assert metres(parse_position(f"{lat:.8f}, {lon:.8f}"), lon, lat) < 0.002


@given(**accepted_coordinates, zone=st.sampled_from(ZONES))
def test_formatted_zone_coordinates_are_parsed_back(lon, lat, zone):
    east, north = from_wgs84(lon, lat, zone.epsg)
    assume(east > 100_000)  # smaller eastings lie far outside of the zone
    written = f"VN-2000 {zone.meridian_label} múi {zone.width} X={north:.3f} Y={east:.3f}"
    assert metres(parse_position(written), lon, lat) < 0.003
    assert metres(parse_position(f"{north:.3f} {east:.3f}", f"EPSG:{zone.epsg}"), lon, lat) < 0.003


@given(**accepted_coordinates)
def test_in_all_crs_gives_the_same_point_in_each_system(lon, lat):
    systems = in_all_crs(lon, lat)
    assert metres(parse_position(systems["wgs84"]["dms"]), lon, lat) < 0.3
    utm, vn2000 = systems["utm"], systems["vn2000"]
    assert metres(parse_position(f"{utm['zone']} {utm['east']} {utm['north']}"), lon, lat) < 0.003
    written = f"VN-2000 {vn2000['central_meridian']} X={vn2000['x']} Y={vn2000['y']}"
    assert metres(parse_position(written), lon, lat) < 0.003


def test_in_all_crs_gives_wgs84_utm_and_vn2000_of_a_known_point():
    lon, lat = to_wgs84(Y, X, 9210)
    assert in_all_crs(lon, lat, zone_by_epsg(9210)) == {
        "wgs84": {
            "lon": pytest.approx(106.0856, abs=1e-3),
            "lat": pytest.approx(10.8838, abs=1e-3),
            "dms": format_dms(lon, lat),
        },
        "utm": {
            "crs": "EPSG:32648",
            "zone": "48N",
            "east": pytest.approx(618_700, abs=500),
            "north": pytest.approx(1_203_400, abs=500),
        },
        "vn2000": {"crs": "EPSG:9210", "central_meridian": "105°45′", "width": 3, "x": X, "y": Y},
    }
    assert in_all_crs(108.2, 14.0)["utm"]["zone"] == "49N"


@pytest.mark.parametrize(
    ("lon", "lat", "language", "decimals", "text"),
    [
        (105.925, 11.6868055556, "en", 2, "11°41′12.50″N 105°55′30.00″E"),
        (105.925, 11.6868055556, "vi", 2, "11°41′12,50″B 105°55′30,00″Đ"),
        (105.99999999, 11.9999999, "en", 2, "12°00′00.00″N 106°00′00.00″E"),
        (106.0, 11.0169, "en", 0, "11°01′01″N 106°00′00″E"),
        (104.7343886, 22.8318467, "vi", 3, "22°49′54,648″B 104°44′03,799″Đ"),
    ],
)
def test_format_dms_rounds_and_names_hemispheres_by_language(lon, lat, language, decimals, text):
    assert format_dms(lon, lat, language, decimals) == text


def test_distance_is_geodesic():
    """A minute of latitude is about a nautical mile, a little less near the equator."""
    assert distance_m(106, 11, 106, 11 + 1 / 60) == pytest.approx(1_843.6, abs=0.5)
    assert distance_m(106, 11, 106.25, 11) == pytest.approx(27_321.9, abs=0.5)


def test_positions_in_other_zones_begin_with_the_neighbours_of_the_same_width():
    position = parse_position("VN-2000 105°45' X=1203673.846 Y=536487.939")
    others = positions_in_other_zones(position)
    assert [zone.epsg for zone, _, _ in others][:2] in ([9209, 9211], [9211, 9209])
    assert all(zone.width == 3 for zone, _, _ in others)
    [(_, lon, lat)] = [other for other in others if other[0].epsg == 9209]
    assert metres(position, lon, lat) == pytest.approx(27_300, abs=50)


@pytest.mark.parametrize(("before", "since_2025"), [(9212, 5899), (9205, 9208), (9218, 5899), (9209, 9210)])
def test_other_zones_include_the_zone_of_the_province_before_the_mergers_of_2025(before, since_2025):
    east, north = from_wgs84(zone_by_epsg(before).central_meridian + 0.1, 12.0, before)
    misread = parse_position(f"{north:.3f} {east:.3f}", f"EPSG:{since_2025}")
    assert before in [zone.epsg for zone, _, _ in positions_in_other_zones(misread)]


def test_position_without_zone_has_no_positions_in_other_zones():
    assert positions_in_other_zones(parse_position("11.35, 106.05")) == []
