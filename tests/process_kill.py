"""Kill processes as a power cut does."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress


def kill(processes: Iterable[int]) -> None:
    """Send SIGKILL to each process; one that has ended already, as a backend does with its server, is no error."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
