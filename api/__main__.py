"""The command line, one function for each command. The script ``./cotmoc`` prepares the machine, then runs this."""

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
    help="Cột Mốc: dữ liệu biên giới dùng chung. · Cột Mốc: a shared border data system.",
    epilog="./cotmoc test: cài đặt và chạy toàn bộ kiểm thử · prepare the machine and run the whole test suite",
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Thư mục dữ liệu · Data directory (default: .cotmoc)")]
Anchor = Annotated[
    Path | None,
    typer.Option(
        "--anchor",
        envvar="COTMOC_ANCHOR",
        help="Tệp đối chứng niêm phong, nên đặt ở ổ đĩa khác"
        " · Seal anchor file, best on another disk (default: in the data directory)",
    ),
]

audit = typer.Typer(no_args_is_help=True, help="Nhật ký niêm phong. · Seal and verify the journal.")
commands.add_typer(audit, name="audit")

admin = typer.Typer(no_args_is_help=True, help="Quản trị viên. · Manage administrators.")
commands.add_typer(admin, name="admin")
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", help="Tệp mật khẩu, quyền 600 · File with the password, mode 600, instead of a prompt"
    ),
]
NoSecondFactor = Annotated[
    bool,
    typer.Option(
        "--no-second-factor",
        help="Bật xác thực hai lớp khi đăng nhập lần đầu · Set up the second factor at the first sign-in",
    ),
]


@commands.callback()
def cotmoc() -> None:
    pass


@commands.command()
def up(  # noqa: PLR0917 - Typer reads the options off the parameters
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Cổng; 0: cổng trống bất kỳ · Port; 0: any free port")
    ] = 8000,
    data_dir: DataDir = None,
    host: Annotated[
        str | None, typer.Option(help="Địa chỉ lắng nghe · Address to listen on (default: 127.0.0.1)")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", envvar="COTMOC_NAMES", help="Tên máy chủ khác · Further host name of this server"),
    ] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(envvar="COTMOC_BEHIND_PROXY", help="Địa chỉ IP của proxy có TLS · IP address of the TLS proxy"),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(envvar="COTMOC_TLS_CERT", help="Chứng thư số · TLS certificate")
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(envvar="COTMOC_TLS_KEY", help="Khóa riêng của chứng thư số · Private key of the TLS certificate"),
    ] = None,
    anchor: Anchor = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=8,
            envvar="COTMOC_WORKERS",
            help="Số tiến trình phục vụ · Number of worker processes (default: CPU cores, up to 4)",
        ),
    ] = None,
) -> None:
    """Khởi động và phục vụ đến khi nhấn Ctrl-C. · Start the service and run it until Ctrl-C."""
    from api.cli import up as server
    from api.http.network import NetworkOptions

    server.up(port, data_dir, NetworkOptions(host, name or (), behind_proxy, tls_cert, tls_key), anchor, workers)


@commands.command()
def migrate(
    action: Annotated[
        str | None,
        typer.Argument(
            help="new: viết bản nâng cấp theo khai báo lớp dữ liệu · new: write a revision from the declared layers"
        ),
    ] = None,
    message: Annotated[str | None, typer.Argument(help="Nội dung thay đổi · Description of the change")] = None,
    data_dir: DataDir = None,
) -> None:
    """Nâng cấp lược đồ; 'migrate new "…"' viết bản mới. · Migrate the schema, or write the next revision."""
    if action not in (None, "new") or (action == "new") != bool(message):
        raise typer.BadParameter('migrate  |  migrate new "…"')
    from api.cli import up as server

    with server.use_database_server(data_dir, "migrate") as urls:
        if message:
            typer.echo(server.revise(urls, message) or "= Không có gì mới · No changes")
        else:
            server.migrate(urls)


@commands.command()
def load(data_dir: DataDir = None) -> None:
    """Nạp dữ liệu tham chiếu. · Load the reference data."""
    from api.cli import up as server

    with server.use_database_server(data_dir, "load") as urls:
        server.load(urls)


@commands.command()
def doctor(data_dir: DataDir = None, anchor: Anchor = None) -> None:
    """Kiểm tra hệ thống; trả về mã 1 khi có lỗi. · Check the installation; exits with status 1 on a failure."""
    from api.cli import up as server
    from gis.checks import CheckStatus, is_healthy

    with server.use_database_server(data_dir, "doctor") as urls:
        findings = server.examine(urls, server.resolve_data_dir(data_dir), anchor)
    marks = {CheckStatus.GOOD: "✓", CheckStatus.POOR: "!", CheckStatus.BAD: "✗"}
    for finding in findings:
        check, detail = finding.check, finding.detail
        typer.echo(f"{marks[finding.state]} {check.vi}: {detail.vi} · {check.en}: {detail.en}")
    if not is_healthy(findings):
        sys.exit(1)


@admin.command("create")
def create_administrator(
    name: Annotated[str, typer.Argument(help="Tên đăng nhập · Login name")],
    title: Annotated[str | None, typer.Option(help="Chức danh · Job title")] = None,
    password_file: PasswordFile = None,
    no_second_factor: NoSecondFactor = False,
    data_dir: DataDir = None,
) -> None:
    """Tạo quản trị viên; sau đó mọi người phải đăng nhập. · Create an administrator; from then on all must sign in."""
    from api.cli import admin as administration, up as server

    with server.use_database_server(data_dir, "admin create") as urls:
        administration.create(urls, name, title, password_file, second_factor=not no_second_factor)


@admin.command("reset")
def reset_administrator(
    name: Annotated[str, typer.Argument(help="Tên đăng nhập · Login name")],
    password_file: PasswordFile = None,
    no_second_factor: NoSecondFactor = False,
    data_dir: DataDir = None,
) -> None:
    """Đặt lại mật khẩu, xác thực hai lớp; đăng xuất khỏi tất cả thiết bị. · Reset password, second factor, sessions."""
    from api.cli import admin as administration, up as server

    with server.use_database_server(data_dir, "admin reset") as urls:
        administration.reset(urls, name, password_file, second_factor=not no_second_factor)


@admin.command("list")
def list_administrators(data_dir: DataDir = None) -> None:
    """Liệt kê quản trị viên. · List the administrators."""
    from api.cli import admin as administration, up as server

    with server.use_database_server(data_dir, "admin list") as urls:
        administration.list_administrators(urls)


@commands.command()
def export(  # noqa: PLR0917 - Typer reads the options off the parameters
    layer: Annotated[
        str, typer.Argument(help="Tên lớp dữ liệu · Name of the layer: markers, gates, incidents, works…")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Tệp xuất ra · File to write")],
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Định dạng · Format: geojson geojsonseq gpkg shp kml fgb parquet xlsx csv (default: as -o)",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", "-w", help="Điều kiện lọc, như trên địa chỉ trang · Filter as in the query of a URL: name=value"
        ),
    ] = None,
    bbox: Annotated[
        str | None, typer.Option(help="Phạm vi: tây,nam,đông,bắc · Bounding box: west,south,east,north")
    ] = None,
    reader: Annotated[
        str,
        typer.Option(
            help="office; partner: không cung cấp vị trí giả định · office; partner: without assumed positions"
        ),
    ] = "office",
    data_dir: DataDir = None,
) -> None:
    """Xuất dữ liệu của một lớp ra tệp. · Export a selection of a layer to a file."""
    from api.cli import up as server
    from api.rest.export import format_of, save

    with server.use_database_server(data_dir, "export") as urls:
        server.migrate(urls)
        chosen = file_format or format_of(output)
        query = [*(where or []), f"f={chosen}", f"reader={reader}", *([f"bbox={bbox}"] if bbox else [])]
        with server.open_database(urls) as database:
            number = save(database, layer, output, query)
    typer.echo(f"✓ {number} → {output}")


@audit.command("verify")
def audit_verify(data_dir: DataDir = None, anchor: Anchor = None) -> None:
    """Kiểm tra nhật ký và dữ liệu, nêu chỗ đầu tiên bị sửa đổi. · Verify journal and data; report the first change."""
    import layers  # noqa: F401 - declares the layers in the catalog
    from api.cli import up as server
    from api.cli.progress import progress
    from api.settings import COMMAND_LINE
    from gis.audit import verify_journal
    from gis.checks import reconcile_with_journal

    with server.use_database_server(data_dir, "audit") as urls, progress() as report:
        verification = verify_journal(server.make_sealer(urls, server.resolve_data_dir(data_dir), anchor), report)
        if verification.broken:
            raise Conflict(verification.broken.summary)
        if mismatch := reconcile_with_journal(urls.admin, COMMAND_LINE, report):
            raise Conflict(mismatch)
    typer.echo(f"✓ {verification.summary.vi}\n✓ {verification.summary.en}")


@audit.command("seal")
def audit_seal(
    data_dir: DataDir = None,
    anchor: Anchor = None,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key", help="Khóa cũ đã mất hẳn: tạo khóa mới · Create a new key because the old one is lost"
        ),
    ] = False,
) -> None:
    """Niêm phong ngay. · Seal the unsealed journal entries now."""
    from api.cli import up as server

    with server.use_database_server(data_dir, "audit") as urls:
        done = server.make_sealer(urls, server.resolve_data_dir(data_dir), anchor).seal(new_key=new_key)
    if done:
        typer.echo(f"✓ {done.summary.vi}\n✓ {done.summary.en}")


def main() -> None:
    """Run a command. A refusal is printed in both languages and exits with status 1."""
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Until a command installs its own handler, Ctrl-C ends the process at once.
    try:
        commands(prog_name="./cotmoc")
    except Refusal as refusal:
        typer.echo(f"✗ {refusal.detail.vi}\n✗ {refusal.detail.en}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
