"""Bringing a database to this version: the cards, the policy page and the revisions, handed to the engine."""

from collections.abc import Mapping
from pathlib import Path

import layers  # noqa: F401 - fills the catalog
from gis.checks import doctor, result
from gis.schema import migrate as migrations
from layers import loading  # noqa: F401 - keeps a table of what has been loaded
from layers.policy import POLICY

MIGRATIONS_FOLDER = Path(__file__).resolve().parents[2] / "data" / "migrations"


def migrate(admin_url: str, passwords: Mapping[str, str] | None = None) -> None:
    """Bring the database to this version as its administrator; safe at every start."""
    migrations.migrate(admin_url, MIGRATIONS_FOLDER, POLICY, passwords)


def examine(
    admin_url: str, data_dir: Path, passwords: Mapping[str, str] | None = None, anchor: Path | None = None
) -> list[result.CheckResult]:
    """What the doctor finds today, against the same policy and the same tables that migrating knows."""
    files = tuple(data_dir / name for name in ("logins.json", "seal.key"))
    return doctor.run_checks(admin_url, result.Installation(POLICY, data_dir, files, passwords, anchor=anchor))


def revise(admin_url: str, message: str) -> str | None:
    """Write the revision from a migrated database to the cards as they are now; None where nothing differs."""
    return migrations.revise(admin_url, MIGRATIONS_FOLDER, POLICY, message)
