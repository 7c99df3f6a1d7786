"""Login throttling with exponential back-off, at most 15 minutes."""

import time
from collections.abc import Callable
from struct import Struct
from typing import Final

from gis.db.shared_memory import SharedTable

MAX_DELAY_S = 900
MAX_ENTRIES = 10_000

FAILURE_RECORD: Final = Struct("=Qd")
"""Number of failures and time of the last one by the clock."""


def delay_s(failures: int, free_failures: int) -> int:
    """Seconds to wait after so many failures: 0 below ``free_failures``, then 1, 2, 4 … 900."""
    return min(2 ** min(failures - free_failures, 10), MAX_DELAY_S) if failures >= free_failures else 0


class LoginThrottle:
    """Counts the failures of IP addresses and of unknown names in memory shared by all processes of a server.

    Holds about ``MAX_ENTRIES`` keys and drops those that failed longest ago, so that trying many names costs no
    memory. A key without an attempt for ``MAX_DELAY_S`` starts again at zero.
    """

    def __init__(self, free_failures: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.free_failures, self.clock = free_failures, clock
        self._failures = SharedTable(MAX_ENTRIES, FAILURE_RECORD.size)

    def wait(self, key: str) -> int:
        """Whole seconds until the next attempt is allowed; 0 allows one now and counts it as a failure.

        ``reset`` takes it back. If failures were counted after verification, many attempts at once would all pass.
        """
        remaining = 0.0

        def count(record: bytes | None) -> bytes:
            nonlocal remaining
            failures, since = FAILURE_RECORD.unpack(record) if record else (0, 0.0)
            elapsed = self.clock() - since
            if elapsed > MAX_DELAY_S:
                failures = 0
            remaining = delay_s(failures, self.free_failures) - elapsed
            return record if record and remaining > 0 else FAILURE_RECORD.pack(failures + 1, self.clock())

        self._failures.update(key, count)
        return int(remaining + 0.999) if remaining > 0 else 0

    def reset(self, key: str) -> None:
        """Forget the failures of a key after a successful attempt."""
        self._failures.update(key, lambda _: None)
