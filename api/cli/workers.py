"""The processes of ``up``: some that serve and one that seals, forked from a parent that has everything ready.

The parent only watches over them. It has no connection to the database and runs no thread, so that nothing goes over
the fork but what is meant to be shared: the application's code, the open door, and what ``gis.shared`` keeps. Whoever
ends unasked is begun anew; whoever outlives the parent is ended by the kernel. Ctrl-C, which a terminal sends to all
of them, is for the parent alone to hear.
"""

import ctypes
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

import typer
import uvicorn

from api.cli.shutdown import ShutdownSignal
from gis.accounts import delay_s
from gis.audit import Sealer, background_sealing
from gis.text import Text, Unavailable

MAX_DEFAULT_WORKERS: Final = 4
GRACEFUL_SHUTDOWN_S: Final = 3
"""How long a request may go on once the end is asked for."""

KILL_AFTER_S: Final = 15
"""After so long whoever has been asked to end is ended."""

EARLY_EXIT_S: Final = 30
MAX_RESTART_DELAY_S: Final = 30
"""Whoever dies young again and again is begun anew after 0, 1, 2, 4 … 30 seconds."""

_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # PR_SET_PDEATHSIG, PR_SET_NAME


def default_worker_count() -> int:
    """How many serve where nobody says: one for each processor that we may use, four at most."""
    return min(len(os.sched_getaffinity(0)), MAX_DEFAULT_WORKERS)


class Worker:
    """One process: what it does, whether it has said that it is ready, and when it is begun (again)."""

    def __init__(self, name: str, title: Text, run: Callable[[Callable[[], None]], None]) -> None:
        self.name, self.title, self.run = name, title, run
        self.pid: int | None = None
        self.status_pipe = -1
        self.on_ready = self.was_ready = False
        self.started_at = self.restart_at = 0.0
        self.early_exits = 0

    def fork(self) -> None:
        """Fork it. Its line gives a byte when it is ready, and ends when it ends."""
        self.status_pipe, told = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.started_at = time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the child knows what to do about it
        try:
            self.pid = os.fork()
            if self.pid == 0:
                self._run_child(parent, told)
        except OSError as full:  # no memory, or too many processes
            os.close(self.status_pipe)
            self._schedule_restart(Text(str(full.strerror), str(full.strerror)))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            os.close(told)

    def _run_child(self, parent: int, write_end: int) -> NoReturn:
        """Work until the end, and never come back into what the parent was doing."""
        status = 1
        try:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _LIBC.prctl(_PR_SET_NAME, self.name.encode())
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if os.getppid() == parent:  # else it died before the kernel was told
                self.run(lambda: _report_ready(write_end))
            status = 0
        finally:
            with suppress(OSError, ValueError):
                if status:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def read_status(self) -> None:
        """It is ready, or it has ended."""
        if os.read(self.status_pipe, 1):
            self.on_ready = self.was_ready = True
            return
        status = self.reap()
        by_signal, by_code = Text(f"tín hiệu {-status}", f"signal {-status}"), Text(f"mã {status}", f"code {status}")
        self._schedule_restart(by_signal if status < 0 else by_code)

    def _schedule_restart(self, reason: Text) -> None:
        """It has ended, or could not begin: say so, and when it is begun anew."""
        self.early_exits = self.early_exits + 1 if time.monotonic() - self.started_at < EARLY_EXIT_S else 0
        delay = min(delay_s(self.early_exits, 2), MAX_RESTART_DELAY_S)
        self.restart_at = time.monotonic() + delay
        said = Text(f"{self.title.vi} đã ngừng ({reason.vi})", f"{self.title.en} has ended ({reason.en})")
        if not self.was_ready:
            raise Unavailable(said)
        typer.echo(f"! {said.vi}; khởi động lại sau {delay} s · {said.en}; begun anew in {delay} s", err=True)

    def reap(self) -> int:
        """Take note of its end, at once or when it comes: by which code, or minus by which signal."""
        _, status = os.waitpid(self.pid or 0, 0)
        os.close(self.status_pipe)
        self.pid, self.status_pipe, self.on_ready = None, -1, False
        return os.waitstatus_to_exitcode(status)


def _report_ready(write_end: int) -> None:
    os.write(write_end, b"+")


def supervise(workers: Sequence[Worker], shutdown: ShutdownSignal, on_ready: Callable[[], None]) -> None:
    """Keep all ``workers`` going until the end is asked for, then end them in their order; ``ready`` once they all are.

    Raises ``Unavailable`` when one ends that never was ready.
    """
    gc.collect()
    gc.freeze()  # or the collector would write into every page that the processes share
    told = False
    with shutdown.wakeup_fd() as asked:
        try:
            while not shutdown.requested:
                now = time.monotonic()
                for worker in workers:
                    if worker.pid is None and worker.restart_at <= now:
                        worker.fork()
                _wait_for_events(workers, asked)
                if not told and all(worker.on_ready for worker in workers) and not shutdown.requested:
                    on_ready()
                    told = True
        finally:
            for name in dict.fromkeys(worker.name for worker in workers):
                _stop_workers([worker for worker in workers if worker.name == name and worker.pid])


def _wait_for_events(workers: Sequence[Worker], wakeup_fd: int) -> None:
    """Wait until one has something to tell or is to be begun, or until somebody asks for the end."""
    living = {worker.status_pipe: worker for worker in workers if worker.pid}
    due = [worker.restart_at - time.monotonic() for worker in workers if not worker.pid]
    lines, _, _ = select.select([*living, wakeup_fd], [], [], max(0.0, min(due)) if due else None)
    for line in lines:
        if line in living:
            living[line].read_status()


def _stop_workers(workers: Sequence[Worker]) -> None:
    """Ask them to end, together, and end whoever does not."""
    for worker in workers:
        os.kill(worker.pid or 0, signal.SIGTERM)
    until = time.monotonic() + KILL_AFTER_S
    for worker in workers:
        while select.select([worker.status_pipe], [], [], max(0.0, until - time.monotonic()))[0] and os.read(
            worker.status_pipe, 1
        ):
            pass  # it has only just become ready
        with suppress(ProcessLookupError):
            os.kill(worker.pid or 0, signal.SIGKILL)
        worker.reap()


def serving_workers(config: uvicorn.Config, listener: socket.socket) -> list[Worker]:
    """As many as ``config`` says, which serve what it says at the open ``door``."""
    config.load()
    return [
        Worker(
            "cotmoc worker",
            Text(f"Tiến trình phục vụ {one}", f"Worker {one}"),
            lambda ready: Server(config, ready).run(sockets=[listener]),
        )
        for one in range(1, config.workers + 1)
    ]


def sealing_worker(sealer: Sealer) -> Worker:
    """The one that seals: every minute, and once more when it ends, after those that serve."""

    def seal(ready: Callable[[], None]) -> None:
        with background_sealing(sealer):
            ready()
            signal.sigwait({signal.SIGTERM})  # blocked in this process, whose other thread came after that

    return Worker("cotmoc sealer", Text("Tiến trình niêm phong", "The sealer"), seal)


class Server(uvicorn.Server):
    """Says when it serves, and stops at SIGTERM."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        signal.signal(signal.SIGTERM, self.handle_exit)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        yield
