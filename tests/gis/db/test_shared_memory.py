"""What forked processes share: places that go free with their holder, and values that each of them may change."""

import os
import signal
from contextlib import ExitStack, contextmanager

import pytest

from api.auth.oidc import Attempt, Attempts
from gis.accounts.throttle import LoginThrottle
from gis.db.shared_memory import SharedSemaphore, SharedTable


@contextmanager
def forked(work):
    """A process that has done ``work`` and lives until the block ends."""
    heard, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(told, b"+")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    try:
        assert os.read(heard, 1) == b"+"
        yield
    finally:
        os.close(heard)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def free(places):
    """How many places can be had."""
    with ExitStack() as held:
        number = 0
        while held.enter_context(places.acquire()):
            number += 1
        return number


def test_a_place_is_held_once_whoever_holds_it():
    places = SharedSemaphore(3)
    assert free(places) == free(places) == 3
    with places.acquire() as one, places.acquire() as two:
        assert one
        assert two
        assert free(places) == 1
        with places.acquire(), places.acquire(0.05) as late:
            assert not late
    with pytest.raises(ZeroDivisionError), places.acquire():
        raise ZeroDivisionError
    assert free(places) == 3


def test_a_killed_process_lets_go_of_its_places_at_once():
    places = SharedSemaphore(5)
    holding = ExitStack()
    with places.acquire(), forked(lambda: [holding.enter_context(places.acquire()) for _ in range(2)]):
        assert free(places) == 2
    assert free(places) == 5


def test_what_one_process_keeps_every_other_finds_and_may_take():
    kept = SharedTable(32, 8)
    found = []

    def taken(value):
        found.append(value)

    with forked(lambda: kept.update("a", lambda value: b"one" if value is None else b"two")):
        kept.update("a", lambda value: value + b"+")
        kept.update("a", taken)
        kept.update("a", taken)
    assert found == [b"one+", None]


def test_failures_are_counted_and_ways_to_a_provider_found_again_by_all_processes():
    delays, attempts = LoginThrottle(3), Attempts()
    attempt = Attempt(next_path="/board")

    def elsewhere():
        assert [delays.wait("ghost") for _ in range(2)] == [0, 0]
        attempts.store("cookie", attempt)

    with forked(elsewhere):
        assert delays.wait("ghost") == 0
        assert delays.wait("ghost") == 1
        assert attempts.pop("cookie") == attempt
        assert attempts.pop("cookie") is None
