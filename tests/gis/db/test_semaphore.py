"""The semaphore that forked processes share."""

import os
import signal
from contextlib import ExitStack, contextmanager

import pytest

from gis.db.semaphore import SharedSemaphore


@contextmanager
def forked(work):
    """Run ``work`` in a forked process that lives until the block ends."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(write_end, b"+")
            signal.pause()
        finally:
            os._exit(1)
    os.close(write_end)
    try:
        assert os.read(read_end, 1) == b"+"
        yield
    finally:
        os.close(read_end)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def free(semaphore):
    """The number of free slots."""
    with ExitStack() as acquired:
        number = 0
        while acquired.enter_context(semaphore.acquire()):
            number += 1
        return number


def test_semaphore_limits_holders_in_one_process():
    semaphore = SharedSemaphore(3)
    assert free(semaphore) == free(semaphore) == 3
    with semaphore.acquire() as first, semaphore.acquire() as second:
        assert first
        assert second
        assert free(semaphore) == 1
        with semaphore.acquire(), semaphore.acquire(0.05) as late:
            assert not late
    with pytest.raises(ZeroDivisionError), semaphore.acquire():
        raise ZeroDivisionError
    assert free(semaphore) == 3


def test_killed_process_releases_its_slots():
    semaphore = SharedSemaphore(5)
    holding = ExitStack()
    with semaphore.acquire(), forked(lambda: [holding.enter_context(semaphore.acquire()) for _ in range(2)]):
        assert free(semaphore) == 2
    assert free(semaphore) == 5
