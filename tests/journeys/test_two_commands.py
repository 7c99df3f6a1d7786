"""`./cotmoc up`: started, stopped, killed, started twice, in long and unreachable paths, as an ordinary user."""

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

TIMEOUT_S = 120
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the user")


class Up:
    """A running `./cotmoc up` and its output."""

    def __init__(self, *options: str | Path, checkout: Path = CHECKOUT, **process_options: object) -> None:
        command = [checkout / "cotmoc", "up", "--port", "0", *options]
        with tempfile.NamedTemporaryFile(delete=False) as output:
            self.log_file = Path(output.name)
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd="/", **process_options
            )

    @property
    def output(self) -> str:
        return self.log_file.read_text("utf-8")

    def wait_until_served(self) -> str:
        """Wait until the server logs its base URL; gives the URL."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            if match := re.search(r"serves at (http://\S+)", self.output):
                return match[1]
            assert self.process.poll() is None, self.output
            time.sleep(0.1)
        pytest.fail(f"the server did not start: {self.output}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def up(*options: str | Path, **process_options: object) -> Iterator[Up]:
    """Run `./cotmoc up` while the block runs."""
    started = Up(*options, **process_options)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end()
        started.log_file.unlink()


def run_cotmoc(
    *arguments: str | Path, checkout: Path = CHECKOUT, **process_options: object
) -> subprocess.CompletedProcess[str]:
    """Run `./cotmoc` with a command that ends by itself."""
    return subprocess.run(
        [checkout / "cotmoc", *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S, cwd="/",
        **process_options,
    )  # fmt: skip


def is_healthy(base_url: str) -> bool:
    with urllib.request.urlopen(f"{base_url}/healthz", timeout=10) as response:
        return response.status == 200


@pytest.fixture(autouse=True)
def require_installed_dependencies() -> None:
    """Require installed dependencies: otherwise `./cotmoc` would reinstall them while tests use them."""
    python = subprocess.run([sys.executable, "--version"], capture_output=True, check=True).stdout
    lock_hash = hashlib.sha256(python + (CHECKOUT / "requirements.lock").read_bytes()).hexdigest()
    stamp = CHECKOUT / ".venv" / "requirements.lock.installed"
    assert stamp.exists() and stamp.read_text().startswith(lock_hash), "prepare first, with ./cotmoc test"  # noqa: PT018


@pytest.fixture(scope="module")
def data_root() -> Iterator[Path]:
    """A folder that other users of this machine can enter."""
    folder = Path(tempfile.mkdtemp(prefix="cotmoc-journey-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


LONG_PATH = Path("Đồn biên phòng cửa khẩu", "bản thử – có tên rất dài", ("sâu " * 25).strip())
"""Longer than a socket path may be, with spaces and Vietnamese letters."""


@pytest.fixture(scope="module")
def data_dir(data_root: Path) -> Path:
    folder = data_root / LONG_PATH
    folder.mkdir(parents=True)
    assert len(os.fsencode(folder)) > 107
    return folder / "dữ liệu dùng chung"


def copy_checkout(folder: Path) -> Path:
    """Copy the checkout to ``folder``, with a link to its dependencies."""
    folder.mkdir(parents=True)
    for part in ("gis", "layers", "maps", "api", "data"):
        shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("cotmoc", "requirements.lock"):
        shutil.copy(CHECKOUT / file, folder / file)
    (folder / ".venv").symlink_to(CHECKOUT / ".venv")
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_server_and_cluster(data_dir: Path, number: int):
    with up("--data-dir", data_dir) as started:
        base_url = started.wait_until_served()
        assert base_url.startswith("http://127.0.0.1:")
        assert is_healthy(base_url)
        assert started.end(number) == 0
        assert "Stopped" in started.output
        assert "Cột Mốc đang phục vụ tại" in started.output
    assert not Cluster(data_dir).running
    with pytest.raises(OSError, match="refused"):
        is_healthy(base_url)


@pytest.mark.parametrize("step", ["Starting PostgreSQL", "Bringing the schema", "Loading the reference"])
def test_signal_during_start_stops_server_and_cluster(data_dir: Path, step: str):
    with up("--data-dir", data_dir) as started:
        deadline = time.monotonic() + TIMEOUT_S
        while step not in started.output:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started.end()
        assert "✗" not in started.output
        assert "serves at" not in started.output
    assert not Cluster(data_dir).running


def test_start_recovers_after_sigkill_of_all_processes(data_dir: Path):
    with up("--data-dir", data_dir) as started:
        started.wait_until_served()
        processes = Cluster(data_dir)._processes()
        started.end(signal.SIGKILL)
        kill(processes)
    with up("--data-dir", data_dir) as recovered:
        assert is_healthy(recovered.wait_until_served())


def test_orphaned_cluster_is_adopted_and_stopped(data_dir: Path):
    with up("--data-dir", data_dir) as started:
        started.wait_until_served()
        started.end(signal.SIGKILL)
    orphan = Cluster(data_dir)._postmaster()
    assert orphan
    with up("--data-dir", data_dir) as adopter:
        assert is_healthy(adopter.wait_until_served())
        assert Cluster(data_dir)._postmaster() == orphan
    assert not Cluster(data_dir).running


def test_second_up_names_the_lock_holder_or_the_used_port_and_migrate_works(data_root: Path, data_dir: Path):
    with up("--data-dir", data_dir) as first:
        base_url = first.wait_until_served()
        second = run_cotmoc("up", "--data-dir", data_dir)
        assert second.returncode == 1
        assert f"PID {first.process.pid}" in second.stderr
        assert base_url in second.stderr
        assert run_cotmoc("migrate", "--data-dir", data_dir).returncode == 0
        assert is_healthy(base_url)
        port = base_url.rsplit(":", 1)[1]
        third = run_cotmoc("up", "--data-dir", data_root / "another", "--port", port)
        assert third.returncode == 1
        assert f"port {port}" in third.stderr
        assert "--port" in third.stderr


def test_only_loopback_is_served_without_tls(data_dir: Path):
    refused = run_cotmoc("up", "--host", "0.0.0.0", "--data-dir", data_dir)
    assert refused.returncode == 1
    assert "are served over TLS only" in refused.stderr
    assert "chỉ phục vụ qua TLS" in refused.stderr
    assert "Starting" not in refused.stderr


@only_root
def test_checkout_unreachable_for_postgresql_keeps_data_in_var_lib(data_root: Path):
    home = data_root / "closed home"
    home.mkdir(mode=0o700)
    checkout = copy_checkout(home / "cotmoc")
    data_dir = None
    try:
        with up(checkout=checkout) as started:
            assert is_healthy(started.wait_until_served())
            data_dir = Path(re.search(r"Data: (.+)", started.output)[1])
        assert data_dir.parent == Path("/var/lib/cotmoc")
        refused = run_cotmoc("up", "--data-dir", home / "data", checkout=checkout)
        assert refused.returncode == 1
        assert str(home) in refused.stderr
        assert not (home / "data").exists()
    finally:
        if data_dir:
            shutil.rmtree(data_dir)


def user_nobody_can_run(python: Path) -> bool:
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return subprocess.run([python, "-c", ""], check=False, cwd="/", stderr=subprocess.DEVNULL, **user).returncode == 0


def test_ordinary_user_serves_from_a_long_path(data_root: Path):
    """As root the test runs as user ``nobody``, if that user can run the installed Python."""
    checkout, user = copy_checkout(data_root / "another's" / LONG_PATH), {}
    assert len(os.fsencode(checkout)) > 107
    with suppress(PermissionError):
        if os.geteuid() == 0 and user_nobody_can_run(CHECKOUT / ".venv/bin/python"):
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    for folder, folders, files in os.walk(checkout) if user else ():
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), 65534, 65534, follow_symlinks=False)
    with up(checkout=checkout, env={"PATH": "/usr/bin:/bin"}, **user) as started:
        assert is_healthy(started.wait_until_served())
    assert (checkout / ".cotmoc/cluster/PG_VERSION").exists()
    if user:
        assert (checkout / ".cotmoc/cluster").stat().st_uid == 65534
        refused = run_cotmoc("up", "--data-dir", "/root/cotmoc", checkout=checkout, **user)
        assert refused.returncode == 1
        assert "/root" in refused.stderr


@only_root
def test_missing_packages_print_the_install_command(data_root: Path):
    """In a mount namespace without PostGIS, as a user who may not install it."""
    command = (
        "mount -t tmpfs none /usr/share/postgresql && exec setpriv --reuid=65534 --clear-groups sh /cotmoc-script up"
    )
    script = data_root / "cotmoc"
    shutil.copy(CHECKOUT / "cotmoc", script)
    namespace = ["unshare", "--mount", "sh", "-c", command.replace("/cotmoc-script", str(script))]
    process = subprocess.run(namespace, capture_output=True, text=True, check=False, cwd="/")
    if "unshare" in process.stderr or "mount:" in process.stderr:
        pytest.skip("this machine does not allow mount namespaces")
    assert process.returncode == 1
    line = next(line for line in process.stderr.splitlines() if line.startswith("  "))
    assert re.match(r"  (sudo sh|su) -c '.+'$", line)
    assert "apt-get -q install -y --no-install-recommends" in line
    assert "postgresql postgresql-postgis" in line
    assert "create_main_cluster = false" in line
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0


def test_external_database_uses_the_password_file_and_login_passwords(data_root: Path):
    with Cluster.throwaway(durable=True) as external:
        external.create_database("border")
        url = external.url("border").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute("alter role postgres password 'quá bí mật/@:'")
            external._write("pg_hba.conf", "local all all scram-sha-256\n")
            administrator.execute("select pg_reload_conf()")
        secret = data_root / "password"
        secret.write_text("quá bí mật/@:\n")
        environment = os.environ | {"COTMOC_DATABASE_URL": url, "COTMOC_DATABASE_PASSWORD_FILE": str(secret)}
        data_dir = data_root / "external database"
        with up("--data-dir", data_dir, env=environment) as started:
            base_url = started.wait_until_served()
            with urllib.request.urlopen(f"{base_url}/ogc/collections/markers/items?limit=1", timeout=10) as response:
                assert len(json.load(response)["features"]) == 1
        assert not (data_dir / "cluster").exists()
        assert external.running
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, user="cotmoc_reader", password="guessed")


def test_compose_file_is_valid_and_publishes_on_loopback():
    process = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout
    published = re.findall(r"ports: (\[.*\])", (CHECKOUT / "docker-compose.yml").read_text("utf-8"))
    assert [json.loads(ports) for ports in published] == [["127.0.0.1:8000:8000"]]


def test_image_copies_every_package_and_runs_unprivileged():
    lines = (CHECKOUT / "Dockerfile").read_text("utf-8").splitlines()
    assert {f"COPY {part} {part}" for part in ("gis", "layers", "maps", "api", "data")} <= set(lines)
    assert lines.index("USER cotmoc") < lines.index('ENTRYPOINT ["python", "-m", "api"]')


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_lock_files_pin_hashes_and_name_no_package_index(lock: str):
    text = (CHECKOUT / lock).read_text("utf-8")
    pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 50
    assert "://" not in text


def test_login_passwords_are_created_once_in_a_file_of_mode_0600(tmp_path: Path):
    created = _login_passwords(tmp_path)
    assert _login_passwords(tmp_path) == created
    assert created.keys() == set(LOGINS)
    assert len(set(created.values())) == len(LOGINS)
    assert stat.S_IMODE((tmp_path / "logins.json").stat().st_mode) == 0o600
