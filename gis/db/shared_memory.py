"""What processes share that are forked from one another: places that somebody holds, and small values by name.

Both are made before the fork. A place is free again when the process that held it has ended, however it ended; what is
kept lasts as long as any of the processes. Nothing of it is ever written to a disk.
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
"""How often whoever waits for a place looks again."""

BUCKET_SIZE: Final = 16
"""Values that lie together: a new one takes the room of the oldest among them."""

UpdateFunction = Callable[[bytes | None], bytes | None]


class SharedSemaphore:
    """So many places, each held once at a time: bytes of a nameless file that the kernel locks for a process."""

    def __init__(self, size: int) -> None:
        self._all = frozenset(range(size))
        self._locked: set[int] = set()
        self._lock = Lock()
        self._file = os.memfd_create("places")
        weakref.finalize(self, os.close, self._file)

    @contextmanager
    def acquire(self, timeout_s: float = 0) -> Iterator[bool]:
        """Hold a place while the block runs, after waiting for one so long at most; tells whether there was one."""
        until = time.monotonic() + timeout_s
        while (place := self._try_acquire()) is None and time.monotonic() < until:
            time.sleep(POLL_INTERVAL_S)
        try:
            yield place is not None
        finally:
            if place is not None:
                with self._lock:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                    self._locked.remove(place)

    def _try_acquire(self) -> int | None:
        with self._lock:
            for place in self._all - self._locked:  # the kernel's locks keep processes apart, not threads
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except (BlockingIOError, PermissionError):
                    continue
                self._locked.add(place)
                return place
        return None


class SharedTable:
    """Values of at most ``longest`` bytes by name, in a room for ``number`` (a multiple of 16): older ones make way.

    Names are kept as keyed hashes, so that nobody can choose one that drives out another.
    """

    def __init__(self, capacity: int, max_value_size: int) -> None:
        self._slot = Struct(
            f"=16sdH{max_value_size}s"
        )  # the name's hash, when it was written, how long it is, the value
        self._rows = capacity // BUCKET_SIZE
        self._secret = secrets.token_bytes(16)
        self._lock = Lock()
        self._file = os.memfd_create("kept")
        weakref.finalize(self, os.close, self._file)
        size = self._rows * BUCKET_SIZE * self._slot.size
        os.ftruncate(self._file, size)
        self._memory = mmap(self._file, size)

    def update(self, name: str, update: UpdateFunction) -> None:
        """Keep under ``name`` what ``new`` makes of what is kept there (None: nothing), with nobody in between."""
        key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()
        row = int.from_bytes(key[:8]) % self._rows
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                self._update_slot(key, row * BUCKET_SIZE * self._slot.size, update)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _update_slot(self, key: bytes, row: int, update: UpdateFunction) -> None:
        slots = {
            at: self._slot.unpack_from(self._memory, at)
            for at in range(row, row + BUCKET_SIZE * self._slot.size, self._slot.size)
        }
        own = next((at for at, slot in slots.items() if slot[0] == key and slot[1]), None)
        before = None if own is None else slots[own][3][: slots[own][2]]
        after = update(before)
        if after == before:
            return
        at = min(slots, key=lambda one: slots[one][1]) if own is None else own
        written = (b"", 0.0, 0, b"") if after is None else (key, time.monotonic(), len(after), after)
        self._slot.pack_into(self._memory, at, *written)
