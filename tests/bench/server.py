"""Servers under test: Cotmoc as ``./cotmoc up`` serves it, and the memory of a server's processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from national import CHECKOUT

START_TIMEOUT_S: Final = 90


@contextmanager
def cotmoc_server(data_dir: Path, worker_count: int | None = None) -> Iterator[tuple[str, int]]:
    """Run Cotmoc over the data in ``data_dir``; gives its base URL and the id of its first process."""
    command = [sys.executable, "-m", "api", "up", "--port", "0", "--data-dir", str(data_dir)]
    command += ["--workers", str(worker_count)] if worker_count else []
    log = data_dir.parent / "up.log"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
    with running(command, log, environment) as process:
        yield _wait_for_output(process, log, re.compile(r"serves at (http://\S+)")), process.pid


@contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a new process session; stop it when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=dict(environment),
            cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for_output(process: subprocess.Popen[bytes], log: Path, pattern: re.Pattern[str]) -> str:
    """Wait until a server logs a line that matches; gives the first group of the pattern."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if match := pattern.search(log.read_text(errors="replace")):
            return match[1]
        time.sleep(0.1)
    raise RuntimeError(f"did not start: {log.read_text(errors='replace')[-1500:]}")


def wait_until_ready(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    """Return when ``url`` answers."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"did not start: {log.read_text(errors='replace')[-1500:]}")


def free_port() -> int:
    """A free port of the loopback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def workers(pid: int) -> list[int]:
    """The process of a server and its descendants, except those of PostgreSQL."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    pids, pending = [], [pid]
    while pending:
        process_id = pending.pop()
        pending += children.get(process_id, [])
        try:
            name = Path(f"/proc/{process_id}/comm").read_text().strip()
        except OSError:
            continue
        if "postgres" not in name and "pg_ctl" not in name:
            pids.append(process_id)
    return pids


def serving_count(pid: int) -> int:
    """The number of worker processes of a server."""
    return sum(Path(f"/proc/{worker}/comm").read_text().strip() == "cotmoc worker" for worker in workers(pid))


class Memory:
    """The growth of the resident memory of processes since this object was created."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = list(pids)
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset VmHWM, the peak
        self.baseline = {pid: _kilobytes(pid, "VmRSS") for pid in self.pids}

    @property
    def growth_mb(self) -> float:
        """Megabytes by which the process that grew most exceeded its baseline at its peak."""
        return max(_kilobytes(pid, "VmHWM") - self.baseline[pid] for pid in self.pids) / 1024

    @property
    def peak_mb(self) -> float:
        """Megabytes of the largest process at its peak."""
        return max(_kilobytes(pid, "VmHWM") for pid in self.pids) / 1024


def _kilobytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
