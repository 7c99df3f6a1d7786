"""``./cotmoc up``: hold the data directory, run the database, bring it up to date, serve, and stop it all again."""

import json
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType

import typer
import uvicorn

from api.reach import Reach
from gis.database import DOOR_LOGIN, LOGINS, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN, Database
from gis.doctor import Finding, State
from gis.errors import Conflict, Refusal
from gis.language import Text
from gis.postgis import Cluster, held, login_url, reachable
from gis.seals import Sealer, sealing

CHECKOUT = Path(__file__).resolve().parent.parent
DATABASE = "cotmoc"
PATIENCE_S = 3


@dataclass(frozen=True)
class Addresses:
    """Where the database answers: for its administrator and, by name, for the application's logins.

    ``passwords`` are the logins' own on a server of yours; in the embedded cluster the kernel vouches for them.
    """

    admin: str
    logins: dict[str, str]
    passwords: dict[str, str] | None = None


def up(port: int, data_dir: Path | None, reach: Reach, anchor: Path | None = None) -> None:
    """Serve on ``port`` as far as ``reach`` until SIGINT or SIGTERM; raises a ``Refusal`` when that cannot be."""
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
                with sealing(sealer(addresses, place, anchor)):
                    _serve(addresses, door, place, end, reach)
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
    from api.migrate import migrate as upgrade

    say("Nâng cấp lược đồ", "Bringing the schema up to date")
    upgrade(addresses.admin, addresses.passwords)


def revise(addresses: Addresses, message: str) -> str | None:
    """Write the revision that brings the schema to the cards as they are now; None where nothing differs."""
    from api.migrate import revise as write

    return write(addresses.admin, message)


def load(addresses: Addresses) -> None:
    """Load the reference data that is not there yet."""
    from layers import reference

    say("Nạp dữ liệu tham chiếu", "Loading the reference data")
    with database(addresses) as opened_database:
        folder = CHECKOUT / "data" / "reference"
        reference.load(opened_database, folder, lambda line: typer.echo(f"  {line}", err=True))


def examine(addresses: Addresses, place: Path, anchor: Path | None) -> list[Finding]:
    """What the doctor finds today."""
    from api.migrate import examine as look

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


class Ended(SystemExit):
    """Somebody asked us to stop: unwind, so that what was started is stopped."""


class End:
    """Whether somebody asked us to stop, by SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal went).

    The first signal raises ``Ended`` wherever we are. Python loses an exception that comes while it
    clears away an object, so long work asks again in between (``heed``). Later signals do not
    disturb the stopping.
    """

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # which uvicorn understands

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            raise Ended(130)

    def heed(self) -> None:
        """Raise ``Ended`` when it was asked for and got lost."""
        if self.asked:
            raise Ended(130)


def _serve(addresses: Addresses, door: socket.socket, place: Path, end: End, reach: Reach) -> None:
    """Serve on the open socket until a signal ends it."""
    from api.app import create_app
    from api.settings import Settings
    from api.wire import Wire

    host, port = door.getsockname()[:2]
    settings = Settings(
        reader_url=addresses.logins[READER_LOGIN],
        writer_url=addresses.logins[WRITER_LOGIN],
        door_url=addresses.logins[DOOR_LOGIN],
        partner_url=addresses.logins[PARTNER_LOGIN],
        host=host,
        port=port,
        **reach.settings(),
    )
    config = uvicorn.Config(
        create_app(settings),
        host,
        port,
        loop="uvloop",
        http=Wire,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,  # a slow download does not hold up Ctrl-C
        **reach.served(),
    )
    Server(config, place, end).run(sockets=[door])
    end.heed()


class Server(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, place: Path, end: End) -> None:
        super().__init__(config)
        self.place, self.end = place, end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit |= self.end.asked
        if self.started and not self.should_exit:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            typer.echo(f"  Dữ liệu · Data: {self.place}", err=True)
            address = f"{'https' if self.config.is_ssl else 'http'}://{host}:{self.config.port}"
            typer.echo(f"✓ Cột mốc đang phục vụ tại {address} (Ctrl-C để dừng)")
            typer.echo(f"✓ Cotmoc serves at {address} (Ctrl-C stops it)")


def _door(host: str, port: int) -> socket.socket:
    """The listening socket, opened first of all, so that a taken port costs nobody a start."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Conflict(
            Text(
                f"Không mở được cổng {port} tại {host} ({error.strerror}); hãy chọn cổng khác bằng --port",
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
