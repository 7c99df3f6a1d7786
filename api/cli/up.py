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
from api.cli.shutdown import End, Ended
from api.http.network import Reach
from gis.audit.seal import Sealer
from gis.checks.doctor import Finding, State
from gis.cluster.private_cluster import Cluster, held, login_url, reachable
from gis.db.session import DOOR_LOGIN, LOGINS, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN, Database
from gis.text.errors import Conflict, Refusal
from gis.text.i18n import Text

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE = "cotmoc"


@dataclass(frozen=True)
class Addresses:
    """Where the database answers: for its administrator and, by name, for the application's logins.

    ``passwords`` are the logins' own on a server of yours; in the embedded cluster the kernel vouches for them.
    """

    admin: str
    logins: dict[str, str]
    passwords: dict[str, str] | None = None


def up(port: int, data_dir: Path | None, reach: Reach, anchor: Path | None = None, number: int | None = None) -> None:
    """Serve on ``port`` as far as ``reach`` from ``number`` processes, until SIGINT or SIGTERM.

    Raises a ``Refusal`` when that cannot be.
    """
    reach.refuse_unsafe()
    place = chosen(data_dir)
    end = End()
    try:
        with held(place, "up") as sign, closing(_door(reach.address, port)) as door:
            sign(door.getsockname()[1])
            with running(place) as addresses:
                for step in (migrate, load):
                    end.heed()
                    step(addresses)
                end.heed()
                reach.refuse_unattended(addresses.logins[DOOR_LOGIN])
                refuse_unfit(examine(addresses, place, anchor))
                config = _served(addresses, door, reach, number or workers.usual())
                _serve(config, door, place, end, sealer(addresses, place, anchor))
    except Ended:
        say("Đã dừng", "Stopped")
    except Refusal:
        if not end.asked:  # Ctrl-C reaches PostgreSQL's programs too, and they complain
            raise


@contextmanager
def opened(data_dir: Path | None, doing: str) -> Iterator[Addresses]:
    """The running database for a verb that comes and goes, beside an ``up`` that serves or without one."""
    place = chosen(data_dir)
    End()
    with ExitStack() as stack:
        try:
            stack.enter_context(held(place, doing))
        except Conflict:
            if not _yours():
                cluster = Cluster(place)
                if not cluster.running:
                    raise
                yield _of(cluster)
                return
        yield stack.enter_context(running(place))


@contextmanager
def running(place: Path) -> Iterator[Addresses]:
    """The database, started when it is the embedded one and stopped afterwards."""
    if url := _yours():
        passwords = _passwords(place)
        yield Addresses(login_url(url), {login: login_url(url, login, passwords[login]) for login in LOGINS}, passwords)
        return
    cluster = Cluster(place)
    say("Khởi động PostgreSQL", "Starting PostgreSQL")
    with cluster:
        if not cluster.has_database(DATABASE):
            cluster.create_database(DATABASE)
        yield _of(cluster)


def migrate(addresses: Addresses) -> None:
    """Bring the schema to this version's."""
    from api.cli.migrate import migrate as upgrade

    say("Nâng cấp lược đồ", "Bringing the schema up to date")
    upgrade(addresses.admin, addresses.passwords)


def revise(addresses: Addresses, message: str) -> str | None:
    """Write the revision that brings the schema to the cards as they are now; None where nothing differs."""
    from api.cli.migrate import revise as write

    return write(addresses.admin, message)


def load(addresses: Addresses) -> None:
    """Load the reference data that is not there yet."""
    from layers import loading as reference

    say("Nạp dữ liệu tham chiếu", "Loading the reference data")
    with database(addresses) as opened_database:
        folder = CHECKOUT / "data" / "reference"
        reference.load(opened_database, folder, lambda line: typer.echo(f"  {line}", err=True))


def examine(addresses: Addresses, place: Path, anchor: Path | None) -> list[Finding]:
    """What the doctor finds today."""
    from api.cli.migrate import examine as look

    return look(addresses.admin, place, addresses.passwords, sealer(addresses, place, anchor).anchor)


def refuse_unfit(findings: list[Finding]) -> None:
    """Raises ``Conflict`` naming each bad finding, so that nobody is served by a house that is not in order."""
    bad = [finding for finding in findings if finding.state is State.BAD]
    if bad:
        faults = [f"{one.check.vi}: {one.said.vi}" for one in bad], [f"{one.check.en}: {one.said.en}" for one in bad]
        raise Conflict(Text(f"Chưa thể phục vụ. {'; '.join(faults[0])}", f"Not fit to serve. {'; '.join(faults[1])}"))


def sealer(addresses: Addresses, place: Path, anchor: Path | None) -> Sealer:
    """Who seals the journal: with the key in ``place``, and with the anchor there too unless it has a better one."""
    return Sealer(addresses.logins[SEALER_LOGIN], place, anchor.absolute() if anchor else place / "anchor.jsonl")


@contextmanager
def database(addresses: Addresses) -> Iterator[Database]:
    """The application's own way into the database, closed afterwards."""
    made = Database(addresses.logins[READER_LOGIN], addresses.logins[WRITER_LOGIN])
    try:
        yield made
    finally:
        made.dispose()


def chosen(data_dir: Path | None) -> Path:
    """Where the data lie: where the caller says, else in the checkout, else, as root, in ``/var/lib/cotmoc``.

    Root's cluster is run by another user, who does not get into a checkout under a home that is
    closed to others. Data that were made in either place stay there.
    """
    near = CHECKOUT / ".cotmoc"
    far = Path("/var/lib/cotmoc", sha256(os.fsencode(CHECKOUT)).hexdigest()[:12])
    if data_dir:
        place = data_dir.absolute()
    elif _yours() or os.geteuid() != 0 or (near / "cluster").exists():
        place = near
    else:
        place = far if (far / "cluster").exists() or not reachable(near) else near
    if not _yours():
        Cluster(place)  # refuses a place that its user cannot reach, before anything is made there
    return place


def say(vi: str, en: str) -> None:
    """One line of progress."""
    typer.echo(f"→ {vi} · {en}", err=True)


def _served(addresses: Addresses, door: socket.socket, reach: Reach, number: int) -> uvicorn.Config:
    """What each of ``number`` processes serves at the open door."""
    from api.app import create_app
    from api.http.protocol import Wire
    from api.settings import Settings

    host, port = door.getsockname()[:2]
    settings = Settings(
        reader_url=addresses.logins[READER_LOGIN],
        writer_url=addresses.logins[WRITER_LOGIN],
        door_url=addresses.logins[DOOR_LOGIN],
        partner_url=addresses.logins[PARTNER_LOGIN],
        host=host,
        port=port,
        workers=number,
        **reach.settings(),
    )
    return uvicorn.Config(
        create_app(settings),
        host,
        port,
        workers=number,
        loop="uvloop",
        http=Wire,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=workers.PATIENCE_S,  # a slow download does not hold up Ctrl-C
        **reach.served(),
    )


def _serve(config: uvicorn.Config, door: socket.socket, place: Path, end: End, sealing: Sealer) -> None:
    """Serve until a signal ends it."""
    several = config.workers > 1
    say(f"Mở {config.workers} tiến trình phục vụ", f"Starting {config.workers} worker{'s' if several else ''}")
    crew = [*workers.serving(config, door), workers.sealing_with(sealing)]
    workers.watch(crew, end, lambda: _tell(place, config))
    end.heed()


def _tell(place: Path, config: uvicorn.Config) -> None:
    """Say where we serve."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"{'https' if config.is_ssl else 'http'}://{host}:{config.port}"
    typer.echo(f"  Dữ liệu · Data: {place}", err=True)
    typer.echo(f"✓ Cột Mốc đang phục vụ tại {address} (Ctrl-C để dừng)")
    typer.echo(f"✓ Cotmoc serves at {address} (Ctrl-C stops it)")


def _door(host: str, port: int) -> socket.socket:
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


def _of(cluster: Cluster) -> Addresses:
    return Addresses(cluster.url(DATABASE), {login: cluster.url(DATABASE, login) for login in LOGINS})


def _yours() -> str | None:
    """The administrator's address of a server of yours, with its password from a file where one is named."""
    url = os.environ.get("COTMOC_DATABASE_URL")
    file = os.environ.get("COTMOC_DATABASE_PASSWORD_FILE")
    return login_url(url, password=Path(file).read_text().strip()) if url and file else url


def _passwords(place: Path) -> dict[str, str]:
    """The secrets of the logins on a server of yours, made when first needed, kept for their owner's eyes alone."""
    file = place / "logins.json"
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
