"""A semaphore and a table in memory that forked worker processes share.

Both are created before the fork. Slots of the semaphore are released when the process that holds them ends, even if it
is killed; the table lives as long as any of the processes. Neither is ever written to disk.
"""

import fcntl
import os
import secrets
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from mmap import mmap
from struct import Struct
from threading import Lock
from typing import Final

POLL_INTERVAL_S: Final = 0.01
"""How often an acquire with a timeout tries again."""

BUCKET_SIZE: Final = 16
"""Slots per bucket of the hash table; a new value replaces the oldest one in its bucket."""

UpdateFunction = Callable[[bytes | None], bytes | None]


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


class SharedTable:
    """A hash table of at most ``capacity`` values (a multiple of 16) of at most ``max_value_size`` bytes, by name.

    In a full bucket the oldest value is replaced. Names are hashed with a random key, so that an attacker cannot choose
    names that collide with another.
    """

    def __init__(self, capacity: int, max_value_size: int) -> None:
        # The hash of the name, the time of writing, the length and the value.
        self._slot = Struct(f"=16sdH{max_value_size}s")
        self._buckets = capacity // BUCKET_SIZE
        self._secret = secrets.token_bytes(16)
        self._lock = Lock()
        self._file = os.memfd_create("table")
        weakref.finalize(self, os.close, self._file)
        size = self._buckets * BUCKET_SIZE * self._slot.size
        os.ftruncate(self._file, size)
        self._memory = mmap(self._file, size)

    def update(self, name: str, update: UpdateFunction) -> None:
        """Atomically replace the value of ``name`` with ``update(value)``; None stands for no value."""
        key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()
        bucket = int.from_bytes(key[:8]) % self._buckets
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                self._update_slot(key, bucket * BUCKET_SIZE * self._slot.size, update)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _update_slot(self, key: bytes, bucket_offset: int, update: UpdateFunction) -> None:
        """Update the value of ``key`` in the bucket that begins at ``bucket_offset``."""
        slots = {
            offset: self._slot.unpack_from(self._memory, offset)
            for offset in range(bucket_offset, bucket_offset + BUCKET_SIZE * self._slot.size, self._slot.size)
        }
        current = next((offset for offset, slot in slots.items() if slot[0] == key and slot[1]), None)
        before = None if current is None else slots[current][3][: slots[current][2]]
        after = update(before)
        if after == before:
            return
        target = min(slots, key=lambda offset: slots[offset][1]) if current is None else current
        values = (b"", 0.0, 0, b"") if after is None else (key, time.monotonic(), len(after), after)
        self._slot.pack_into(self._memory, target, *values)
