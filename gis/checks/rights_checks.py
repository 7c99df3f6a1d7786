"""Checks of database roles, grants, row-level security policies and the schema."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.engine import Connection

from gis.checks.result import CheckResult, CheckStatus, Installation, check_result, query_names
from gis.db.session import LOGINS, OWNER_ROLE, PARTNER_LOGIN, PUBLISHER, READER_LOGIN, WRITER_LOGIN
from gis.model.record import Record
from gis.schema import fingerprint
from gis.schema.apply import security_drift
from gis.schema.grants import REVOKED_FUNCTIONS
from gis.schema.policy_model import Policy
from gis.text.i18n import Text
from gis.text.sql_files import SqlFile

UNSAFE_SETTINGS = [
    r"^cotmoc\.",
    "^(session_replication_role|role|row_security|synchronous_commit)$",
    "_preload_libraries$",
]
"""Settings that, preset for a login or a database, disable triggers, forge the journal's actor or lose writes."""


SQL = SqlFile(__file__)


def _names(connection: Connection, query: str, **values: Any) -> list[str]:
    """The names that a query of ``rights_checks.sql`` lists."""
    return query_names(connection, SQL.text(query), **values)


def _own_unit_roles(policy: Policy) -> list[str]:
    return [role.own_unit_role for role in policy.roles if role.scoped]


def check_row_security(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that every table with grants forces row security, and that views run with the caller's rights."""
    open_tables = _names(connection, "tables_without_row_security")
    yield from check_result(
        "Mọi bảng có chính sách phân quyền theo dòng",
        "Every table has row-level security policies",
        open_tables,
        installation.run_migrate,
    )
    open_views = _names(connection, "views_with_owner_rights", own_unit_roles=_own_unit_roles(installation.policy))
    yield from check_result(
        "Khung nhìn dùng quyền của người truy vấn",
        "Views run with the caller's rights",
        open_views,
        installation.run_migrate,
    )


def check_security_drift(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check grants and policies against the hash stored by the last migration, and the owners of all objects."""
    faults = security_drift(connection, installation.policy)
    yield from check_result(
        "Mã kiểm tra của toàn bộ phân quyền", "Hash of all grants and policies", faults, installation.run_migrate
    )
    foreign = _names(
        connection,
        "objects_of_other_owners",
        owner=OWNER_ROLE,
        publisher=PUBLISHER,
        own_unit_roles=_own_unit_roles(installation.policy),
    )
    yield from check_result(
        "Mọi đối tượng thuộc một chủ sở hữu không đăng nhập được",
        "Every object belongs to one owner that cannot log in",
        foreign,
        installation.run_migrate,
    )


def check_structure(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """Check tables, columns and constraints against models and fingerprint, and that there are no rewrite rules."""
    tables = Record.metadata.tables.values()
    expected_columns = {f"{table.fullname}.{column.name}" for table in tables for column in table.columns}
    columns = _names(connection, "columns", tables=[table.fullname for table in tables])
    expected_names = {f"{table.fullname}.{index.name}" for table in tables for index in table.indexes} | {
        f"{table.fullname}.{constraint.name}"
        for table in tables
        for constraint in table.constraints
        if not isinstance(constraint, PrimaryKeyConstraint) or constraint.columns
    }
    names = _names(connection, "valid_constraints_and_indexes")
    rules = _names(connection, "rewrite_rules")
    faults = sorted({*expected_columns ^ set(columns), *expected_names - set(names), *rules})
    faults += fingerprint.differing_tables(connection)
    restore = Text("so với bản sao lưu", "compare with a backup")
    yield from check_result(
        "Bảng, cột và ràng buộc đúng như khai báo", "Tables, columns and constraints as declared", faults, restore
    )


def check_leakproof(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that exactly one function of PostGIS is marked LEAKPROOF: the operator of the spatial index.

    Without the mark PostgreSQL does not use the index under row security.
    """
    unmarked = _names(connection, "unmarked_index_operator")
    yield from check_result(
        "Chỉ mục không gian dùng được khi áp dụng phân quyền",
        "The spatial index works under row security",
        unmarked,
        installation.run_migrate,
    )
    trusted = _names(connection, "other_leakproof_functions")
    yield from check_result(
        "Không hàm nào khác được đánh dấu tin cậy",
        "No other function is marked LEAKPROOF",
        trusted,
        Text("bỏ dấu LEAKPROOF của hàm", "alter the function to NOT LEAKPROOF"),
    )


def check_roles(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that all roles exist, and none has attributes, memberships or a login beyond the declared ones."""
    existing = set(_names(connection, "roles"))
    missing = sorted({OWNER_ROLE, *LOGINS, *(role.read_role for role in installation.policy.roles)} - existing)
    yield from check_result("Đủ các vai trò", "Every role exists", missing, installation.run_migrate)
    privileged = _names(connection, "privileged_roles")
    restrict = Text(
        "alter role … nosuperuser nobypassrls nocreaterole", "alter role … nosuperuser nobypassrls nocreaterole"
    )
    yield from check_result(
        "Không vai trò nào bỏ qua được chính sách phân quyền", "No role bypasses the policies", privileged, restrict
    )
    memberships = set(_names(connection, "memberships"))
    excess = sorted(memberships - _declared_memberships(installation.policy))
    revoke = Text("thu hồi vai trò thừa (REVOKE)", "revoke the undeclared membership (REVOKE)")
    yield from check_result(
        "Không vai trò nào kế thừa vai trò ngoài khai báo", "No role inherits an undeclared role", excess, revoke
    )
    unexpected_logins = _names(connection, "unexpected_logins", logins=list(LOGINS))
    yield from check_result(
        "Chỉ các tài khoản đã khai báo đăng nhập được",
        "Only the declared logins can log in",
        unexpected_logins,
        installation.run_migrate,
    )


def _declared_memberships(policy: Policy) -> set[str]:
    """Every membership that ``gis.schema.grants.roles_sql`` grants, as ``member → role``."""
    memberships = {f"{OWNER_ROLE} → {PUBLISHER}"}
    if policy.partner_view_role is not None:
        memberships.add(f"{PUBLISHER} → {policy.partner_view_role.read_role}")
    memberships |= {f"{OWNER_ROLE} → {name}" for name in _own_unit_roles(policy)}
    for role in policy.roles:
        memberships |= {f"{login} → {role.read_role}" for login in (READER_LOGIN, WRITER_LOGIN)}
        if role.edits:
            memberships |= {f"{WRITER_LOGIN} → {role.write_role}", f"{role.write_role} → {role.read_role}"}
    return memberships


def check_policy_bypasses(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that no role may bypass policies by a function, use sequences, or create objects or temporary tables."""
    granted = _names(connection, "policy_bypasses", functions=list(REVOKED_FUNCTIONS), owner=OWNER_ROLE)
    yield from check_result(
        "Không có cách bỏ qua chính sách phân quyền", "No way to bypass the policies", granted, installation.run_migrate
    )
    temporary = _names(connection, "logins_with_temporary_tables", logins=list(LOGINS))
    # A warning only: a restored database loses this, and functions with a fixed search path are safe without it.
    check = "Không vai trò nào được tạo bảng tạm", "No role may create temporary tables"
    yield from check_result(*check, temporary, installation.run_migrate, worst=CheckStatus.POOR)


def check_foreign_privileges(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """Check for grants outside the schemas ``app`` and ``release``, and for settings that weaken the protection.

    Grants that PostgreSQL and its extensions make themselves are not reported.
    """
    granted = _names(connection, "foreign_grants")
    revoke = Text("thu hồi quyền thừa (REVOKE)", "revoke the excess privilege (REVOKE)")
    yield from check_result(
        "Không vai trò nào có quyền ngoài các lược đồ", "No role has rights outside the schemas", granted, revoke
    )
    settings = _names(connection, "unsafe_settings", unsafe_settings=UNSAFE_SETTINGS)
    reset = Text("alter role … reset; revoke set on parameter", "alter role … reset; revoke set on parameter")
    yield from check_result(
        "Không có thiết lập nào nới lỏng bảo vệ", "No setting weakens the protection", settings, reset
    )


def check_partner_login(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that the partners' login reads nothing but the schema ``release`` and writes nothing."""
    readable = _names(connection, "readable_by_partners", login=PARTNER_LOGIN)
    yield from check_result(
        "Đối tác chỉ đọc được phần đã phát hành",
        "Partners read released data only",
        readable,
        installation.run_migrate,
    )
    writable = _names(connection, "writable_by_partners", login=PARTNER_LOGIN)
    yield from check_result("Đối tác không ghi được gì", "Partners write nothing", writable, installation.run_migrate)
