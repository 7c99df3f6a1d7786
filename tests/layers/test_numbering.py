"""Marker addresses in every form that is documented."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from gis.crs import parse_position
from layers.numbering import MarkerNumber, NotAnAddress, Offset, Section, parse_address

M = MarkerNumber

ADDRESSES = {
    # markers
    "147/6": M(147, 6),
    "mốc 147 / 6": M(147, 6),
    "MỐC 147/6": M(147, 6),
    "cột mốc quốc giới số 147/6": M(147, 6),
    "Cột  mốc\u00a0Quốc giới  số 147/6 ": M(147, 6),
    "cot moc 147/6": M(147, 6),
    "moc147/6": M(147, 6),
    "mốc giới 147/6": M(147, 6),
    "mốc phụ 147/6": M(147, 6),
    "mốc chính số 96": M(96),
    "khu vực mốc 96": M(96),
    "marker 96": M(96),
    "１４７／６": M(147, 6),
    "96": M(96),
    "261": M(261),
    "261(1)": M(261, None, 1),
    "79  (1)": M(79, None, 1),
    "mốc 47/7 ( 2 )": M(47, 7, 2),
    "134(3)": M(134, None, 3),
    "0": M(0),
    # sections
    "168 -168/2": Section(M(168), M(168, 2)),
    "168–168/2": Section(M(168), M(168, 2)),
    "1119—1120": Section(M(1119), M(1120)),
    "1088/2 - 1089": Section(M(1088, 2), M(1089)),
    "1088/2−1089": Section(M(1088, 2), M(1089)),
    "mốc 47/6 đến mốc 48/27": Section(M(47, 6), M(48, 27)),
    "từ mốc 47/6 tới mốc 48/27": Section(M(47, 6), M(48, 27)),
    "MỐC 47/6 ĐẾN 48/27": Section(M(47, 6), M(48, 27)),
    "khu vực mốc 1104 - 1105": Section(M(1104), M(1105)),
    "đoạn 168 -168/2": Section(M(168), M(168, 2)),
    "lối 1104-1105": Section(M(1104), M(1105)),
    "168/2–168": Section(M(168, 2), M(168)),
    "171 - 500": Section(M(171), M(500)),
    "171 -500": Section(M(171), M(500)),
    # offsets
    "mốc 1363(2) - 500m": Offset(M(1363, None, 2), -500),
    "khu vực mốc 1363(2) – 500 m": Offset(M(1363, None, 2), -500),
    "147/6 + 120 m": Offset(M(147, 6), 120),
    "mốc 96 - 1,5 km": Offset(M(96), -1500),
    "mốc 96 + 1.250 km": Offset(M(96), 1250),
    "168/1+240m": Offset(M(168, 1), 240),
    "147/6 + 120,5 mét": Offset(M(147, 6), 120.5),
    "cách mốc 147/6 khoảng 120 m": Offset(M(147, 6), 120, both_ways=True),
    "Cách cột mốc số 147/6 chừng 1,2km": Offset(M(147, 6), 1200, both_ways=True),
    "cách 147/6 120m": Offset(M(147, 6), 120, both_ways=True),
    "147/6 ± 120 m": Offset(M(147, 6), 120, both_ways=True),
    "147/6 +/- 120 m": Offset(M(147, 6), 120, both_ways=True),
}

REFUSED = {
    "168/0": "Sub-markers are numbered from 1",
    "096": "leading zero",
    "147/06": "leading zero",
    "147/": "missing after 147/",
    "12(4)": "at most 3 markers",
    "12(0)": "at most 3 markers",
    "12()": "in brackets is missing",
    "12/03/2024": "at most one /",
    "147/6/2": "at most one /",
    "10000": "Main markers are numbered from 0 to 9999",
    "147/1000": "Sub-markers are numbered from 1",
    "168–168": "at different positions",
    "261(1)-261(2)": "at different positions",
    "147/6 + 120": "State the unit",
    "96 - 1,5": "State the unit",
    "cách mốc 96 khoảng 300": "State the unit",
    "96 + 1.500 m": "Cannot read the distance",
    "96 + 1,500 m": "Cannot read the distance",
    "96 + 1.234,5 m": "Cannot read the distance",
    "96 + 101 km": "At most 100 km",
    "abc": "not a marker number",
    "": "not a marker number",
    "mốc": "not a marker number",
    "NaN": "not a marker number",
    "147²": "not a marker number",
    "147½": "not a marker number",
    "١٤٧": "not a marker number",
    "-147": "not a marker number",
    "147 6": "not a marker number",
    "95.2, 106.1": "not a marker number",
    "9" * 5000: "too long",
}

numbers = st.builds(MarkerNumber, st.integers(0, 9999), st.none() | st.integers(1, 999), st.none() | st.integers(1, 3))
sections = (
    st.tuples(numbers, numbers)
    .filter(lambda pair: pair[0].position != pair[1].position)
    .map(lambda pair: Section(*pair))
)
offsets = st.builds(Offset, numbers, st.floats(-100_000, 100_000), st.booleans())
texts = st.text("0123456789/()-–—−+±.,  mkốcộđếnới") | st.text()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("text", "address"), ADDRESSES.items())
def test_every_form_of_an_address_is_parsed(text, address, form):
    assert parse_address(unicodedata.normalize(form, text)) == address


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_invalid_address_is_refused_with_its_reason(text, reason):
    with pytest.raises(NotAnAddress, match=reason.replace("(", r"\(")) as refusal:
        parse_address(text)
    assert refusal.value.reason.vi


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("MỐC 147 / 6", "147/6"),
        ("79  (1)", "79(1)"),
        ("47/7(2)", "47/7(2)"),
        ("168 -168/2", "168–168/2"),
        ("mốc 1363(2) - 500m", "1363(2) − 500 m"),
        ("147/6+0,12 km", "147/6 + 120 m"),
        ("cách mốc 147/6 khoảng 120 m", "147/6 ± 120 m"),
        ("96 - 0 m", "96 + 0 m"),
    ],
)
def test_address_has_one_canonical_text(text, canonical):
    assert str(parse_address(text)) == canonical


@given(numbers)
def test_text_of_a_number_parses_to_the_same_number(number):
    assert MarkerNumber.parse(str(number)) == parse_address(str(number)) == number


@given(sections | offsets)
def test_text_of_an_address_parses_to_the_same_address(address):
    assert parse_address(str(address)) == address


@given(numbers | sections | offsets)
def test_text_of_an_address_is_not_parsed_as_a_coordinate(address):
    assert parse_position(str(address)) is None


@pytest.mark.parametrize("text", ADDRESSES)
def test_documented_address_is_not_parsed_as_a_coordinate(text):
    assert parse_position(text) is None


@given(texts)
def test_arbitrary_text_is_parsed_or_refused(text):
    try:
        address = parse_address(text)
    except NotAnAddress:
        return
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["168–169", "147/6 + 120 m", "abc"])
def test_number_parser_refuses_other_addresses(text):
    with pytest.raises(NotAnAddress, match="not a marker number"):
        MarkerNumber.parse(text)


@pytest.mark.parametrize("parts", [(-1,), (10_000,), (1, 0), (1, 1000), (1, None, 0), (1, 1, 4)])
def test_number_out_of_range_is_refused(parts):
    with pytest.raises(NotAnAddress):
        MarkerNumber(*parts)


@pytest.mark.parametrize("metres", [float("nan"), float("inf"), 100_001, -100_001])
def test_offset_out_of_range_is_refused(metres):
    with pytest.raises(NotAnAddress):
        Offset(M(96), metres)


def test_numbers_sort_by_main_sub_and_twin_number():
    expected = ["96", "147", "147/6", "147/10", "148", "261", "261(1)", "261(2)", "1088/2", "1088/2(1)", "1088/3"]
    assert [str(number) for number in sorted(map(MarkerNumber.parse, reversed(expected)))] == expected


@given(st.lists(numbers))
def test_numbers_sort_by_key(unsorted):
    assert sorted(unsorted) == sorted(unsorted, key=lambda number: number.key)


@given(numbers, numbers)
def test_numbers_are_equal_if_neither_is_less(first, second):
    assert (first == second) == (not first < second and not second < first) == (first.key == second.key)


def test_twins_have_the_position_of_the_number_without_suffix():
    assert M(261, None, 1).position == M(261, None, 2).position == M(261)
    assert M(47, 7, 2).position == M(47, 7)


def test_sub_markers_are_spread_evenly():
    assert [M(147, sub).sequence(3) for sub in (None, 1, 2, 3)] == [147, 147.25, 147.5, 147.75]
    with pytest.raises(ValueError, match="among 3"):
        M(147, 4).sequence(3)


def test_section_keeps_its_written_order():
    section = parse_address("168/2–168")
    assert str(section) == "168/2–168"
    assert str(section.ordered()) == "168–168/2"


def test_section_text_may_also_mean_an_offset_without_unit():
    assert str(parse_address("171 - 500").maybe_offset) == "171 − 500 m"
    assert parse_address("168–168/2").maybe_offset is None
    assert parse_address("260–261(2)").maybe_offset is None
