"""The peers: TiPg and pygeoapi with default settings, each in its own venv, with two workers and raised limits.

They read a view over the same table as superuser, so that no row policy slows them down. Their venvs are created once,
outside the checkout.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from national import administrator
from server import free_port, running, wait_until_ready
from workloads import PYGEOAPI, TIPG

from api.cli.up import DATABASE_NAME
from gis.cluster.private_cluster import Cluster
from gis.model.fields import Level
from gis.model.layer import catalog

WORKERS: Final = 2
MAX_FEATURES: Final = 1_000_000
PACKAGES: Final = {
    TIPG: ("1.6.1", ["tipg==1.6.1", "uvicorn[standard]"]),
    PYGEOAPI: (
        "0.21.0",
        ["pygeoapi==0.21.0", "starlette", "uvicorn[standard]", "sqlalchemy<2.1", "geoalchemy2<0.18", "psycopg2-binary"],
    ),
}


def peer_python(name: str) -> Path:
    """The Python of the peer's venv, which is created unless it exists."""
    version, packages = PACKAGES[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "cotmoc-bench")
    venv = cache / f"{name}-{version}"
    python = venv / "bin" / "python"
    if not (venv / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["python3", "-m", "venv", str(venv)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(install, check=True)
        (venv / "installed").touch()
    return python


def create_peer_view(cluster: Cluster) -> None:
    """Create the view that the peers read: the readable stored fields of incidents and their geometry."""
    stored = [
        readable_field.name
        for readable_field in catalog["incidents"].readable_fields(Level.RESTRICTED).values()
        if readable_field.sql is None
    ]
    columns = ", ".join(f'"{name}"' for name in ["id", *stored, "geom"])
    with administrator(cluster) as connection:
        connection.execute("create schema if not exists bench")
        connection.execute(
            f"create or replace view bench.incidents as select {columns} from app.incidents where retired_at is null"
        )


@contextmanager
def peer_server(name: str, cluster: Cluster, folder: Path) -> Iterator[str]:
    """Run a peer; gives its base URL."""
    python, port = peer_python(name), free_port()
    base, log = f"http://127.0.0.1:{port}", folder / f"{name}.log"
    application, settings = _tipg(cluster) if name == TIPG else _pygeoapi(cluster, folder, python, base)
    command = [str(python), "-m", "uvicorn", application, "--port", str(port), "--workers", str(WORKERS)]
    command += ["--no-access-log"]
    values = {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}
    with running(command, log, values) as process:
        wait_until_ready(process, log, f"{base}/collections")
        yield base


def _tipg(cluster: Cluster) -> tuple[str, dict[str, str]]:
    return "tipg.main:app", {
        "DATABASE_URL": f"postgresql://postgres@{quote(str(cluster.socket_dir), safe='')}/{DATABASE_NAME}",
        "TIPG_DB_SCHEMAS": '["bench"]',
        "TIPG_TABLE_CONFIG__bench_incidents__pk": "id",
        "TIPG_TABLE_CONFIG__bench_incidents__geomcol": "geom",
        "TIPG_MAX_FEATURES_PER_QUERY": str(MAX_FEATURES),
        "TIPG_MAX_FEATURES_PER_TILE": str(MAX_FEATURES),
        "DB_MIN_CONN_SIZE": "1",
        "DB_MAX_CONN_SIZE": "10",
    }


def _pygeoapi(cluster: Cluster, folder: Path, python: Path, base: str) -> tuple[str, dict[str, str]]:
    resource = {
        "type": "collection",
        "title": "incidents",
        "description": "incidents",
        "keywords": ["incidents"],
        "links": [],
        "extents": {"spatial": {"bbox": [102, 8, 110, 24], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
        "providers": [
            {
                "type": "feature",
                "name": "PostgreSQL",
                "data": {
                    "host": str(cluster.socket_dir),
                    "port": "5432",
                    "dbname": DATABASE_NAME,
                    "user": "postgres",
                    "password": "",
                    "search_path": ["bench", "public"],
                },
                "id_field": "id",
                "table": "incidents",
                "geom_field": "geom",
            }
        ],
    }
    limits = {"default_items": 10, "max_items": MAX_FEATURES}
    text = {"title": "bench", "description": "bench", "keywords": ["bench"], "url": base, "terms_of_service": "none"}
    contact = {"name": "bench", "url": base}
    configuration = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": int(base.rpartition(":")[2])}, "url": base,
            "mimetype": "application/json; charset=UTF-8", "encoding": "utf-8", "language": "en-US", "limits": limits,
            "map": {"url": "https://invalid.invalid/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": text, "license": {"name": "none", "url": base},
            "provider": contact, "contact": contact,
        },
        "resources": {"incidents": resource},
    }  # fmt: skip
    config, openapi = folder / "pygeoapi.yml", folder / "openapi.yml"
    config.write_text(json.dumps(configuration))  # JSON is YAML
    settings = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    generate = [str(python.with_name("pygeoapi")), "openapi", "generate", str(config), "--output-file", str(openapi)]
    subprocess.run(generate, check=True, capture_output=True, env={"PATH": os.environ["PATH"], **settings})
    return "pygeoapi.starlette_app:APP", settings
