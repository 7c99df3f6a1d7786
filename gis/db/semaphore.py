"""A semaphore that forked worker processes share; it is created before the fork.

A slot is released when the process that holds it ends, even if it is killed.
"""

import fcntl
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

POLL_INTERVAL_S: Final = 0.01
"""How often an acquire with a timeout tries again."""


class SharedSemaphore:
    """A semaphore of ``size`` slots: each is a byte of an anonymous file, on which a process holds a record lock."""

    def __init__(self, size: int) -> None:
        self._slots = frozenset(range(size))
        self._locked: set[int] = set()
        self._lock = Lock()
        self._file = os.memfd_create("semaphore")
        weakref.finalize(self, os.close, self._file)

    @contextmanager
    def acquire(self, timeout_s: float = 0) -> Iterator[bool]:
        """Hold a slot during the block, waiting for one at most ``timeout_s``; yields whether one was acquired."""
        deadline = time.monotonic() + timeout_s
        while (slot := self._try_acquire()) is None and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)
        try:
            yield slot is not None
        finally:
            if slot is not None:
                with self._lock:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
                    self._locked.remove(slot)

    def _try_acquire(self) -> int | None:
        """Lock a free slot and return its number; None if no slot is free."""
        with self._lock:
            for slot in self._slots - self._locked:  # record locks exclude other processes, not other threads
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
                except (BlockingIOError, PermissionError):
                    continue
                self._locked.add(slot)
                return slot
        return None
