"""The command line. ``./cotmoc`` prepares the machine and then comes here; each verb is one function."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api import up as premises
from gis.errors import Refusal

commands = typer.Typer(
    name="cotmoc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Cột mốc: dữ liệu biên giới dùng chung. · The shared border data system.",
    epilog="./cotmoc test: cài đặt và chạy toàn bộ kiểm thử · prepares and runs the whole test suite",
)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Thư mục dữ liệu · Where the data lie (default: .cotmoc)")
]


@commands.callback()
def cotmoc() -> None:
    pass


@commands.command()
def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Cổng · Port; 0: cổng trống bất kỳ · any free one")
    ] = 8000,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Địa chỉ nội bộ · A loopback address (default: 127.0.0.1)")] = None,
) -> None:
    """Khởi động và phục vụ. · Start everything and serve until Ctrl-C."""
    premises.up(port, data_dir, host)


@commands.command()
def migrate(data_dir: DataDir = None) -> None:
    """Nâng cấp lược đồ. · Bring the database to the schema of this version."""
    with premises.opened(data_dir, "migrate") as addresses:
        premises.migrate(addresses)


@commands.command()
def load(data_dir: DataDir = None) -> None:
    """Nạp dữ liệu tham chiếu. · Load the reference data."""
    with premises.opened(data_dir, "load") as addresses:
        premises.load(addresses)


def main() -> None:
    """Run a verb; a refusal is said in both languages and ends with 1."""
    try:
        commands(prog_name="./cotmoc")
    except Refusal as refusal:
        typer.echo(f"✗ {refusal.detail.vi}\n✗ {refusal.detail.en}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
