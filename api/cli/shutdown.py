"""Being asked to stop: by Ctrl-C, by ``kill``, or because the terminal went."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ShutdownRequested(SystemExit):
    """Somebody asked us to stop: unwind, so that what was started is stopped."""


class ShutdownSignal:
    """Whether somebody asked us to stop, by SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal went).

    The first signal raises ``Ended`` wherever we are. Python loses an exception that comes while it
    clears away an object, so long work asks again in between (``heed``). Later signals do not
    disturb the stopping.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False
        signal.signal(signal.SIGINT, self._handle_signal)
        signal.signal(signal.SIGTERM, self._handle_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored
            signal.signal(signal.SIGHUP, self._handle_signal)

    def _handle_signal(self, _number: int, _frame: FrameType | None) -> None:
        first, self.requested = not self.requested, True
        if first and not self._deferred:
            raise ShutdownRequested(130)

    def raise_if_requested(self) -> None:
        """Raise ``Ended`` when it was asked for and got lost."""
        if self.requested:
            raise ShutdownRequested(130)

    @contextmanager
    def wakeup_fd(self) -> Iterator[int]:
        """Meanwhile a signal raises nothing; it makes the file readable that the block is given."""
        heard, told = os.pipe()
        os.set_blocking(told, False)
        self._deferred = True
        former = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(former)
            self._deferred = False
            os.close(told)
            os.close(heard)
