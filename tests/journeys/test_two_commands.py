"""`./cotmoc up` as people meet it: started, stopped, killed, started twice, in awkward places, without rights."""

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from api.cli.up import CHECKOUT, _login_passwords
from gis.cluster.private_cluster import Cluster
from gis.db.session import LOGINS
from tests.process_kill import kill

PATIENCE = 120
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


class Up:
    """A running `./cotmoc up` and what it has said so far."""

    def __init__(self, *options: str | Path, checkout: Path = CHECKOUT, **how: object) -> None:
        command = [checkout / "cotmoc", "up", "--port", "0", *options]
        with tempfile.NamedTemporaryFile(delete=False) as spoken:
            self.log_file = Path(spoken.name)
            self.process = subprocess.Popen(
                command, stdout=spoken, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd="/", **how
            )

    @property
    def words(self) -> str:
        return self.log_file.read_text("utf-8")

    def serves(self) -> str:
        """Wait until it says where it serves, and return the address."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if results := re.search(r"serves at (http://\S+)", self.words):
                return results[1]
            assert self.process.poll() is None, self.words
            time.sleep(0.1)
        pytest.fail(f"it does not serve: {self.words}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def up(*options: str | Path, **how: object) -> Iterator[Up]:
    started = Up(*options, **how)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end()
        started.log_file.unlink()


def said_by(*arguments: str | Path, checkout: Path = CHECKOUT, **how: object) -> subprocess.CompletedProcess[str]:
    """A `./cotmoc` that ends by itself."""
    return subprocess.run(
        [checkout / "cotmoc", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE, cwd="/", **how
    )


def answers(address: str) -> bool:
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as response:
        return response.status == 200


@pytest.fixture(autouse=True)
def skip_preparation() -> None:
    """`./cotmoc` would otherwise lay the dependencies anew, under the feet of these very tests."""
    python = subprocess.run([sys.executable, "--version"], capture_output=True, check=True).stdout
    made_from = hashlib.sha256(python + (CHECKOUT / "requirements.lock").read_bytes()).hexdigest()
    stamp = CHECKOUT / ".venv" / "requirements.lock.installed"
    assert stamp.exists() and stamp.read_text().startswith(made_from), "prepare first, with ./cotmoc test"  # noqa: PT018


@pytest.fixture(scope="module")
def data_root() -> Iterator[Path]:
    """A place that other users of this machine can enter."""
    place = Path(tempfile.mkdtemp(prefix="cotmoc-journey-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


LONG = Path("Đồn biên phòng cửa khẩu", "bản thử – có tên rất dài", ("sâu " * 25).strip())
"""Longer than a socket's path may be, with spaces and Vietnamese letters."""


@pytest.fixture(scope="module")
def data_dir(data_root: Path) -> Path:
    place = data_root / LONG
    place.mkdir(parents=True)
    assert len(os.fsencode(place)) > 107
    return place / "dữ liệu dùng chung"


def checkout_in(place: Path) -> Path:
    """A checkout of what is tested here, in another place, with the same prepared dependencies."""
    place.mkdir(parents=True)
    for part in ("gis", "layers", "maps", "api", "data"):
        shutil.copytree(CHECKOUT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("cotmoc", "requirements.lock"):
        shutil.copy(CHECKOUT / file, place / file)
    (place / ".venv").symlink_to(CHECKOUT / ".venv")
    return place


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_server_and_cluster(data_dir: Path, number: int):
    with up("--data-dir", data_dir) as started:
        address = started.serves()
        assert address.startswith("http://127.0.0.1:")
        assert answers(address)
        assert started.end(number) == 0
        assert "Stopped" in started.words
        assert "Cột Mốc đang phục vụ tại" in started.words
    assert not Cluster(data_dir).running
    with pytest.raises(OSError, match="refused"):
        answers(address)


@pytest.mark.parametrize("step", ["Starting PostgreSQL", "Bringing the schema", "Loading the reference"])
def test_signal_during_start_stops_server_and_cluster(data_dir: Path, step: str):
    with up("--data-dir", data_dir) as started:
        deadline = time.monotonic() + PATIENCE
        while step not in started.words:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started.end()
        assert "✗" not in started.words
        assert "serves at" not in started.words
    assert not Cluster(data_dir).running


def test_start_recovers_after_sigkill_of_all_processes(data_dir: Path):
    with up("--data-dir", data_dir) as started:
        started.serves()
        processes = Cluster(data_dir)._processes()
        started.end(signal.SIGKILL)
        kill(processes)
    with up("--data-dir", data_dir) as recovered:
        assert answers(recovered.serves())


def test_orphaned_cluster_is_adopted_and_stopped(data_dir: Path):
    with up("--data-dir", data_dir) as started:
        started.serves()
        started.end(signal.SIGKILL)
    left = Cluster(data_dir)._postmaster()
    assert left
    with up("--data-dir", data_dir) as adopter:
        assert answers(adopter.serves())
        assert Cluster(data_dir)._postmaster() == left
    assert not Cluster(data_dir).running


def test_second_up_names_the_lock_holder_and_other_commands_work(data_root: Path, data_dir: Path):
    with up("--data-dir", data_dir) as first:
        address = first.serves()
        second = said_by("up", "--data-dir", data_dir)
        assert second.returncode == 1
        assert f"PID {first.process.pid}" in second.stderr
        assert address in second.stderr
        assert said_by("migrate", "--data-dir", data_dir).returncode == 0
        assert answers(address)
        port = address.rsplit(":", 1)[1]
        third = said_by("up", "--data-dir", data_root / "another", "--port", port)
        assert third.returncode == 1
        assert f"port {port}" in third.stderr
        assert "--port" in third.stderr


def test_only_loopback_is_served_without_tls(data_dir: Path):
    refused = said_by("up", "--host", "0.0.0.0", "--data-dir", data_dir)
    assert refused.returncode == 1
    assert "are served over TLS only" in refused.stderr
    assert "chỉ phục vụ qua TLS" in refused.stderr
    assert "Starting" not in refused.stderr


@only_root
def test_unreachable_checkout_keeps_data_in_var_lib(data_root: Path):
    home = data_root / "closed home"
    home.mkdir(mode=0o700)
    checkout = checkout_in(home / "cotmoc")
    place = None
    try:
        with up(checkout=checkout) as started:
            assert answers(started.serves())
            place = Path(re.search(r"Data: (.+)", started.words)[1])
        assert place.parent == Path("/var/lib/cotmoc")
        refused = said_by("up", "--data-dir", home / "data", checkout=checkout)
        assert refused.returncode == 1
        assert str(home) in refused.stderr
        assert not (home / "data").exists()
    finally:
        if place:
            shutil.rmtree(place)


def nobody_reaches(place: Path) -> bool:
    who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return subprocess.run([place, "-c", ""], check=False, cwd="/", stderr=subprocess.DEVNULL, **who).returncode == 0


def test_ordinary_user_serves_from_a_long_path(data_root: Path):
    """Root becomes nobody for it, unless the prepared dependencies lie where nobody can enter."""
    checkout, who = checkout_in(data_root / "another's" / LONG), {}
    assert len(os.fsencode(checkout)) > 107
    with suppress(PermissionError):
        if os.geteuid() == 0 and nobody_reaches(CHECKOUT / ".venv/bin/python"):
            who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    for place, folders, files in os.walk(checkout) if who else ():
        for name in (".", *folders, *files):
            os.chown(Path(place, name), 65534, 65534, follow_symlinks=False)
    with up(checkout=checkout, env={"PATH": "/usr/bin:/bin"}, **who) as started:
        assert answers(started.serves())
    assert (checkout / ".cotmoc/cluster/PG_VERSION").exists()
    if who:
        assert (checkout / ".cotmoc/cluster").stat().st_uid == 65534
        refused = said_by("up", "--data-dir", "/root/cotmoc", checkout=checkout, **who)
        assert refused.returncode == 1
        assert "/root" in refused.stderr


@only_root
def test_missing_packages_print_the_install_line(data_root: Path):
    """In a mount namespace where the distribution's PostGIS is not there, and as a user who may not install it."""
    bare = "mount -t tmpfs none /usr/share/postgresql && exec setpriv --reuid=65534 --clear-groups sh /cotmoc-script up"
    script = data_root / "cotmoc"
    shutil.copy(CHECKOUT / "cotmoc", script)
    namespace = ["unshare", "--mount", "sh", "-c", bare.replace("/cotmoc-script", str(script))]
    message = subprocess.run(namespace, capture_output=True, text=True, check=False, cwd="/")
    if "unshare" in message.stderr or "mount:" in message.stderr:
        pytest.skip("this machine lets nobody make a mount namespace")
    assert message.returncode == 1
    line = next(line for line in message.stderr.splitlines() if line.startswith("  "))
    assert re.match(r"  (sudo sh|su) -c '.+'$", line)
    assert "apt-get -q install -y --no-install-recommends" in line
    assert "postgresql postgresql-postgis" in line
    assert "create_main_cluster = false" in line
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0


def test_external_database_uses_password_file_and_own_logins(data_root: Path):
    with Cluster.throwaway(durable=True) as yours:
        yours.create_database("border")
        url = yours.url("border").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute("alter role postgres password 'quá bí mật/@:'")
            yours._write("pg_hba.conf", "local all all scram-sha-256\n")
            administrator.execute("select pg_reload_conf()")
        secret = data_root / "password"
        secret.write_text("quá bí mật/@:\n")
        environment = os.environ | {"COTMOC_DATABASE_URL": url, "COTMOC_DATABASE_PASSWORD_FILE": str(secret)}
        place = data_root / "beside a server of yours"
        with up("--data-dir", place, env=environment) as started:
            address = started.serves()
            with urllib.request.urlopen(f"{address}/ogc/collections/markers/items?limit=1", timeout=10) as response:
                assert len(json.load(response)["features"]) == 1
        assert not (place / "cluster").exists()
        assert yours.running
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, user="cotmoc_reader", password="guessed")


def test_compose_file_is_valid_and_publishes_on_loopback():
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    published = re.findall(r"ports: (\[.*\])", (CHECKOUT / "docker-compose.yml").read_text("utf-8"))
    assert [json.loads(ports) for ports in published] == [["127.0.0.1:8000:8000"]]


def test_image_copies_every_package_and_runs_unprivileged():
    lines = (CHECKOUT / "Dockerfile").read_text("utf-8").splitlines()
    assert {f"COPY {part} {part}" for part in ("gis", "layers", "maps", "api", "data")} <= set(lines)
    assert lines.index("USER cotmoc") < lines.index('ENTRYPOINT ["python", "-m", "api"]')


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_locks_pin_hashes_and_name_no_index(lock: str):
    text = (CHECKOUT / lock).read_text("utf-8")
    pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 50
    assert "://" not in text


def test_external_database_secrets_are_created_once_with_mode_0600(tmp_path: Path):
    created = _login_passwords(tmp_path)
    assert _login_passwords(tmp_path) == created
    assert created.keys() == set(LOGINS)
    assert len(set(created.values())) == len(LOGINS)
    assert stat.S_IMODE((tmp_path / "logins.json").stat().st_mode) == 0o600
