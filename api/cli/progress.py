"""How far something long has come, told to whoever waits at the terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gis.text import Text

INTERVAL_S = {True: 0.2, False: 10.0}
"""How often it is told: on a terminal, where one line is written over, and to a file."""


@contextmanager
def progress() -> Iterator[Callable[[Text, int, int], None]]:
    """``told(what, done, all)`` says how far it has come, as often as somebody reads it."""
    shown = sys.stderr.isatty()
    last = time.monotonic() if not shown else 0.0

    def told(what: Text, done: int, number: int) -> None:
        nonlocal last
        if time.monotonic() - last < INTERVAL_S[shown]:
            return
        last = time.monotonic()
        line = f"… {done:,} / {number:,} {what.vi} · {what.en}"
        sys.stderr.write(f"\r\033[K{line}" if shown else f"{line}\n")
        sys.stderr.flush()

    try:
        yield told
    finally:
        if shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
