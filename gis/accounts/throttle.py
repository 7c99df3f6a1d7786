"""How long whoever has been wrong too often waits before the next attempt: ever longer, never for good."""

import time
from collections.abc import Callable
from struct import Struct
from typing import Final

from gis.db.shared_memory import SharedTable

MAX_DELAY_S = 900
MAX_ENTRIES = 10_000

FAILURE_RECORD: Final = Struct("=Qd")
"""How many, and since when by the clock."""


def delay_s(failures: int, free_failures: int) -> int:
    """Seconds to wait after so many failures, of which the first ``free`` cost nothing: 1, 2, 4 … 900."""
    return min(2 ** min(failures - free_failures, 10), MAX_DELAY_S) if failures >= free_failures else 0


class LoginThrottle:
    """The failures of addresses and of names that do not exist, counted by all processes of a server together.

    About ``REMEMBERED`` are kept, those forgotten first that failed longest ago, so that trying many names costs
    no memory. Whoever has been quiet for the longest delay begins anew.
    """

    def __init__(self, free_failures: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.free_failures, self.clock = free_failures, clock
        self._failures = SharedTable(MAX_ENTRIES, FAILURE_RECORD.size)

    def wait(self, key: str) -> int:
        """Whole seconds until the next attempt; an attempt that may be made is counted as a failure beforehand.

        It is taken back by ``forgive``. Counted afterwards, many attempts at once would all pass.
        """
        left = 0.0

        def count(kept: bytes | None) -> bytes:
            nonlocal left
            failures, since = FAILURE_RECORD.unpack(kept) if kept else (0, 0.0)
            quiet = self.clock() - since
            if quiet > MAX_DELAY_S:
                failures = 0
            left = delay_s(failures, self.free_failures) - quiet
            return kept if kept and left > 0 else FAILURE_RECORD.pack(failures + 1, self.clock())

        self._failures.update(key, count)
        return int(left + 0.999) if left > 0 else 0

    def reset(self, key: str) -> None:
        """The attempt was right: its failures are forgotten."""
        self._failures.update(key, lambda _: None)
