"""``./cotmoc bench``: measure Cotmoc, bare PostgreSQL and the peers over a national-scale data set; report ratios.

Everything runs on the loopback, over copies of a generated data set.
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
import peers as peer_servers
import picture
import report
import single
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from runs import Run, key_at_depth
from server import cotmoc_server, serving_count, workers
from workloads import FLOOR, OURS, PYGEOAPI, TIPG, Workload, workloads

from gis.cluster.private_cluster import Cluster

CONSOLE_WIDTH = 190
console = Console(width=None if Console().is_terminal else CONSOLE_WIDTH)
WORK_FOLDER = Path("/var/tmp")
"""The folder for data sets of several gigabytes."""

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
    with _prepared_dataset(national.DatasetSize(rows), keep) as data_dir, ExitStack() as stack:
        base_url, pid = stack.enter_context(cotmoc_server(data_dir, number))
        run = Run(Cluster(data_dir), base_url, seconds)
        selected = _record_transactions(run, rows, expected)
        if peers:
            peer_servers.create_peer_view(run.cluster)
            for name in (TIPG, PYGEOAPI):
                run.peers[name] = stack.enter_context(peer_servers.peer_server(name, run.cluster, data_dir.parent))
        _run_rounds(run, selected, rounds)
        alone = run.findings.standalone
        alone["workers"] = serving_count(pid)
        if expected is None or "W7" in expected:
            alone["export"] = run.exports(workers(pid), rounds)
        if expected is None or "home" in expected:
            alone["home"] = single.home_map(base_url)
        alone["sizes_mb"] = single.table_sizes(run.cluster)
    report.show(console, selected, run.findings)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(selected, run.findings), ensure_ascii=False, indent=1) + "\n")
    if run.findings.failures:
        raise typer.Exit(1)


def _record_transactions(run: Run, rows: int, names: set[str] | None) -> Sequence[Workload]:
    with national.administrator(run.cluster) as connection:
        values = workloads(connection, key_at_depth(run.cluster, rows))
    selected = [workload for workload in values if names is None or workload.name in names]
    run.record(selected)
    return selected


def _run_rounds(run: Run, selected: Sequence[Workload], rounds: int) -> None:
    for number in range(1, rounds + 1):
        for workload in selected:
            console.print(f"  {number}/{rounds} {workload.name} {workload.title}", style="dim")
            run.run_round(workload)


@contextmanager
def _prepared_dataset(size: national.DatasetSize, keep: Path | None) -> Iterator[Path]:
    """The data folder of a cluster with the data set: a copy of the one in ``keep``, or built for this run."""
    with TemporaryDirectory(prefix="cotmoc-bench-", dir=WORK_FOLDER) as folder:
        Path(folder).chmod(0o711)
        stored = (keep or Path(folder, "kept")).absolute()
        if not national.is_built(stored, size):
            with _progress_bars() as show_progress:
                national.build(stored, size, show_progress)
        if keep is None:
            yield stored
            return
        data_dir = Path(folder, "copy")
        data_dir.mkdir(mode=0o711)
        subprocess.run(["cp", "-a", "--reflink=auto", str(stored / "cluster"), str(data_dir / "cluster")], check=True)
        yield data_dir


@contextmanager
def _progress_bars() -> Iterator[national.ProgressCallback]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show_progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield show_progress


def _growth_chart(keep: Path | None, rounds: int, seconds: int) -> str:
    """An SVG chart of the median latency of one client by size of the data set, beside the floor's."""
    lines: dict[str, picture.Series] = {}
    for rows in SIZES:
        began = time.monotonic()
        size = national.DatasetSize(rows, with_history=False)
        with _prepared_dataset(size, keep and keep / str(rows)) as data_dir, cotmoc_server(data_dir) as (base_url, _):
            run = Run(Cluster(data_dir), base_url, seconds)
            console.print(f"{rows:,}: {time.monotonic() - began:.0f} s", single.table_sizes(run.cluster))
            selected = [
                replace(workload, clients=(1,), bare=False)
                for workload in _record_transactions(run, rows, set(GROWTH_WORKLOADS))
            ]
            _run_rounds(run, selected, rounds)
            report.show(console, selected, run.findings)
            for workload in selected:
                for side, points in zip((OURS, FLOOR), lines.setdefault(workload.title, ([], [])), strict=True):
                    if spread := run.findings.spread(workload.name, side, 1, "p50"):
                        points.append((rows, spread.median))
    title = "p50 of one client (dashed: the same transaction in PostgreSQL alone)"
    return picture.line_chart(title, "incidents", "milliseconds", lines)


if __name__ == "__main__":
    commands = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    commands.command()(bench)
    commands(prog_name="./cotmoc bench")
