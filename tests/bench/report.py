"""What the runs say together: ratios with their spread, judged against the targets, as a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from measures import FEW, Measure, Spread
from rich.console import Console
from rich.table import Table
from workloads import BARE, FLOOR, OURS, PYGEOAPI, TIPG, Target, Workload

SIDES = (FLOOR, BARE, OURS, TIPG, PYGEOAPI)


@dataclass
class Findings:
    """Every measure by workload, side and number of clients, a round each; and what was measured by itself."""

    measures: dict[tuple[str, str, int], list[Measure]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    standalone: dict[str, Any] = field(default_factory=dict)

    def add(self, workload: str, side: str, clients: int, measure: Measure) -> None:
        """Note what a round gave."""
        self.measures.setdefault((workload, side, clients), []).append(measure)

    def spread(self, workload: str, side: str, clients: int, quantity: str) -> Spread | None:
        """Of ``rps``, ``p50`` or ``p99`` over the rounds."""
        matches = self.measures.get((workload, side, clients))
        return Spread.of([getattr(item, quantity) for item in matches]) if matches else None

    def ratio(self, target: Target, workload: str) -> Spread | None:
        """What a target speaks of, round by round."""
        ours = self.measures.get((workload, target.side, target.clients))
        theirs = self.measures.get((target.workload or workload, target.against, target.clients))
        if not ours or not theirs:
            return None
        pairs = [
            (getattr(item, target.quantity), getattr(other, target.quantity))
            for item, other in zip(ours, theirs, strict=False)
        ]
        matches = [item / other for item, other in pairs if other]
        return Spread.of(matches) if matches else None


def is_met(target: Target, ratio: Spread) -> bool:
    """Whether the median keeps the bound."""
    return ratio.median >= target.bound if target.at_least else ratio.median <= target.bound


def show(console: Console, workloads: Sequence[Workload], findings: Findings) -> None:
    """The tables."""
    console.print(_rates_table(workloads, findings), _targets_table(workloads, findings))
    for name, ways in findings.standalone.get("plans", {}).items():
        console.print(f"  {name}: {'; '.join(ways)}", style="dim")
    for name in ("workers", "export", "home", "sizes_mb"):
        if name in findings.standalone:
            console.print(name, findings.standalone[name])
    for failure in findings.failures:
        console.print(failure, style="red")


def _rates_table(workloads: Sequence[Workload], findings: Findings) -> Table:
    table = Table(title="answers per second (p50 / p99 in ms), median of the rounds; ~ few answers")
    table.add_column("workload")
    for name in ("clients", *SIDES):
        table.add_column(name, justify="right")
    table.add_column("counted")
    for item in workloads:
        for clients in item.clients:
            cells = [_cell(findings, item.name, side, clients) for side in SIDES]
            table.add_row(f"{item.name} {item.title}", str(clients), *cells, item.counted)
    return table


def _targets_table(workloads: Sequence[Workload], findings: Findings) -> Table:
    table = Table(
        "workload", "target", "measured", "", title="targets: ours to another, median (least–most) of the rounds"
    )
    for item in workloads:
        for target in item.targets:
            if (ratio := findings.ratio(target, item.name)) is not None:
                table.add_row(item.name, str(target), str(ratio), "✓" if is_met(target, ratio) else "✗")
    for name, bound, value, stored in standalone_rows(findings.standalone):
        table.add_row(name, bound, value, "✓" if stored else "✗")
    return table


def _cell(findings: Findings, workload: str, side: str, clients: int) -> str:
    rates = findings.spread(workload, side, clients, "rps")
    p50, p99 = (findings.spread(workload, side, clients, of) for of in ("p50", "p99"))
    if rates is None or p50 is None or p99 is None:
        return ""
    few = "~" if min(item.answers for item in findings.measures[workload, side, clients]) < FEW else ""
    return f"{few}{rates.median:.0f} ({p50.median:.3g}/{p99.median:.3g})"


def standalone_rows(results: Mapping[str, Any]) -> list[tuple[str, str, str, bool]]:
    """The targets of what was measured by itself: workload, bound, measured, kept."""
    rows = []
    if export := results.get("export"):
        whole, first = Spread(**export["ratio"]), Spread(**export["first_share"])
        growth = export["growth_mb"]
        rows += [
            ("W7", "whole ≤ 1.30× \\copy", str(whole), whole.median <= 1.3),
            ("W7", "first byte ≤ 1 % of the whole", f"{100 * first.median:.2g} %", first.median <= 0.01),
            ("W7", "growth ≤ 16 MB a worker", f"{growth:.1f} MB", growth <= 16),
        ]
    if home := results.get("home"):
        rows += [
            ("home", "page ≤ 30 kB", f"{home['page_kb']:.1f} kB", home["page_kb"] <= 30),
            ("home", "heap ≤ 40 MB", f"{home['heap_mb']:.1f} MB", home["heap_mb"] <= 40),
            (
                "home",
                "no request over 300 kB",
                f"{home['largest_request_kb']:.0f} kB",
                home["largest_request_kb"] <= 300,
            ),
        ]
    return rows


def as_json(workloads: Sequence[Workload], findings: Findings) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "workloads": {
            item.name: {
                "title": item.title,
                "counted": item.counted,
                "measures": {
                    f"{side}@{clients}": [asdict(measure) for measure in matches]
                    for (name, side, clients), matches in findings.measures.items()
                    if name == item.name
                },
                "targets": [
                    {"target": str(target), "ratio": asdict(ratio), "met": is_met(target, ratio)}
                    for target in item.targets
                    if (ratio := findings.ratio(target, item.name)) is not None
                ],
            }
            for item in workloads
        },
        "alone": findings.standalone,
        "failures": findings.failures,
    }
