"""Progress of long commands on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gis.text import Text

INTERVAL_S = {True: 0.2, False: 10.0}
"""Seconds between two reports, by whether they go to a terminal, which shows one line and overwrites it."""


@contextmanager
def progress() -> Iterator[Callable[[Text, int, int], None]]:
    """A function ``report(unit, done, total)`` for the block, which prints at most once in an interval."""
    is_terminal = sys.stderr.isatty()
    last = time.monotonic() if not is_terminal else 0.0

    def report(unit: Text, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < INTERVAL_S[is_terminal]:
            return
        last = time.monotonic()
        line = f"… {done:,} / {total:,} {unit.vi} · {unit.en}"
        sys.stderr.write(f"\r\033[K{line}" if is_terminal else f"{line}\n")
        sys.stderr.flush()

    try:
        yield report
    finally:
        if is_terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
