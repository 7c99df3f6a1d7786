"""The worker processes of ``up``: several that serve and one that seals the journal, forked from a supervising parent.

The parent prepares the application and then only supervises. It has no database connection and no thread, so that the
workers share nothing but the application's code, the listening socket, secrets and semaphores. A worker that dies is
restarted; if the parent dies, the kernel kills the workers (``PR_SET_PDEATHSIG``). A terminal sends Ctrl-C to all of
them; the workers ignore it, and the parent stops them in order. ``DECISIONS.md`` says why no library does this.
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
"""How long a request may still run after the shutdown has begun."""

KILL_AFTER_S: Final = 15
"""How long a worker may take to stop before it is killed."""

EARLY_EXIT_S: Final = 30
MAX_RESTART_DELAY_S: Final = 30
"""A worker that lives less than ``EARLY_EXIT_S`` several times in a row is restarted after 0, 1, 2, 4 … 30 seconds."""

_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # Constants of <linux/prctl.h>.


def default_worker_count() -> int:
    """The default number of serving workers: one for each available CPU, at most four."""
    return min(len(os.sched_getaffinity(0)), MAX_DEFAULT_WORKERS)


class Worker:
    """A worker process: what it runs, whether it is ready, and when it is to be started again."""

    def __init__(self, name: str, title: Text, run: Callable[[Callable[[], None]], None]) -> None:
        self.name, self.title, self.run = name, title, run
        self.pid: int | None = None
        self.status_pipe = -1
        self.is_ready = self.was_ready = False
        self.started_at = self.restart_at = 0.0
        self.early_exits = 0

    def fork(self) -> None:
        """Fork the process. Its status pipe carries a byte when it is ready, and is closed when it ends."""
        self.status_pipe, write_end = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.started_at = time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # Until the child has set its handler.
        try:
            self.pid = os.fork()
            if self.pid == 0:
                self._run_child(parent, write_end)
        except OSError as error:  # No memory, or too many processes.
            os.close(self.status_pipe)
            self._schedule_restart(Text(str(error.strerror), str(error.strerror)))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            os.close(write_end)

    def _run_child(self, parent: int, write_end: int) -> NoReturn:
        """Run the worker and exit; never return into the parent's code, which the fork has copied."""
        status = 1
        try:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _LIBC.prctl(_PR_SET_NAME, self.name.encode())
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if os.getppid() == parent:  # Else the parent died before PR_SET_PDEATHSIG was set.
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
        """Handle the status pipe: a byte means ready, end of file means that the process has ended."""
        if os.read(self.status_pipe, 1):
            self.is_ready = self.was_ready = True
            return
        status = self.reap()
        self._schedule_restart(
            Text(f"tín hiệu {-status}", f"signal {-status}") if status < 0 else Text(f"mã {status}", f"code {status}")
        )

    def _schedule_restart(self, reason: Text) -> None:
        """Report that the process has ended or could not start, and when it is restarted.

        Raises ``Unavailable`` if it was never ready.
        """
        self.early_exits = self.early_exits + 1 if time.monotonic() - self.started_at < EARLY_EXIT_S else 0
        delay = min(delay_s(self.early_exits, 2), MAX_RESTART_DELAY_S)
        self.restart_at = time.monotonic() + delay
        message = Text(f"{self.title.vi} đã ngừng ({reason.vi})", f"{self.title.en} has ended ({reason.en})")
        if not self.was_ready:
            raise Unavailable(message)
        typer.echo(f"! {message.vi}; khởi động lại sau {delay} s · {message.en}; restarting in {delay} s", err=True)

    def reap(self) -> int:
        """Wait until the process has ended; returns its exit code, or minus the number of the signal that ended it."""
        _, status = os.waitpid(self.pid or 0, 0)
        os.close(self.status_pipe)
        self.pid, self.status_pipe, self.is_ready = None, -1, False
        return os.waitstatus_to_exitcode(status)


def _report_ready(write_end: int) -> None:
    os.write(write_end, b"+")


def supervise(workers: Sequence[Worker], shutdown: ShutdownSignal, on_ready: Callable[[], None]) -> None:
    """Keep all ``workers`` running until a signal comes, then stop them, one kind after the other in their order.

    ``on_ready`` is called once, when all are ready. Raises ``Unavailable`` if one ends before it was ready.
    """
    gc.collect()
    gc.freeze()  # Else the garbage collector would write to, and so copy, every memory page that the processes share.
    announced = False
    with shutdown.wakeup_fd() as wakeup_fd:
        try:
            while not shutdown.requested:
                now = time.monotonic()
                for worker in workers:
                    if worker.pid is None and worker.restart_at <= now:
                        worker.fork()
                _wait_for_events(workers, wakeup_fd)
                if not announced and all(worker.is_ready for worker in workers) and not shutdown.requested:
                    on_ready()
                    announced = True
        finally:
            for name in dict.fromkeys(worker.name for worker in workers):
                _stop_workers([worker for worker in workers if worker.name == name and worker.pid])


def _wait_for_events(workers: Sequence[Worker], wakeup_fd: int) -> None:
    """Wait until a worker's status changes, a restart is due, or a signal comes."""
    living = {worker.status_pipe: worker for worker in workers if worker.pid}
    due = [worker.restart_at - time.monotonic() for worker in workers if not worker.pid]
    readable, _, _ = select.select([*living, wakeup_fd], [], [], max(0.0, min(due)) if due else None)
    for descriptor in readable:
        if descriptor in living:
            living[descriptor].read_status()


def _stop_workers(workers: Sequence[Worker]) -> None:
    """Ask all of them to stop at the same time, and kill those that do not."""
    for worker in workers:
        os.kill(worker.pid or 0, signal.SIGTERM)
    deadline = time.monotonic() + KILL_AFTER_S
    for worker in workers:
        while select.select([worker.status_pipe], [], [], max(0.0, deadline - time.monotonic()))[0] and os.read(
            worker.status_pipe, 1
        ):
            pass  # It has become ready just now.
        with suppress(ProcessLookupError):
            os.kill(worker.pid or 0, signal.SIGKILL)
        worker.reap()


def serving_workers(config: uvicorn.Config, listener: socket.socket) -> list[Worker]:
    """The ``config.workers`` workers that serve the application of ``config`` on ``listener``."""
    config.load()
    return [
        Worker(
            "cotmoc worker",
            Text(f"Tiến trình phục vụ {number}", f"Worker {number}"),
            lambda ready: Server(config, ready).run(sockets=[listener]),
        )
        for number in range(1, config.workers + 1)
    ]


def sealing_worker(sealer: Sealer) -> Worker:
    """The worker that seals the journal every minute, and once more when it stops, after the serving workers."""

    def seal(ready: Callable[[], None]) -> None:
        with background_sealing(sealer):
            ready()
            signal.sigwait(
                {signal.SIGTERM}
            )  # Blocked in this process and in the sealing thread, which inherits the mask.

    return Worker("cotmoc sealer", Text("Tiến trình niêm phong", "The sealer"), seal)


class Server(uvicorn.Server):
    """A uvicorn server that reports when it serves, and stops at SIGTERM."""

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
