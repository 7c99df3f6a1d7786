"""The search ignores case, Vietnamese diacritics and the kind of dash."""

import pytest

from gis.text.folding import search_pattern, unaccented

CHARACTERS = [chr(code) for code in (*range(0x20, 0x530), *range(0x1E00, 0x1F00), *range(0x2010, 0x2040), 0xFF0D)]


def test_search_pattern_matches_all_characters_with_the_same_folding(connect):
    folded = sorted({unaccented(character) for character in CHARACTERS if len(unaccented(character)) == 1})
    rows = (
        connect()
        .execute(
            "select letter, array_agg(character) from unnest(%s::text[], %s::text[]) patterns (letter, pattern)"
            " join unnest(%s::text[]) character on character ~ pattern group by letter",
            [folded, [f"^{search_pattern(letter)}$" for letter in folded], CHARACTERS],
        )
        .fetchall()
    )
    assert {letter: set(characters) for letter, characters in rows} == {
        letter: {character for character in CHARACTERS if unaccented(character) == letter} for letter in folded
    }


@pytest.mark.parametrize(
    ("term", "text", "matches"),
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
def test_search_pattern_matches_text_in_postgresql(connect, term, text, matches):
    assert connect().execute("select %s ~ %s", [text, search_pattern(term)]).fetchone() == (matches,)
