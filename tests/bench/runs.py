"""A run: the product beside the floor and the peers over one set, a round at a time."""

import re
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import floor
import single
from measures import Measure, Pgbench, RunError, Spread, asked
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
    """Who serves what over which cluster, what each workload was seen to ask of it, and what came of it so far."""

    cluster: Cluster
    base: str
    seconds: int
    peers: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, list[list[str]]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def record(self, workloads: Sequence[Workload]) -> None:
        """See once what the server does for each address, and by which index PostgreSQL finds its way."""
        plans: dict[str, list[str]] = {}
        for item in workloads:
            if item.bodies:
                self.recorded[item.name] = floor.transactions(
                    self.cluster, self._create, [f"{item.urls[0]} {item.bodies[0]}"]
                )
            else:
                self.recorded[item.name] = floor.transactions(self.cluster, self._request, item.urls)
                plans[item.name] = sorted(
                    set(PLAN_NODES.findall(single.explained(self.cluster, self.recorded[item.name][0])))
                )
        self.findings.standalone["plans"] = plans

    def _request(self, url: str, body: bytes | None = None) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": floor.KEY} if body else {}
        request = urllib.request.Request(f"{self.base}{url}", body, headers)
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:
            answer.read()

    def _create(self, request_line: str) -> None:
        address, _, body = request_line.partition(" ")
        self._request(address, body.encode())

    def run_round(self, workload: Workload) -> None:
        """Every side at every number of clients, one after the other."""
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
            lines = [f"{address} {body}" for address, body in zip(workload.urls, workload.bodies, strict=True)]
            return asked(self.base, lines, clients, self.seconds, method="POST")
        if side in (OURS, *self.peers):
            addresses = workload.urls if side == OURS else workload.peers[side]
            return asked(self.base if side == OURS else self.peers[side], addresses, clients, self.seconds)
        if workload.bodies:
            return self._measure_writes(self.recorded[workload.name][0], side, clients)
        free = side == BARE
        scripts = [floor.script(floor.without_rights(each) if free else each) for each in self.recorded[workload.name]]
        return Pgbench(self.cluster, DATABASE_NAME, "postgres" if free else READER_LOGIN).run(
            scripts, clients, self.seconds
        )

    def _measure_writes(self, statements: Sequence[str], side: str, clients: int) -> Measure:
        """The create's own writes, a new identity, code and key each time; ``bare``: without history and journal."""
        with administrator(self.cluster) as connection:
            try:
                connection.execute(JOURNAL_OFF if side == BARE else JOURNAL_ON)
                script = floor.create_script(statements)
                return Pgbench(self.cluster, DATABASE_NAME, WRITER_LOGIN).run([script], clients, self.seconds)
            finally:
                connection.execute(JOURNAL_ON)

    def exports(self, pids: Sequence[int], rounds: int) -> dict[str, Any]:
        """Downloads of everything beside copies of the same text, in turn."""
        first: list[single.Export] = []
        statements = floor.transactions(
            self.cluster, lambda _address: first.append(single.exported(self.base, pids)), [single.EXPORT]
        )[0]
        pairs = [(single.copied(self.cluster, statements), single.exported(self.base, pids)) for _ in range(rounds)]
        return {
            "downloads": [asdict(item) for _, item in pairs],
            "copies_s": [copy for copy, _ in pairs],
            "ratio": asdict(Spread.of([item.whole_s / copy for copy, item in pairs])),
            "first_share": asdict(Spread.of([item.first_s / item.whole_s for _, item in pairs])),
            "growth_mb": max(item.growth_mb for item in (*first, *(item for _, item in pairs))),
        }


def key_at_depth(cluster: Cluster, rows: int) -> str:
    """Where the page behind the first 250,000 features goes on (or behind five sixths of a smaller set)."""
    with administrator(cluster) as connection:
        results = connection.execute(
            "select occurred_at, code, id from app.incidents where retired_at is null"
            " order by occurred_at desc, code, id offset %s limit 1",
            [min(DEPTH, rows * 5 // 6)],
        ).fetchone()
    moment, code, identity = results or (None, None, None)
    return encode_cursor([moment and moment.isoformat(), code, str(identity)])
