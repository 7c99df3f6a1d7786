"""``./cotmoc up``: lock the data directory, start the database, migrate and load it, serve, and stop everything."""

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import typer
import uvicorn

from api.cli import workers
from api.cli.shutdown import ShutdownRequested, ShutdownSignal
from api.http.network import NetworkOptions
from api.settings import COMMAND_LINE
from gis.audit import Sealer
from gis.checks import CheckResult, CheckStatus
from gis.cluster import Cluster, data_dir_lock, login_url, reachable
from gis.db import ACCOUNTS_LOGIN, LOGINS, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN, Database
from gis.text import Conflict, Refusal, Text

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE_NAME = "cotmoc"


@dataclass(frozen=True)
class DatabaseUrls:
    """The connection URLs of the database: of its administrator, and of each login of the application by name.

    ``passwords`` holds the logins' passwords on an external server; the embedded cluster uses peer authentication.
    """

    admin: str
    logins: dict[str, str]
    passwords: dict[str, str] | None = None


def up(
    port: int,
    data_dir: Path | None,
    network: NetworkOptions,
    anchor: Path | None = None,
    worker_count: int | None = None,
) -> None:
    """Serve on ``port`` with ``worker_count`` processes until SIGINT, SIGTERM or SIGHUP.

    ``network`` says where to listen and who may connect. Raises a ``Refusal`` if the service cannot start.
    """
    network.refuse_unsafe()
    folder = resolve_data_dir(data_dir)
    shutdown = ShutdownSignal()
    try:
        with data_dir_lock(folder, "up") as write_port, closing(_open_listener(network.bind_address, port)) as listener:
            write_port(listener.getsockname()[1])
            with run_database_server(folder) as urls:
                for step in (migrate, load):
                    shutdown.raise_if_requested()
                    step(urls)
                shutdown.raise_if_requested()
                network.require_administrator(urls.logins[ACCOUNTS_LOGIN])
                refuse_bad_findings(examine(urls, folder, anchor))
                config = _uvicorn_config(urls, listener, network, worker_count or workers.default_worker_count())
                _serve(config, listener, folder, shutdown, make_sealer(urls, folder, anchor))
    except ShutdownRequested:
        print_progress("Đã dừng", "Stopped")
    except Refusal:
        if not shutdown.requested:  # Ctrl-C also reaches PostgreSQL's programs, whose errors are not ours to report.
            raise


@contextmanager
def use_database_server(data_dir: Path | None, command: str) -> Iterator[DatabaseUrls]:
    """The database server for a short command: that of a running ``up``, or one started for the command.

    Raises ``Conflict`` while another command holds the data directory and no embedded cluster runs in it.
    """
    folder = resolve_data_dir(data_dir)
    ShutdownSignal()
    with ExitStack() as stack:
        try:
            stack.enter_context(data_dir_lock(folder, command))
        except Conflict:
            if not _external_database_url():
                cluster = Cluster(folder)
                if not cluster.running:
                    raise
                yield _cluster_urls(cluster)
                return
        yield stack.enter_context(run_database_server(folder))


@contextmanager
def run_database_server(data_dir: Path) -> Iterator[DatabaseUrls]:
    """The database server: an external one, or the embedded cluster, which is stopped after the block."""
    if url := _external_database_url():
        passwords = _login_passwords(data_dir)
        yield DatabaseUrls(
            login_url(url), {login: login_url(url, login, passwords[login]) for login in LOGINS}, passwords
        )
        return
    cluster = Cluster(data_dir)
    print_progress("Khởi động PostgreSQL", "Starting PostgreSQL")
    with cluster:
        if not cluster.has_database(DATABASE_NAME):
            cluster.create_database(DATABASE_NAME)
        yield _cluster_urls(cluster)


def migrate(urls: DatabaseUrls) -> None:
    """Migrate the schema to this version."""
    from api.cli import migrate as migrations

    print_progress("Nâng cấp lược đồ", "Bringing the schema up to date")
    migrations.migrate(urls.admin, urls.passwords)


def revise(urls: DatabaseUrls, message: str) -> str | None:
    """Write the revision that takes the schema to the declared layers; None if there is no difference."""
    from api.cli import migrate as migrations

    return migrations.revise(urls.admin, message)


def load(urls: DatabaseUrls) -> None:
    """Run the steps of loading reference data that have not run yet."""
    from layers import loading

    print_progress("Nạp dữ liệu tham chiếu", "Loading the reference data")
    with open_database(urls) as database:
        folder = CHECKOUT / "data" / "reference"
        loading.load(database, folder, lambda line: typer.echo(f"  {line}", err=True))


def examine(urls: DatabaseUrls, data_dir: Path, anchor: Path | None) -> list[CheckResult]:
    """Run the checks of ``doctor``."""
    from api.cli import migrate as migrations

    return migrations.examine(urls.admin, data_dir, urls.passwords, make_sealer(urls, data_dir, anchor).anchor)


def refuse_bad_findings(findings: list[CheckResult]) -> None:
    """Raise ``Conflict`` that names each failed check, so that a faulty installation does not serve."""
    bad = [finding for finding in findings if finding.state is CheckStatus.BAD]
    if bad:
        vi = "; ".join(f"{finding.check.vi}: {finding.detail.vi}" for finding in bad)
        en = "; ".join(f"{finding.check.en}: {finding.detail.en}" for finding in bad)
        raise Conflict(Text(f"Chưa thể phục vụ. {vi}", f"Checks failed, so nothing is served. {en}"))


def make_sealer(urls: DatabaseUrls, data_dir: Path, anchor: Path | None) -> Sealer:
    """The sealer of the journal. Its key is in ``data_dir``, and so is the anchor file if ``anchor`` is None."""
    file = anchor.absolute() if anchor else data_dir / "anchor.jsonl"
    return Sealer(urls.logins[SEALER_LOGIN], data_dir, file, COMMAND_LINE)


@contextmanager
def open_database(urls: DatabaseUrls) -> Iterator[Database]:
    """The application's database sessions, closed after the block."""
    database = Database(urls.logins[READER_LOGIN], urls.logins[WRITER_LOGIN])
    try:
        yield database
    finally:
        database.dispose()


def resolve_data_dir(data_dir: Path | None) -> Path:
    """The data directory: ``data_dir``, else ``.cotmoc`` in the checkout, else a folder in ``/var/lib/cotmoc``.

    The last is for root only: its cluster runs as another user, who may not enter a checkout in a private home
    directory. A cluster that exists in either folder continues to be used. Raises ``Forbidden`` if the cluster's user
    cannot reach the directory.
    """
    in_checkout = CHECKOUT / ".cotmoc"
    in_system = Path("/var/lib/cotmoc", sha256(os.fsencode(CHECKOUT)).hexdigest()[:12])
    if data_dir:
        folder = data_dir.absolute()
    elif _external_database_url() or os.geteuid() != 0 or (in_checkout / "cluster").exists():
        folder = in_checkout
    else:
        folder = in_system if (in_system / "cluster").exists() or not reachable(in_checkout) else in_checkout
    if not _external_database_url():
        Cluster(folder)  # Refuses a folder that the cluster's user cannot reach, before anything is created in it.
    return folder


def print_progress(vi: str, en: str) -> None:
    """Print one step of a command in both languages."""
    typer.echo(f"→ {vi} · {en}", err=True)


def _uvicorn_config(
    urls: DatabaseUrls, listener: socket.socket, network: NetworkOptions, worker_count: int
) -> uvicorn.Config:
    """The configuration of each worker process, which serves on ``listener``."""
    from api.app import create_app
    from api.http.protocol import HttpProtocol
    from api.settings import Settings

    host, port = listener.getsockname()[:2]
    settings = Settings(
        reader_url=urls.logins[READER_LOGIN],
        writer_url=urls.logins[WRITER_LOGIN],
        accounts_url=urls.logins[ACCOUNTS_LOGIN],
        partner_url=urls.logins[PARTNER_LOGIN],
        host=host,
        port=port,
        workers=worker_count,
        **network.settings(),
    )
    return uvicorn.Config(
        create_app(settings),
        host,
        port,
        workers=worker_count,
        loop="uvloop",
        http=HttpProtocol,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=workers.GRACEFUL_SHUTDOWN_S,  # A slow download must not delay the shutdown.
        **network.uvicorn_options(),
    )


def _serve(
    config: uvicorn.Config, listener: socket.socket, data_dir: Path, shutdown: ShutdownSignal, sealer: Sealer
) -> None:
    """Serve until a signal comes."""
    print_progress(
        f"Mở {config.workers} tiến trình phục vụ",
        f"Starting {config.workers} worker{'s' if config.workers > 1 else ''}",
    )
    processes = [*workers.serving_workers(config, listener), workers.sealing_worker(sealer)]
    workers.supervise(processes, shutdown, lambda: _print_url(data_dir, config))
    shutdown.raise_if_requested()


def _print_url(data_dir: Path, config: uvicorn.Config) -> None:
    """Print the data directory and the URL of the service."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    url = f"{'https' if config.is_ssl else 'http'}://{host}:{config.port}"
    typer.echo(f"  Dữ liệu · Data: {data_dir}", err=True)
    typer.echo(f"✓ Cột Mốc đang phục vụ tại {url} (Ctrl-C để dừng)")
    typer.echo(f"✓ Cotmoc serves at {url} (Ctrl-C stops it)")


def _open_listener(host: str, port: int) -> socket.socket:
    """The listening socket. It is opened before the database starts, so that a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Conflict(
            Text(
                f"Không mở được cổng kết nối {port} tại {host} ({error.strerror}); hãy chọn cổng khác bằng --port",
                f"Cannot open port {port} on {host} ({error.strerror}); choose another one with --port",
            )
        ) from error


def _cluster_urls(cluster: Cluster) -> DatabaseUrls:
    return DatabaseUrls(cluster.url(DATABASE_NAME), {login: cluster.url(DATABASE_NAME, login) for login in LOGINS})


def _external_database_url() -> str | None:
    """The administrator's URL of an external server, with the password from a file if one is configured."""
    url = os.environ.get("COTMOC_DATABASE_URL")
    file = os.environ.get("COTMOC_DATABASE_PASSWORD_FILE")
    return login_url(url, password=Path(file).read_text().strip()) if url and file else url


def _login_passwords(data_dir: Path) -> dict[str, str]:
    """The logins' passwords on an external server, generated when first needed and stored in a file of mode 600."""
    file = data_dir / "logins.json"
    passwords: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if not passwords.keys() >= set(LOGINS):
        passwords = {login: secrets.token_urlsafe(32) for login in LOGINS} | passwords
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(passwords))
        unfinished.rename(file)
    return passwords
