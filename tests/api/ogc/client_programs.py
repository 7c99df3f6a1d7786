"""Runs GDAL, QGIS and other programs against the service."""

import json
import os
import subprocess

MARKERS = "/ogc/collections/markers/items"

ENVIRONMENT = {**os.environ, "no_proxy": "localhost", "QT_QPA_PLATFORM": "offscreen", "GDAL_PAM_ENABLED": "NO"}


def run(*command, **more):
    """The output of a program; fails the test with that output if the program fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def count_markers(client, **parameters):
    """The number of markers that match."""
    return len(client.get(MARKERS, params={"limit": 10000, **parameters}).json()["features"])


def read_result(output):
    """The result that a script printed, without the output of its libraries."""
    return json.loads(next(line for line in output.splitlines() if line.startswith("RESULT "))[7:])
