"""The command line. ``./cotmoc`` prepares the machine and then comes here; each verb is one function."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from gis.text import Conflict, Refusal

commands = typer.Typer(
    name="cotmoc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Cột Mốc: dữ liệu biên giới dùng chung. · The shared border data system.",
    epilog="./cotmoc test: cài đặt và chạy toàn bộ kiểm thử · prepares and runs the whole test suite",
)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Thư mục dữ liệu · Where the data lie (default: .cotmoc)")
]
Anchor = Annotated[
    Path | None,
    typer.Option(
        "--anchor",
        envvar="COTMOC_ANCHOR",
        help="Tệp đối chứng niêm phong, nên đặt ở ổ đĩa khác"
        " · Seal anchor file, better on another disk (default: in the data)",
    ),
]

audit = typer.Typer(no_args_is_help=True, help="Nhật ký niêm phong. · The sealed journal.")
commands.add_typer(audit, name="audit")

admin = typer.Typer(no_args_is_help=True, help="Quản trị viên. · Administrators.")
commands.add_typer(admin, name="admin")
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="Tệp mật khẩu, 0600 · A file (0600) instead of asking at the terminal"),
]
NoSecondFactor = Annotated[
    bool, typer.Option("--no-second-factor", help="Bật khi đăng nhập lần đầu · Set it up at the first sign-in")
]


@commands.callback()
def cotmoc() -> None:
    pass


@commands.command()
def up(  # noqa: PLR0917 - Typer reads the options off the parameters
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Cổng · Port; 0: cổng trống bất kỳ · any free one")
    ] = 8000,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Địa chỉ lắng nghe · Where to listen (default: 127.0.0.1)")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", envvar="COTMOC_NAMES", help="Tên máy chủ khác · Another name it is asked for by"),
    ] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(envvar="COTMOC_BEHIND_PROXY", help="Địa chỉ IP của proxy có TLS · The IP of the TLS proxy"),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(envvar="COTMOC_TLS_CERT", help="Chứng thư số · TLS certificate")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="COTMOC_TLS_KEY", help="Khóa riêng của chứng thư số · Its private key")
    ] = None,
    anchor: Anchor = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=8, envvar="COTMOC_WORKERS", help="Số tiến trình · Processes that serve (default: cores, up to 4)"
        ),
    ] = None,
) -> None:
    """Khởi động và phục vụ. · Start everything and serve until Ctrl-C."""
    from api.cli import up as premises
    from api.http.network import NetworkOptions

    premises.up(port, data_dir, NetworkOptions(host, name or (), behind_proxy, tls_cert, tls_key), anchor, workers)


@commands.command()
def migrate(
    action: Annotated[
        str | None,
        typer.Argument(
            help="new: viết bản nâng cấp theo khai báo lớp dữ liệu · new: write a revision from the layer declarations"
        ),
    ] = None,
    message: Annotated[str | None, typer.Argument(help="Nội dung thay đổi · What it changes")] = None,
    data_dir: DataDir = None,
) -> None:
    """Nâng cấp lược đồ; 'migrate new "…"' viết bản mới. · Bring the schema up to date, or write the next revision."""
    if action not in (None, "new") or (action == "new") != bool(message):
        raise typer.BadParameter('migrate  |  migrate new "…"')
    from api.cli import up as premises

    with premises.use_database_server(data_dir, "migrate") as addresses:
        if message:
            typer.echo(premises.revise(addresses, message) or "= Không có gì mới · Nothing new")
        else:
            premises.migrate(addresses)


@commands.command()
def load(data_dir: DataDir = None) -> None:
    """Nạp dữ liệu tham chiếu. · Load the reference data."""
    from api.cli import up as premises

    with premises.use_database_server(data_dir, "load") as addresses:
        premises.load(addresses)


@commands.command()
def doctor(data_dir: DataDir = None, anchor: Anchor = None) -> None:
    """Kiểm tra hệ thống; trả về mã 1 khi có lỗi. · Check the system; exits with 1 on a fault."""
    from api.cli import up as premises
    from gis.checks import CheckStatus, is_healthy

    with premises.use_database_server(data_dir, "doctor") as addresses:
        findings = premises.examine(addresses, premises.resolve_data_dir(data_dir), anchor)
    marks = {CheckStatus.GOOD: "✓", CheckStatus.POOR: "!", CheckStatus.BAD: "✗"}
    for one in findings:
        typer.echo(f"{marks[one.state]} {one.check.vi}: {one.detail.vi} · {one.check.en}: {one.detail.en}")
    if not is_healthy(findings):
        sys.exit(1)


@admin.command("create")
def create_administrator(
    name: Annotated[str, typer.Argument(help="Tên đăng nhập · The login name")],
    title: Annotated[str | None, typer.Option(help="Chức danh · The post's title")] = None,
    password_file: PasswordFile = None,
    no_second_factor: NoSecondFactor = False,
    data_dir: DataDir = None,
) -> None:
    """Tạo quản trị viên; sau đó mọi người dùng phải đăng nhập. · Create an administrator; all must then sign in."""
    from api.cli import admin as administrators, up as premises

    with premises.use_database_server(data_dir, "admin create") as addresses:
        administrators.create(addresses, name, title, password_file, second_factor=not no_second_factor)


@admin.command("reset")
def reset_administrator(
    name: Annotated[str, typer.Argument(help="Tên đăng nhập · The login name")],
    password_file: PasswordFile = None,
    no_second_factor: NoSecondFactor = False,
    data_dir: DataDir = None,
) -> None:
    """Đặt lại mật khẩu và xác thực hai lớp. · Another password and second factor; signs out everywhere."""
    from api.cli import admin as administrators, up as premises

    with premises.use_database_server(data_dir, "admin reset") as addresses:
        administrators.reset(addresses, name, password_file, second_factor=not no_second_factor)


@admin.command("list")
def list_administrators(data_dir: DataDir = None) -> None:
    """Liệt kê quản trị viên. · Who the administrators are."""
    from api.cli import admin as administrators, up as premises

    with premises.use_database_server(data_dir, "admin list") as addresses:
        administrators.list_administrators(addresses)


@commands.command()
def export(  # noqa: PLR0917 - Typer reads the options off the parameters
    layer: Annotated[str, typer.Argument(help="Tên lớp · The layer: markers, gates, incidents, works…")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Tệp xuất ra · The file to write")],
    file_format: Annotated[
        str | None,
        typer.Option("--format", "-f", help="geojson geojsonseq gpkg shp kml fgb parquet xlsx csv (default: -o)"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", "-w", help="Điều kiện lọc, như trên địa chỉ trang · A filter: name=value"),
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="tây,nam,đông,bắc · west,south,east,north")] = None,
    reader: Annotated[
        str, typer.Option(help="office | partner: không cung cấp vị trí giả định · no assumed positions")
    ] = "office",
    data_dir: DataDir = None,
) -> None:
    """Xuất đúng nội dung đang xem ra tệp. · Export exactly one view of a layer to a file."""
    from api.cli import up as premises
    from api.rest.export import format_of, save

    with premises.use_database_server(data_dir, "export") as addresses:
        premises.migrate(addresses)
        chosen = file_format or format_of(output)
        asked = [*(where or []), f"f={chosen}", f"reader={reader}", *([f"bbox={bbox}"] if bbox else [])]
        with premises.open_database(addresses) as database:
            number = save(database, layer, output, asked)
    typer.echo(f"✓ {number} → {output}")


@audit.command("verify")
def audit_verify(data_dir: DataDir = None, anchor: Anchor = None) -> None:
    """Kiểm tra nhật ký và dữ liệu: nêu vị trí đầu tiên bị sửa đổi. · Verify journal and data; name the first change."""
    import layers  # noqa: F401 - fills the catalog
    from api.cli import up as premises
    from api.cli.progress import progress
    from gis.audit import verify_journal
    from gis.checks import reconcile_with_journal

    with premises.use_database_server(data_dir, "audit") as addresses, progress() as told:
        found = verify_journal(premises.make_sealer(addresses, premises.resolve_data_dir(data_dir), anchor), told)
        if found.broken:
            raise Conflict(found.broken.summary)
        if changed := reconcile_with_journal(addresses.admin, told):
            raise Conflict(changed)
    typer.echo(f"✓ {found.summary.vi}\n✓ {found.summary.en}")


@audit.command("seal")
def audit_seal(
    data_dir: DataDir = None,
    anchor: Anchor = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Khóa cũ đã mất hẳn: tạo khóa mới · The old key is lost: make another")
    ] = False,
) -> None:
    """Niêm phong ngay. · Seal what is not sealed yet, now."""
    from api.cli import up as premises

    with premises.use_database_server(data_dir, "audit") as addresses:
        done = premises.make_sealer(addresses, premises.resolve_data_dir(data_dir), anchor).seal(new_key=new_key)
    if done:
        typer.echo(f"✓ {done.summary.vi}\n✓ {done.summary.en}")


def main() -> None:
    """Run a verb; a refusal is said in both languages and ends with 1."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a verb starts something, Ctrl-C simply ends us
    try:
        commands(prog_name="./cotmoc")
    except Refusal as refusal:
        typer.echo(f"✗ {refusal.detail.vi}\n✗ {refusal.detail.en}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
