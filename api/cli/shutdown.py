"""Orderly shutdown at SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal was closed)."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ShutdownRequested(SystemExit):
    """Raised at the first of these signals, so that context managers stop what they have started."""


class ShutdownSignal:
    """Handles the signals, and knows whether one has come.

    The first signal raises ``ShutdownRequested`` in the main thread, wherever that is. Python discards an exception
    that is raised in a finalizer, so long work also calls ``raise_if_requested`` between its steps. Later signals are
    ignored, so that they do not interrupt the shutdown.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False
        signal.signal(signal.SIGINT, self._handle_signal)
        signal.signal(signal.SIGTERM, self._handle_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(signal.SIGHUP, self._handle_signal)

    def _handle_signal(self, _number: int, _frame: FrameType | None) -> None:
        first, self.requested = not self.requested, True
        if first and not self._deferred:
            raise ShutdownRequested(130)

    def raise_if_requested(self) -> None:
        """Raise ``ShutdownRequested`` if a signal has come."""
        if self.requested:
            raise ShutdownRequested(130)

    @contextmanager
    def wakeup_fd(self) -> Iterator[int]:
        """A file descriptor that becomes readable at a signal; signals raise nothing while the block runs."""
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self._deferred = True
        previous = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        try:
            yield read_end
        finally:
            signal.set_wakeup_fd(previous)
            self._deferred = False
            os.close(write_end)
            os.close(read_end)
