"""Measures of single runs by wrk and pgbench, and the spread of several."""

import json
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gis.cluster.private_cluster import Cluster

THREADS: Final = 2
TIMEOUTS: Final = "-c statement_timeout=30s -c lock_timeout=3s -c timezone=UTC -c max_parallel_workers_per_gather=0"
"""The connection options that the application uses."""

MIN_ANSWERS: Final = 20
"""With fewer answers a measure gives an order of magnitude only."""


class RunError(Exception):
    """A run failed; the failure is reported instead of a measure."""


@dataclass(frozen=True)
class Measure:
    """One run: answers per second, median and 99th percentile of the latency in milliseconds, bytes an answer."""

    rps: float
    p50: float
    p99: float
    answers: int
    size: float = 0


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest value of the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of the values of the rounds."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g}–{self.most:.3g})"


def run_wrk(base: str, lines: Sequence[str], clients: int, seconds: float, *, method: str = "GET") -> Measure:
    """Request the URLs of ``lines`` at ``base`` in turn over ``clients`` connections without pause (wrk)."""
    with TemporaryDirectory(prefix="cotmoc-bench-") as folder:
        file = Path(folder, "requests.txt")
        file.write_text("\n".join(lines) + "\n")
        command = [
            "wrk",
            f"-t{min(THREADS, clients)}",
            f"-c{clients}",
            f"-d{max(1, round(seconds))}s",
        ]
        command += ["--timeout", "30s", "-s", str(Path(__file__).with_name("load.lua")), base, "--", str(file), method]
        process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    line = process.stdout.strip().splitlines()[-1] if process.stdout.strip() else ""
    if process.returncode or not line.startswith("{"):
        raise RunError(process.stderr.strip() or process.stdout.strip())
    summary = json.loads(line)
    if summary["failed"] or not summary["requests"] or not summary["p50"]:
        raise RunError(f"{summary['failed']} of {summary['requests']} failed")
    return Measure(
        rps=summary["requests"] / summary["microseconds"] * 1e6,
        p50=summary["p50"] / 1000,
        p99=summary["p99"] / 1000,
        answers=summary["requests"],
        size=summary["bytes"] / summary["requests"],
    )


@dataclass(frozen=True)
class Pgbench:
    """Run transactions in PostgreSQL by pgbench, without a server.

    ``-M prepared``: each statement is parsed and planned once a connection, with its parameters as literals. PostgreSQL
    runs them no faster in any other way, so this is the floor.
    """

    cluster: Cluster
    database: str
    login: str

    def run(self, scripts: Sequence[str], clients: int, seconds: float) -> Measure:
        """Repeat the transactions, choosing one of the scripts at random each time."""
        with TemporaryDirectory(prefix="cotmoc-bench-") as folder:
            files = []
            for number, script in enumerate(scripts):
                file = Path(folder, f"{number}.sql")
                file.write_text(script)
                files += ["-f", str(file)]
            command = ["pgbench", "-n", "-h", str(self.cluster.socket_dir), "-U", self.login, "-d", self.database]
            command += ["-M", "prepared", f"-c{clients}", f"-j{min(THREADS, clients)}", f"-T{max(1, round(seconds))}"]
            command += ["--log", f"--log-prefix={folder}/log", *files]
            process = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=seconds + 60,
                env={"PATH": "/usr/bin:/bin", "PGOPTIONS": TIMEOUTS},
            )  # fmt: skip
            latencies = sorted(
                int(line.split()[2]) / 1000
                for log in Path(folder).glob("log.*")
                for line in log.read_text().splitlines()
                if line.split()[2].isdigit()
            )
        rate = re.search(r"tps = ([\d.]+)", process.stdout)
        if process.returncode or rate is None or not latencies or "aborted" in process.stderr:
            raise RunError(process.stderr.strip()[-600:])
        number = len(latencies)
        return Measure(float(rate[1]), latencies[number // 2], latencies[number * 99 // 100], number)
