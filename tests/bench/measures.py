"""Measures: what one short run of one side gave, and what several of them say together."""

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
"""What the application's own connections are opened with."""

MIN_ANSWERS: Final = 20
"""Fewer answers than this say an order of magnitude only."""


class RunError(Exception):
    """A run gave an error instead of a measure: it is reported, never counted as fast."""


@dataclass(frozen=True)
class Measure:
    """One run: answers per second, the middle and the slowest hundredth of the waits in milliseconds, bytes each."""

    rps: float
    p50: float
    p99: float
    answers: int
    size: float = 0


@dataclass(frozen=True)
class Spread:
    """The median of the rounds and how far they lie apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Over what the rounds gave."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g}–{self.most:.3g})"


def run_wrk(base: str, lines: Sequence[str], clients: int, seconds: float, *, method: str = "GET") -> Measure:
    """``clients`` connections asking ``base`` for the addresses in turn, each as fast as it is answered (wrk)."""
    with TemporaryDirectory(prefix="cotmoc-bench-") as folder:
        file = Path(folder, "asked.txt")
        file.write_text("\n".join(lines) + "\n")
        command = [
            "wrk",
            f"-t{min(THREADS, clients)}",
            f"-c{clients}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "30s",
        ]
        command += ["--timeout", "30s", "-s", str(Path(__file__).with_name("load.lua")), base, "--", str(file), method]
        spoken = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    line = spoken.stdout.strip().splitlines()[-1] if spoken.stdout.strip() else ""
    if spoken.returncode or not line.startswith("{"):
        raise RunError(spoken.stderr.strip() or spoken.stdout.strip())
    results = json.loads(line)
    if results["failed"] or not results["requests"] or not results["p50"]:
        raise RunError(f"{results['failed']} of {results['requests']} failed")
    return Measure(
        rps=results["requests"] / results["microseconds"] * 1e6,
        p50=results["p50"] / 1000,
        p99=results["p99"] / 1000,
        answers=results["requests"],
        size=results["bytes"] / results["requests"],
    )


@dataclass(frozen=True)
class Pgbench:
    """PostgreSQL asked without a server between, by pgbench.

    ``-M prepared``: each statement is parsed and planned once a connection, with its values as literals. That is the
    fastest that PostgreSQL can be asked, so it is the floor.
    """

    cluster: Cluster
    database: str
    login: str

    def run(self, scripts: Sequence[str], clients: int, seconds: float) -> Measure:
        """The transactions over and over, any of the scripts each time."""
        with TemporaryDirectory(prefix="cotmoc-bench-") as folder:
            files = []
            for number, script in enumerate(scripts):
                file = Path(folder, f"{number}.sql")
                file.write_text(script)
                files += ["-f", str(file)]
            command = ["pgbench", "-n", "-h", str(self.cluster.socket_dir), "-U", self.login, "-d", self.database]
            command += ["-M", "prepared", f"-c{clients}", f"-j{min(THREADS, clients)}", f"-T{max(1, round(seconds))}"]
            command += ["--log", f"--log-prefix={folder}/log", *files]
            spoken = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=seconds + 60,
                env={"PATH": "/usr/bin:/bin", "PGOPTIONS": TIMEOUTS},
            )  # fmt: skip
            waits = sorted(
                int(line.split()[2]) / 1000
                for log in Path(folder).glob("log.*")
                for line in log.read_text().splitlines()
                if line.split()[2].isdigit()
            )
        rate = re.search(r"tps = ([\d.]+)", spoken.stdout)
        if spoken.returncode or rate is None or not waits or "aborted" in spoken.stderr:
            raise RunError(spoken.stderr.strip()[-600:])
        return Measure(float(rate[1]), waits[len(waits) // 2], waits[len(waits) * 99 // 100], len(waits))
