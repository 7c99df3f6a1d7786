"""The doctor: checks that must pass before the server starts.

Every check inspects the actual state: PostgreSQL's catalogues, the disk and the anchor file of the sealed journal.
``run_checks`` returns all results; the server does not start while one of them is ``BAD``.
"""

from collections.abc import Iterable

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gis.checks.installation_checks import check_clock, check_disk, check_durability, check_seals, check_secrets
from gis.checks.result import Check, CheckResult, CheckStatus, Installation
from gis.checks.rights_checks import (
    check_foreign_privileges,
    check_leakproof,
    check_partner_login,
    check_policy_bypasses,
    check_roles,
    check_row_security,
    check_security_drift,
    check_structure,
)


def run_checks(admin_url: str, installation: Installation) -> list[CheckResult]:
    """Run all checks in a read-only transaction. ``admin_url`` must be that of the database administrator."""
    engine = create_engine(admin_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("set transaction read only"))
        return [result for check in CHECKS for result in check(connection, installation)]


def is_healthy(results: Iterable[CheckResult]) -> bool:
    """Whether no result is ``BAD``, so that the server may start."""
    return all(result.state is not CheckStatus.BAD for result in results)


CHECKS: tuple[Check, ...] = (
    check_row_security,
    check_security_drift,
    check_structure,
    check_leakproof,
    check_roles,
    check_policy_bypasses,
    check_foreign_privileges,
    check_partner_login,
    check_durability,
    check_secrets,
    check_clock,
    check_seals,
    check_disk,
)
