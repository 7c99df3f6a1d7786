"""Words are found however they are written: with diacritics or without, in capitals, with any kind of dash."""

import pytest

from gis.text.folding import search_pattern, unaccented

EVERYTHING = [chr(code) for code in (*range(0x20, 0x530), *range(0x1E00, 0x1F00), *range(0x2010, 0x2040), 0xFF0D)]


def test_every_sign_finds_those_that_are_alike_and_no_other(connect):
    signs = sorted({unaccented(one) for one in EVERYTHING if len(unaccented(one)) == 1})
    found = (
        connect()
        .execute(
            "select sign, array_agg(one) from unnest(%s::text[], %s::text[]) wanted (sign, pattern)"
            " join unnest(%s::text[]) one on one ~ pattern group by sign",
            [signs, [f"^{search_pattern(one)}$" for one in signs], EVERYTHING],
        )
        .fetchall()
    )
    assert {sign: set(ones) for sign, ones in found} == {
        sign: {one for one in EVERYTHING if unaccented(one) == sign} for sign in signs
    }


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("moc", "Sửa chữa MỐC 96", True),
        ("MỐC", "moc 96", True),
        ("168-168/2", "đoạn mốc 168–168/2", True),
        ("duong", "ĐƯỜNG tuần tra", True),
        ("100%", "đạt 100%", True),
        ("100%", "đạt 1000", False),
        ("a.c", "abc", False),
        ("(x|y)*[z]\\", "là (x|y)*[z]\\ ấy", True),
        ("Ω", "ω", True),
        ("Мос", "ИМОСТЬ", True),
        ("^", "$^", True),
        ("moc", "mc", False),
    ],
)
def test_a_word_is_found_as_it_stands(connect, word, text, is_found):
    assert connect().execute("select %s ~ %s", [text, search_pattern(word)]).fetchone() == (is_found,)
