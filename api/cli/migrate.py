"""Migrations and checks of ``gis``, called with this application's layers, policy and revisions."""

from collections.abc import Mapping
from pathlib import Path

import layers  # noqa: F401 - declares the layers in the catalog
from api.settings import COMMAND_LINE
from gis.checks import doctor, result
from gis.schema import migrate as migrations
from layers import loading  # noqa: F401 - declares the table ``loaded_steps``
from layers.policy import POLICY

MIGRATIONS_FOLDER = Path(__file__).resolve().parents[2] / "data" / "migrations"


def migrate(admin_url: str, passwords: Mapping[str, str] | None = None) -> None:
    """Migrate the database as its administrator. Safe at every start: a second run changes nothing."""
    migrations.migrate(admin_url, MIGRATIONS_FOLDER, POLICY, passwords)


def examine(
    admin_url: str, data_dir: Path, passwords: Mapping[str, str] | None = None, anchor: Path | None = None
) -> list[result.CheckResult]:
    """Run the checks of ``doctor`` against the policy and the tables that ``migrate`` installs."""
    files = tuple(data_dir / name for name in ("logins.json", "seal.key"))
    installation = result.Installation(POLICY, data_dir, COMMAND_LINE, files, passwords, anchor=anchor)
    return doctor.run_checks(admin_url, installation)


def revise(admin_url: str, message: str) -> str | None:
    """Write the revision that takes a migrated database to the declared layers; None if there is no difference."""
    return migrations.revise(admin_url, MIGRATIONS_FOLDER, POLICY, message)
