"""How long whoever has been wrong too often waits before the next attempt: ever longer, never for good."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

LONGEST_DELAY_S = 900
REMEMBERED = 10_000


def delay_s(failures: int, free: int) -> int:
    """Seconds to wait after so many failures, of which the first ``free`` cost nothing: 1, 2, 4 … 900."""
    return min(2 ** min(failures - free, 10), LONGEST_DELAY_S) if failures >= free else 0


class Delays:
    """The failures of addresses and of names that do not exist, for as long as the process lives.

    At most ``REMEMBERED`` are kept, those forgotten first that failed longest ago, so that trying many names costs
    no memory. Whoever has been quiet for the longest delay begins anew.
    """

    def __init__(self, free: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.free, self.clock = free, clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, who: str) -> int:
        """Whole seconds until the next attempt; an attempt that may be made is counted as a failure beforehand.

        It is taken back by ``forgive``. Counted afterwards, many attempts at once would all pass.
        """
        with self._lock:
            failures, since = self._failures.get(who, (0, 0.0))
            quiet = self.clock() - since
            if quiet > LONGEST_DELAY_S:
                failures = 0
            left = delay_s(failures, self.free) - quiet
            if left > 0:
                return int(left + 0.999)
            self._failures[who] = failures + 1, self.clock()
            self._failures.move_to_end(who)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)
            return 0

    def forgive(self, who: str) -> None:
        """The attempt was right: its failures are forgotten."""
        with self._lock:
            self._failures.pop(who, None)
