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

EVERY_S: Final = 0.01
"""How often whoever waits for a place looks again."""

NEIGHBOURS: Final = 16
"""Values that lie together: a new one takes the room of the oldest among them."""

Change = Callable[[bytes | None], bytes | None]


class Places:
    """So many places, each held once at a time: bytes of a nameless file that the kernel locks for a process."""

    def __init__(self, number: int) -> None:
        self._all = frozenset(range(number))
        self._held: set[int] = set()
        self._lock = Lock()
        self._file = os.memfd_create("places")
        weakref.finalize(self, os.close, self._file)

    @contextmanager
    def taken(self, patience_s: float = 0) -> Iterator[bool]:
        """Hold a place while the block runs, after waiting for one so long at most; tells whether there was one."""
        until = time.monotonic() + patience_s
        while (place := self._take()) is None and time.monotonic() < until:
            time.sleep(EVERY_S)
        try:
            yield place is not None
        finally:
            if place is not None:
                with self._lock:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                    self._held.remove(place)

    def _take(self) -> int | None:
        with self._lock:
            for place in self._all - self._held:  # the kernel's locks keep processes apart, not threads
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except (BlockingIOError, PermissionError):
                    continue
                self._held.add(place)
                return place
        return None


class Kept:
    """Values of at most ``longest`` bytes by name, in a room for ``number`` (a multiple of 16): older ones make way.

    Names are kept as keyed hashes, so that nobody can choose one that drives out another.
    """

    def __init__(self, number: int, longest: int) -> None:
        self._slot = Struct(f"=16sdH{longest}s")  # the name's hash, when it was written, how long it is, the value
        self._rows = number // NEIGHBOURS
        self._secret = secrets.token_bytes(16)
        self._lock = Lock()
        self._file = os.memfd_create("kept")
        weakref.finalize(self, os.close, self._file)
        size = self._rows * NEIGHBOURS * self._slot.size
        os.ftruncate(self._file, size)
        self._memory = mmap(self._file, size)

    def change(self, name: str, new: Change) -> None:
        """Keep under ``name`` what ``new`` makes of what is kept there (None: nothing), with nobody in between."""
        key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()
        row = int.from_bytes(key[:8]) % self._rows
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                self._change(key, row * NEIGHBOURS * self._slot.size, new)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _change(self, key: bytes, row: int, new: Change) -> None:
        slots = {
            at: self._slot.unpack_from(self._memory, at)
            for at in range(row, row + NEIGHBOURS * self._slot.size, self._slot.size)
        }
        own = next((at for at, slot in slots.items() if slot[0] == key and slot[1]), None)
        before = None if own is None else slots[own][3][: slots[own][2]]
        after = new(before)
        if after == before:
            return
        at = min(slots, key=lambda one: slots[one][1]) if own is None else own
        written = (b"", 0.0, 0, b"") if after is None else (key, time.monotonic(), len(after), after)
        self._slot.pack_into(self._memory, at, *written)
