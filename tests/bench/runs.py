"""A bench run: Cotmoc, bare PostgreSQL and the peers over the same data set, round by round."""

import re
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import floor
import single
from measures import Measure, Pgbench, RunError, Spread, run_wrk
from national import administrator
from report import Findings
from workloads import BARE, DEPTH, FLOOR, OURS, Workload

from api.cli.up import DATABASE_NAME
from gis.cluster.private_cluster import Cluster
from gis.db.session import READER_LOGIN, WRITER_LOGIN
from gis.read.cursor import encode_cursor

JOURNAL_OFF, JOURNAL_ON = (f"alter table app.incidents {verb} trigger remember" for verb in ("disable", "enable"))
PLAN_NODES: Final = re.compile(r"(?:Index (?:Only )?Scan(?: Backward)? using|Bitmap Index Scan on|Seq Scan on) \w+")
HTTP_TIMEOUT_S: Final = 60


@dataclass
class Run:
    """The cluster, the base URLs of Cotmoc and the peers, the recorded transactions, and the findings so far."""

    cluster: Cluster
    base: str
    seconds: int
    peers: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, list[list[str]]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def record(self, workloads: Sequence[Workload]) -> None:
        """Record the transactions that the server runs for each URL, and the scan nodes of their query plans."""
        plans: dict[str, list[str]] = {}
        for workload in workloads:
            if workload.bodies:
                self.recorded[workload.name] = floor.transactions(
                    self.cluster, self._create, [f"{workload.urls[0]} {workload.bodies[0]}"]
                )
            else:
                self.recorded[workload.name] = floor.transactions(self.cluster, self._request, workload.urls)
                plans[workload.name] = sorted(
                    set(PLAN_NODES.findall(single.query_plan(self.cluster, self.recorded[workload.name][0])))
                )
        self.findings.standalone["plans"] = plans

    def _request(self, url: str, body: bytes | None = None) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": floor.IDEMPOTENCY_KEY} if body else {}
        request = urllib.request.Request(f"{self.base}{url}", body, headers)
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:
            answer.read()

    def _create(self, request_line: str) -> None:
        url, _, body = request_line.partition(" ")
        self._request(url, body.encode())

    def run_round(self, workload: Workload) -> None:
        """Measure every side at every number of clients, one after the other."""
        sides = (
            FLOOR,
            *([BARE] if workload.bare else []),
            OURS,
            *(name for name in self.peers if workload.peers.get(name)),
        )
        for clients in workload.clients:
            for side in sides:
                try:
                    self.findings.add(workload.name, side, clients, self._measure(workload, side, clients))
                except (RunError, subprocess.TimeoutExpired) as failure:
                    self.findings.failures.append(f"{workload.name} {side} {clients}: {failure}")

    def _measure(self, workload: Workload, side: str, clients: int) -> Measure:
        if side == OURS and workload.bodies:
            lines = [f"{url} {body}" for url, body in zip(workload.urls, workload.bodies, strict=True)]
            return run_wrk(self.base, lines, clients, self.seconds, method="POST")
        if side in (OURS, *self.peers):
            urls = workload.urls if side == OURS else workload.peers[side]
            return run_wrk(self.base if side == OURS else self.peers[side], urls, clients, self.seconds)
        if workload.bodies:
            return self._measure_writes(self.recorded[workload.name][0], side, clients)
        unrestricted = side == BARE
        recorded = self.recorded[workload.name]
        scripts = [floor.pgbench_script(floor.as_superuser(each) if unrestricted else each) for each in recorded]
        return Pgbench(self.cluster, DATABASE_NAME, "postgres" if unrestricted else READER_LOGIN).run(
            scripts, clients, self.seconds
        )

    def _measure_writes(self, statements: Sequence[str], side: str, clients: int) -> Measure:
        """Repeat a create's writes with a new id, code and key each time; ``bare``: without history and journal."""
        with administrator(self.cluster) as connection:
            try:
                connection.execute(JOURNAL_OFF if side == BARE else JOURNAL_ON)
                script = floor.create_script(statements)
                return Pgbench(self.cluster, DATABASE_NAME, WRITER_LOGIN).run([script], clients, self.seconds)
            finally:
                connection.execute(JOURNAL_ON)

    def exports(self, pids: Sequence[int], rounds: int) -> dict[str, Any]:
        """Compare downloads of every incident with psql copies of the same text, in turn."""
        recorded_exports: list[single.Export] = []
        statements = floor.transactions(
            self.cluster, lambda _url: recorded_exports.append(single.download_export(self.base, pids)), [single.EXPORT]
        )[0]
        pairs = [
            (single.copy_seconds(self.cluster, statements), single.download_export(self.base, pids))
            for _ in range(rounds)
        ]
        return {
            "downloads": [asdict(export) for _, export in pairs],
            "copies_s": [copy for copy, _ in pairs],
            "ratio": asdict(Spread.of([export.whole_s / copy for copy, export in pairs])),
            "first_share": asdict(Spread.of([export.first_s / export.whole_s for _, export in pairs])),
            "growth_mb": max(export.growth_mb for export in (*recorded_exports, *(export for _, export in pairs))),
        }


def key_at_depth(cluster: Cluster, rows: int) -> str:
    """The cursor of the page after the first 250,000 features (or after five sixths of a smaller set)."""
    with administrator(cluster) as connection:
        row = connection.execute(
            "select occurred_at, code, id from app.incidents where retired_at is null"
            " order by occurred_at desc, code, id offset %s limit 1",
            [min(DEPTH, rows * 5 // 6)],
        ).fetchone()
    occurred_at, code, identity = row or (None, None, None)
    return encode_cursor([occurred_at and occurred_at.isoformat(), code, str(identity)])
