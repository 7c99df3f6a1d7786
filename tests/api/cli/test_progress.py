"""Progress reports: one overwritten line at a terminal, separate lines elsewhere, and at most one in an interval."""

import pytest

from api.cli import progress
from gis.text.i18n import Text

ENTRIES = Text("dòng", "entries")


@pytest.mark.parametrize("terminal", [True, False])
def test_terminal_gets_one_line_and_other_output_several(terminal, monkeypatch, capsys):
    clock = iter(range(100, 1000, 15))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: terminal)
    with progress.progress() as report:
        report(ENTRIES, 5000, 12000)
        report(ENTRIES, 10000, 12000)
    lines = ["… 5,000 / 12,000 dòng · entries", "… 10,000 / 12,000 dòng · entries"]
    clear = "\r\033[K"
    expected = clear + clear.join(lines) + clear if terminal else "".join(f"{line}\n" for line in lines)
    assert capsys.readouterr().err == expected


def test_short_work_reports_nothing(capsys):
    with progress.progress() as report:
        for done in range(100):
            report(ENTRIES, done, 100)
    assert capsys.readouterr().err == ""
