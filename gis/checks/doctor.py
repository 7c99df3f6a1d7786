"""The doctor: whether the house may open today.

Every check looks at what stands, never at what was meant: in PostgreSQL's catalogues, on the disk, in the anchor of
the sealed journal. ``examine`` gives all findings; one of them bad, and nobody is served.
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
    """Every finding, in the order of the checks. Needs the database's administrator; changes nothing."""
    engine = create_engine(admin_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("set transaction read only"))
        return [finding for check in CHECKS for finding in check(connection, installation)]


def is_healthy(findings: Iterable[CheckResult]) -> bool:
    """Whether the house may open."""
    return all(finding.state is not CheckStatus.BAD for finding in findings)


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
