"""Schemathesis fuzzes the service with its OpenAPI document."""

import json
import sys
from pathlib import Path

from tests.api.ogc.client_programs import run
from tests.factories import incident, work

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(document, url, folder, paths, *, seconds, phases="fuzzing"):
    """Run schemathesis with an OpenAPI document against the server."""
    file = folder / "api.json"
    file.write_text(json.dumps(document))
    return run(
        str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", url, "--checks", CHECKS,
        "--max-time", str(seconds), "--phases", phases, "--include-path-regex", paths, "--continue-on-failure",
        "--suppress-health-check", "all", "--warnings", "off", "--max-examples", "12", "--seed", "20260101",
        "--no-color", cwd=folder,
    )  # fmt: skip


def test_fuzzing_conforms_to_the_openapi_document(site_url, client, tmp_path):
    """No 5xx and no undocumented status, media type or body; links lead from create to read and update."""
    incident(client)
    work(client)
    document = client.get("/ogc/api").json()
    paths = "^/(collections/(works|incidents)(/|$)|conformance|$)"
    output = fuzz(document, f"{site_url}/ogc", tmp_path, paths, seconds=30, phases="fuzzing,stateful")
    assert "passed" in output


def test_fuzzing_of_the_json_api_conforms_to_the_openapi_document(site_url, client, tmp_path):
    document = client.get("/ogc/api").json()
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if path.startswith("/api/") and "servers" in methods
    }
    for item in document["paths"].values():
        del item["servers"]
    output = fuzz(document, site_url, tmp_path, "^/api/(locate|cards|basemap|export/gates)", seconds=12)
    assert "passed" in output
