"""How far something long has come is told to whoever waits, as often as somebody reads it; nothing of it stays."""

import pytest

from api.cli import progress
from gis.text.i18n import Text

ENTRIES = Text("dòng", "entries")


@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_told_at_a_terminal_in_one_line_and_elsewhere_line_by_line(terminal, monkeypatch, capsys):
    clock = iter(range(100, 1000, 15))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: terminal)
    with progress.progress() as told:
        told(ENTRIES, 5000, 12000)
        told(ENTRIES, 10000, 12000)
    lines = ["… 5,000 / 12,000 dòng · entries", "… 10,000 / 12,000 dòng · entries"]
    wiped = "\r\033[K"
    expected = wiped + wiped.join(lines) + wiped if terminal else "".join(f"{line}\n" for line in lines)
    assert capsys.readouterr().err == expected


def test_what_is_soon_done_is_not_told_at_all(capsys):
    with progress.progress() as told:
        for done in range(100):
            told(ENTRIES, done, 100)
    assert capsys.readouterr().err == ""
