"""``./cotmoc bench``: the national-scale set, the product beside the floor and the peers, ratios with their spread.

Everything runs on this machine's loopback, over copies of a set that is made for the purpose.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import national
import peers as others
import picture
import report
import single
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from runs import Run, key_at_depth
from server import cotmoc, serving, workers
from workloads import FLOOR, OURS, PYGEOAPI, TIPG, Workload, workloads

from gis.cluster.private_cluster import Cluster

CONSOLE_WIDTH = 190
console = Console(width=None if Console().is_terminal else CONSOLE_WIDTH)
WORK_FOLDER = Path("/var/tmp")
"""Where a set of gigabytes lies meanwhile."""

SIZES = (30_000, 300_000, 3_000_000)
GROWTH_WORKLOADS = ("W1", "W3", "W4", "W5", "W6", "W6z8", "W9")


def bench(
    *,
    peers: Annotated[bool, typer.Option("--peers", help="cả TiPg và pygeoapi · TiPg and pygeoapi too")] = False,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="số lượt · rounds")] = 3,
    seconds: Annotated[int, typer.Option(min=1, max=60, help="giây mỗi ô · seconds a cell")] = 10,
    rows: Annotated[int, typer.Option(min=20_000, max=3_000_000, help="số sự vụ · incidents")] = 300_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="ghi số liệu · write the figures")] = None,
    only: Annotated[str, typer.Option(help="W1,W6,W7,home…")] = "",
    keep: Annotated[Path | None, typer.Option(help="giữ bộ dữ liệu ở đây · keep the set here")] = None,
    growth: Annotated[Path | None, typer.Option(help="vẽ theo cỡ dữ liệu · draw cost by size, as SVG")] = None,
    number: Annotated[int | None, typer.Option("--workers", help="như của up · as up takes it")] = None,
) -> None:
    """Đo tốc độ so với PostGIS trần và máy chủ khác. · Measure speed against bare PostGIS and other servers."""
    for program in ("wrk", "pgbench"):
        if shutil.which(program) is None:
            raise typer.BadParameter(f"thiếu {program} · {program} is missing")
    if growth is not None:
        growth.write_text(_growth_chart(keep, rounds, seconds))
        return
    expected = set(only.split(",")) if only else None
    with _prepared_dataset(national.Size(rows), keep) as place, ExitStack() as stack:
        base, pid = stack.enter_context(cotmoc(place, number))
        run = Run(Cluster(place), base, seconds)
        chosen = _record_transactions(run, rows, expected)
        if peers:
            others.expose(run.cluster)
            for name in (TIPG, PYGEOAPI):
                run.peers[name] = stack.enter_context(others.serving(name, run.cluster, place.parent))
        _run_rounds(run, chosen, rounds)
        alone = run.findings.standalone
        alone["workers"] = serving(pid)
        if expected is None or "W7" in expected:
            alone["export"] = run.exports(workers(pid), rounds)
        if expected is None or "home" in expected:
            alone["home"] = single.home_map(base)
        alone["sizes_mb"] = single.table_sizes(run.cluster)
    report.show(console, chosen, run.findings)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(chosen, run.findings), ensure_ascii=False, indent=1) + "\n")
    if run.findings.failures:
        raise typer.Exit(1)


def _record_transactions(run: Run, rows: int, names: set[str] | None) -> Sequence[Workload]:
    with national.administrator(run.cluster) as connection:
        values = workloads(connection, key_at_depth(run.cluster, rows))
    chosen = [item for item in values if names is None or item.name in names]
    run.record(chosen)
    return chosen


def _run_rounds(run: Run, chosen: Sequence[Workload], rounds: int) -> None:
    for number in range(1, rounds + 1):
        for item in chosen:
            console.print(f"  {number}/{rounds} {item.name} {item.title}", style="dim")
            run.run_round(item)


@contextmanager
def _prepared_dataset(size: national.Size, keep: Path | None) -> Iterator[Path]:
    """A cluster of this run's own with the set in it: a copy of the kept one, or made for it."""
    with TemporaryDirectory(prefix="cotmoc-bench-", dir=WORK_FOLDER) as folder:
        Path(folder).chmod(0o711)
        stored = (keep or Path(folder, "kept")).absolute()
        if not national.built(stored, size):
            with _progress_bars() as message:
                national.build(stored, size, message)
        if keep is None:
            yield stored
            return
        place = Path(folder, "copy")
        place.mkdir(mode=0o711)
        subprocess.run(["cp", "-a", "--reflink=auto", str(stored / "cluster"), str(place / "cluster")], check=True)
        yield place


@contextmanager
def _progress_bars() -> Iterator[national.Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def message(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=whole)
            bars.update(tasks[what], completed=done)

        yield message


def _growth_chart(keep: Path | None, rounds: int, seconds: int) -> str:
    """The picture of how the waits of one client grow with the set, beside the floor's."""
    lines: dict[str, picture.Pair] = {}
    for rows in SIZES:
        began = time.monotonic()
        size = national.Size(rows, with_history=False)
        with _prepared_dataset(size, keep and keep / str(rows)) as place, cotmoc(place) as (base, _):
            run = Run(Cluster(place), base, seconds)
            console.print(f"{rows:,}: {time.monotonic() - began:.0f} s", single.table_sizes(run.cluster))
            chosen = [
                replace(item, clients=(1,), bare=False)
                for item in _record_transactions(run, rows, set(GROWTH_WORKLOADS))
            ]
            _run_rounds(run, chosen, rounds)
            report.show(console, chosen, run.findings)
            for item in chosen:
                for side, points in zip((OURS, FLOOR), lines.setdefault(item.title, ([], [])), strict=True):
                    if spread := run.findings.spread(item.name, side, 1, "p50"):
                        points.append((rows, spread.median))
    title = "p50 of one client (dashed: the same transaction in PostgreSQL alone)"
    return picture.drawn(title, "incidents", "milliseconds", lines)


if __name__ == "__main__":
    commands = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    commands.command()(bench)
    commands(prog_name="./cotmoc bench")
