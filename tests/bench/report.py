"""Results of a bench run: rates, and ratios with their spread compared with the targets, as tables and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from measures import MIN_ANSWERS, Measure, Spread
from rich.console import Console
from rich.table import Table
from workloads import BARE, FLOOR, OURS, PYGEOAPI, TIPG, Target, Workload

SIDES = (FLOOR, BARE, OURS, TIPG, PYGEOAPI)


@dataclass
class Findings:
    """Every measure by workload, side and number of clients, one a round; and the standalone measurements."""

    measures: dict[tuple[str, str, int], list[Measure]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    standalone: dict[str, Any] = field(default_factory=dict)

    def add(self, workload: str, side: str, clients: int, measure: Measure) -> None:
        """Add the measure of a round."""
        self.measures.setdefault((workload, side, clients), []).append(measure)

    def spread(self, workload: str, side: str, clients: int, quantity: str) -> Spread | None:
        """The spread of ``rps``, ``p50`` or ``p99`` over the rounds."""
        measures = self.measures.get((workload, side, clients))
        return Spread.of([getattr(measure, quantity) for measure in measures]) if measures else None

    def ratio(self, target: Target, workload: str) -> Spread | None:
        """The spread of the ratio that a target bounds, computed round by round."""
        ours = self.measures.get((workload, target.side, target.clients))
        theirs = self.measures.get((target.workload or workload, target.against, target.clients))
        if not ours or not theirs:
            return None
        pairs = [
            (getattr(measure, target.quantity), getattr(other, target.quantity))
            for measure, other in zip(ours, theirs, strict=False)
        ]
        ratios = [value / divisor for value, divisor in pairs if divisor]
        return Spread.of(ratios) if ratios else None


def is_met(target: Target, ratio: Spread) -> bool:
    """Whether the median of the ratio meets the bound."""
    return ratio.median >= target.bound if target.at_least else ratio.median <= target.bound


def show(console: Console, workloads: Sequence[Workload], findings: Findings) -> None:
    """Print the tables, the query plans, the standalone measurements and the failures."""
    console.print(_rates_table(workloads, findings), _targets_table(workloads, findings))
    for name, nodes in findings.standalone.get("plans", {}).items():
        console.print(f"  {name}: {'; '.join(nodes)}", style="dim")
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
    for workload in workloads:
        for clients in workload.clients:
            cells = [_cell(findings, workload.name, side, clients) for side in SIDES]
            table.add_row(f"{workload.name} {workload.title}", str(clients), *cells, workload.counted)
    return table


def _targets_table(workloads: Sequence[Workload], findings: Findings) -> Table:
    table = Table(
        "workload", "target", "measured", "", title="targets: ours to another, median (least–most) of the rounds"
    )
    for workload in workloads:
        for target in workload.targets:
            if (ratio := findings.ratio(target, workload.name)) is not None:
                table.add_row(workload.name, str(target), str(ratio), "✓" if is_met(target, ratio) else "✗")
    for name, bound, value, met in standalone_rows(findings.standalone):
        table.add_row(name, bound, value, "✓" if met else "✗")
    return table


def _cell(findings: Findings, workload: str, side: str, clients: int) -> str:
    rates = findings.spread(workload, side, clients, "rps")
    p50, p99 = (findings.spread(workload, side, clients, quantity) for quantity in ("p50", "p99"))
    if rates is None or p50 is None or p99 is None:
        return ""
    few = "~" if min(measure.answers for measure in findings.measures[workload, side, clients]) < MIN_ANSWERS else ""
    return f"{few}{rates.median:.0f} ({p50.median:.3g}/{p99.median:.3g})"


def standalone_rows(results: Mapping[str, Any]) -> list[tuple[str, str, str, bool]]:
    """The targets of the standalone measurements: workload, bound, measured value, whether it is met."""
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
    """Everything as JSON."""
    return {
        "workloads": {
            workload.name: {
                "title": workload.title,
                "counted": workload.counted,
                "measures": {
                    f"{side}@{clients}": [asdict(measure) for measure in measures]
                    for (name, side, clients), measures in findings.measures.items()
                    if name == workload.name
                },
                "targets": [
                    {"target": str(target), "ratio": asdict(ratio), "met": is_met(target, ratio)}
                    for target in workload.targets
                    if (ratio := findings.ratio(target, workload.name)) is not None
                ],
            }
            for workload in workloads
        },
        "alone": findings.standalone,
        "failures": findings.failures,
    }
