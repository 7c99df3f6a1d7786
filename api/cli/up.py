"""``./cotmoc up``: hold the data directory, run the database, bring it up to date, serve, and stop it all again."""

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
from gis.audit import Sealer
from gis.checks import CheckResult, CheckStatus
from gis.cluster import Cluster, data_dir_lock, login_url, reachable
from gis.db import ACCOUNTS_LOGIN, LOGINS, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN, Database
from gis.text import Conflict, Refusal, Text

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE_NAME = "cotmoc"


@dataclass(frozen=True)
class DatabaseUrls:
    """Where the database answers: for its administrator and, by name, for the application's logins.

    ``passwords`` are the logins' own on a server of yours; in the embedded cluster the kernel vouches for them.
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
    """Serve on ``port`` as far as ``reach`` from ``number`` processes, until SIGINT or SIGTERM.

    Raises a ``Refusal`` when that cannot be.
    """
    network.refuse_unsafe()
    place = resolve_data_dir(data_dir)
    end = ShutdownSignal()
    try:
        with data_dir_lock(place, "up") as sign, closing(_open_listener(network.bind_address, port)) as door:
            sign(door.getsockname()[1])
            with run_database_server(place) as addresses:
                for step in (migrate, load):
                    end.raise_if_requested()
                    step(addresses)
                end.raise_if_requested()
                network.require_administrator(addresses.logins[ACCOUNTS_LOGIN])
                refuse_bad_findings(examine(addresses, place, anchor))
                config = _uvicorn_config(addresses, door, network, worker_count or workers.default_worker_count())
                _serve(config, door, place, end, make_sealer(addresses, place, anchor))
    except ShutdownRequested:
        print_progress("Đã dừng", "Stopped")
    except Refusal:
        if not end.requested:  # Ctrl-C reaches PostgreSQL's programs too, and they complain
            raise


@contextmanager
def use_database_server(data_dir: Path | None, command: str) -> Iterator[DatabaseUrls]:
    """The running database for a verb that comes and goes, beside an ``up`` that serves or without one."""
    place = resolve_data_dir(data_dir)
    ShutdownSignal()
    with ExitStack() as stack:
        try:
            stack.enter_context(data_dir_lock(place, command))
        except Conflict:
            if not _external_database_url():
                cluster = Cluster(place)
                if not cluster.running:
                    raise
                yield _cluster_urls(cluster)
                return
        yield stack.enter_context(run_database_server(place))


@contextmanager
def run_database_server(data_dir: Path) -> Iterator[DatabaseUrls]:
    """The database, started when it is the embedded one and stopped afterwards."""
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
    """Bring the schema to this version's."""
    from api.cli.migrate import migrate as upgrade

    print_progress("Nâng cấp lược đồ", "Bringing the schema up to date")
    upgrade(urls.admin, urls.passwords)


def revise(urls: DatabaseUrls, message: str) -> str | None:
    """Write the revision that brings the schema to the cards as they are now; None where nothing differs."""
    from api.cli.migrate import revise as write

    return write(urls.admin, message)


def load(urls: DatabaseUrls) -> None:
    """Load the reference data that is not there yet."""
    from layers import loading

    print_progress("Nạp dữ liệu tham chiếu", "Loading the reference data")
    with open_database(urls) as opened_database:
        folder = CHECKOUT / "data" / "reference"
        loading.load(opened_database, folder, lambda line: typer.echo(f"  {line}", err=True))


def examine(urls: DatabaseUrls, data_dir: Path, anchor: Path | None) -> list[CheckResult]:
    """What the doctor finds today."""
    from api.cli.migrate import examine as look

    return look(urls.admin, data_dir, urls.passwords, make_sealer(urls, data_dir, anchor).anchor)


def refuse_bad_findings(findings: list[CheckResult]) -> None:
    """Raises ``Conflict`` naming each bad finding, so that nobody is served by a house that is not in order."""
    bad = [finding for finding in findings if finding.state is CheckStatus.BAD]
    if bad:
        faults = (
            [f"{one.check.vi}: {one.detail.vi}" for one in bad],
            [f"{one.check.en}: {one.detail.en}" for one in bad],
        )
        raise Conflict(Text(f"Chưa thể phục vụ. {'; '.join(faults[0])}", f"Not fit to serve. {'; '.join(faults[1])}"))


def make_sealer(urls: DatabaseUrls, data_dir: Path, anchor: Path | None) -> Sealer:
    """Who seals the journal: with the key in ``place``, and with the anchor there too unless it has a better one."""
    return Sealer(urls.logins[SEALER_LOGIN], data_dir, anchor.absolute() if anchor else data_dir / "anchor.jsonl")


@contextmanager
def open_database(urls: DatabaseUrls) -> Iterator[Database]:
    """The application's own way into the database, closed afterwards."""
    made = Database(urls.logins[READER_LOGIN], urls.logins[WRITER_LOGIN])
    try:
        yield made
    finally:
        made.dispose()


def resolve_data_dir(data_dir: Path | None) -> Path:
    """Where the data lie: where the caller says, else in the checkout, else, as root, in ``/var/lib/cotmoc``.

    Root's cluster is run by another user, who does not get into a checkout under a home that is
    closed to others. Data that were made in either place stay there.
    """
    near = CHECKOUT / ".cotmoc"
    far = Path("/var/lib/cotmoc", sha256(os.fsencode(CHECKOUT)).hexdigest()[:12])
    if data_dir:
        place = data_dir.absolute()
    elif _external_database_url() or os.geteuid() != 0 or (near / "cluster").exists():
        place = near
    else:
        place = far if (far / "cluster").exists() or not reachable(near) else near
    if not _external_database_url():
        Cluster(place)  # refuses a place that its user cannot reach, before anything is made there
    return place


def print_progress(vi: str, en: str) -> None:
    """One line of progress."""
    typer.echo(f"→ {vi} · {en}", err=True)


def _uvicorn_config(
    urls: DatabaseUrls, listener: socket.socket, network: NetworkOptions, worker_count: int
) -> uvicorn.Config:
    """What each of ``number`` processes serves at the open door."""
    from api.app import create_app
    from api.http.protocol import HttpProtocol
    from api.settings import Settings

    host, port = listener.getsockname()[:2]
    settings = Settings(
        reader_url=urls.logins[READER_LOGIN],
        writer_url=urls.logins[WRITER_LOGIN],
        door_url=urls.logins[ACCOUNTS_LOGIN],
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
        timeout_graceful_shutdown=workers.GRACEFUL_SHUTDOWN_S,  # a slow download does not hold up Ctrl-C
        **network.uvicorn_options(),
    )


def _serve(
    config: uvicorn.Config, listener: socket.socket, data_dir: Path, shutdown: ShutdownSignal, sealer: Sealer
) -> None:
    """Serve until a signal ends it."""
    several = config.workers > 1
    print_progress(
        f"Mở {config.workers} tiến trình phục vụ", f"Starting {config.workers} worker{'s' if several else ''}"
    )
    crew = [*workers.serving_workers(config, listener), workers.sealing_worker(sealer)]
    workers.supervise(crew, shutdown, lambda: _print_url(data_dir, config))
    shutdown.raise_if_requested()


def _print_url(data_dir: Path, config: uvicorn.Config) -> None:
    """Say where we serve."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"{'https' if config.is_ssl else 'http'}://{host}:{config.port}"
    typer.echo(f"  Dữ liệu · Data: {data_dir}", err=True)
    typer.echo(f"✓ Cột Mốc đang phục vụ tại {address} (Ctrl-C để dừng)")
    typer.echo(f"✓ Cotmoc serves at {address} (Ctrl-C stops it)")


def _open_listener(host: str, port: int) -> socket.socket:
    """The listening socket, opened first of all, so that a taken port costs nobody a start."""
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
    """The administrator's address of a server of yours, with its password from a file where one is named."""
    url = os.environ.get("COTMOC_DATABASE_URL")
    file = os.environ.get("COTMOC_DATABASE_PASSWORD_FILE")
    return login_url(url, password=Path(file).read_text().strip()) if url and file else url


def _login_passwords(data_dir: Path) -> dict[str, str]:
    """The secrets of the logins on a server of yours, made when first needed, kept for their owner's eyes alone."""
    file = data_dir / "logins.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if not kept.keys() >= set(LOGINS):
        made = {login: secrets.token_urlsafe(32) for login in LOGINS} | kept
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(made))
        unfinished.rename(file)
        kept = made
    return kept
