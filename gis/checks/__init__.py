"""Checks of an installation: the doctor, and the reconciliation of tables with the journal."""

from gis.checks.doctor import is_healthy
from gis.checks.reconcile import reconcile_with_journal
from gis.checks.result import CheckResult, CheckStatus

__all__ = [
    "CheckResult",
    "CheckStatus",
    "is_healthy",
    "reconcile_with_journal",
]
