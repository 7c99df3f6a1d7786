"""Checks of database roles, grants, row-level security policies and the schema."""

from collections.abc import Iterator

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

UNSAFE_SETTINGS = [
    r"^cotmoc\.",
    "^(session_replication_role|role|row_security|synchronous_commit)$",
    "_preload_libraries$",
]
"""Settings that, preset for a login or a database, disable triggers, forge the journal's actor or lose writes."""


def _own_unit_roles(policy: Policy) -> list[str]:
    return [role.own_unit_role for role in policy.roles if role.scoped]


def check_row_security(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that every table with grants forces row security, and that views run with the caller's rights."""
    open_tables = query_names(
        connection,
        "select c.oid::regclass from pg_class c where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and c.relkind in ('r', 'p', 'm', 'f') and not (c.relrowsecurity and c.relforcerowsecurity)"
        " and (exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)"
        "  or exists (select from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = c.oid))",
    )
    yield from check_result(
        "Mọi bảng có chính sách phân quyền theo dòng",
        "Every table has row-level security policies",
        open_tables,
        installation.run_migrate,
    )
    open_views = query_names(
        connection,
        "select oid::regclass from pg_class where relnamespace::regnamespace::text in ('app', 'release')"
        " and relkind = 'v' and not coalesce(reloptions, '{}') @> array['security_invoker=true']"
        # Own-unit views belong to roles that are subject to row security themselves.
        " and not (relname like '%\\_own' and relowner::regrole::text = any(:own_unit_roles))",
        own_unit_roles=_own_unit_roles(installation.policy),
    )
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
    foreign = query_names(
        connection,
        "select c.oid::regclass::text from pg_class c where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and c.relowner::regrole::text <> :owner"
        " and not (c.relkind = 'v' and c.relowner::regrole::text = any(:own_unit_roles)) union all"
        " select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace::regnamespace::text in ('app', 'release') and p.prosecdef"
        " and (p.proowner::regrole::text not in (:owner, :publisher)"
        "  or not coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path')",
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
    columns = query_names(
        connection,
        "select attrelid::regclass || '.' || attname from pg_attribute where attrelid::regclass::text = any(:tables)"
        " and attnum > 0 and not attisdropped",
        tables=[table.fullname for table in tables],
    )
    expected_names = {f"{table.fullname}.{index.name}" for table in tables for index in table.indexes} | {
        f"{table.fullname}.{constraint.name}"
        for table in tables
        for constraint in table.constraints
        if not isinstance(constraint, PrimaryKeyConstraint) or constraint.columns
    }
    names = query_names(
        connection,
        "select conrelid::regclass || '.' || conname from pg_constraint where convalidated and conrelid <> 0 union all"
        " select i.indrelid::regclass || '.' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where i.indisvalid",
    )
    rules = query_names(
        connection,
        "select ev_class::regclass || '.' || rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class"
        " where c.relnamespace::regnamespace::text in ('app', 'release') and rulename <> '_RETURN'",
    )
    faults = sorted({*expected_columns ^ set(columns), *expected_names - set(names), *rules})
    faults += fingerprint.differing_lines(connection)
    restore = Text("so với bản sao lưu", "compare with a backup")
    yield from check_result(
        "Bảng, cột và ràng buộc đúng như khai báo", "Tables, columns and constraints as declared", faults, restore
    )


def check_leakproof(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that exactly one function of PostGIS is marked LEAKPROOF: the operator of the spatial index.

    Without the mark PostgreSQL does not use the index under row security.
    """
    unmarked = query_names(
        connection,
        "select oid::regprocedure from pg_proc where not proleakproof"
        " and oid = 'geometry_overlaps(geometry, geometry)'::regprocedure",
    )
    yield from check_result(
        "Chỉ mục không gian dùng được khi áp dụng phân quyền",
        "The spatial index works under row security",
        unmarked,
        installation.run_migrate,
    )
    trusted = query_names(
        connection,
        "select p.oid::regprocedure from pg_proc p join pg_depend d on d.objid = p.oid and d.deptype = 'e'"
        " join pg_extension e on e.oid = d.refobjid and e.extname = 'postgis'"
        " where p.proleakproof and p.proname <> 'geometry_overlaps'",
    )
    yield from check_result(
        "Không hàm nào khác được đánh dấu tin cậy",
        "No other function is marked LEAKPROOF",
        trusted,
        Text("bỏ dấu LEAKPROOF của hàm", "alter the function to NOT LEAKPROOF"),
    )


def check_roles(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that all roles exist, and none has attributes, memberships or a login beyond the declared ones."""
    existing = set(query_names(connection, "select rolname from pg_roles where rolname like 'cotmoc\\_%'"))
    missing = sorted({OWNER_ROLE, *LOGINS, *(role.read_role for role in installation.policy.roles)} - existing)
    yield from check_result("Đủ các vai trò", "Every role exists", missing, installation.run_migrate)
    privileged = query_names(
        connection,
        "select rolname from pg_roles where rolname like 'cotmoc\\_%'"
        " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    )
    restrict = Text(
        "alter role … nosuperuser nobypassrls nocreaterole", "alter role … nosuperuser nobypassrls nocreaterole"
    )
    yield from check_result(
        "Không vai trò nào bỏ qua được chính sách phân quyền", "No role bypasses the policies", privileged, restrict
    )
    memberships = set(
        query_names(
            connection,
            "select m.member::regrole || ' → ' || m.roleid::regrole from pg_auth_members m"
            " join pg_roles r on r.oid = m.member where r.rolname like 'cotmoc\\_%'"
            " or m.roleid::regrole::text like 'cotmoc\\_%' and not r.rolsuper",
        )
    )
    excess = sorted(memberships - _declared_memberships(installation.policy))
    revoke = Text("thu hồi vai trò thừa (REVOKE)", "revoke the undeclared membership (REVOKE)")
    yield from check_result(
        "Không vai trò nào kế thừa vai trò ngoài khai báo", "No role inherits an undeclared role", excess, revoke
    )
    unexpected_logins = query_names(
        connection,
        "select rolname from pg_roles where rolname like 'cotmoc\\_%' and (rolcanlogin <> (rolname = any(:logins))"
        " or rolcanlogin and rolinherit)",
        logins=list(LOGINS),
    )
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
    granted = query_names(
        connection,
        "select oid::regprocedure::text from pg_proc where proname = any(:functions)"
        " and has_function_privilege('public', oid, 'execute') union all"
        " select n.nspname || ' → ' || r.rolname from pg_namespace n cross join pg_roles r"
        " where n.nspname in ('public', 'app', 'release') and r.rolname like 'cotmoc\\_%' and r.rolname <> :owner"
        " and has_schema_privilege(r.oid, n.oid, 'create') union all"
        " select s.seqrelid::regclass || ' → ' || r.rolname from pg_sequence s join pg_class c on c.oid = s.seqrelid"
        " cross join pg_roles r where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and r.rolname like 'cotmoc\\_%' and r.rolname <> :owner"
        " and has_sequence_privilege(r.oid, s.seqrelid, 'usage, select, update')",
        functions=list(REVOKED_FUNCTIONS),
        owner=OWNER_ROLE,
    )
    yield from check_result(
        "Không có cách bỏ qua chính sách phân quyền", "No way to bypass the policies", granted, installation.run_migrate
    )
    temporary = query_names(
        connection,
        "select rolname from pg_roles where rolname = any(:logins)"
        " and has_database_privilege(oid, current_database(), 'temporary')",
        logins=list(LOGINS),
    )
    # A warning only: a restored database loses this, and functions with a fixed search path are safe without it.
    check = "Không vai trò nào được tạo bảng tạm", "No role may create temporary tables"
    yield from check_result(*check, temporary, installation.run_migrate, worst=CheckStatus.POOR)


def check_foreign_privileges(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """Check for grants outside the schemas ``app`` and ``release``, and for settings that weaken the protection.

    Grants that PostgreSQL and its extensions make themselves are not reported.
    """
    granted = query_names(
        connection,
        "with application_roles as (select oid from pg_roles where rolname like 'cotmoc\\_%' union select 0),"
        " granted as (select a.grantee, c.oid::regclass::text as what from pg_class c, aclexplode(c.relacl) a"
        "  where c.relnamespace::regnamespace::text not in ('app', 'release', 'information_schema')"
        "  and not exists (select from pg_init_privs i, aclexplode(i.initprivs) b where i.objoid = c.oid"
        "   and i.classoid = 'pg_class'::regclass and i.objsubid = 0 and b.grantee = a.grantee)"
        "  union select a.grantee, t.attrelid::regclass || '.' || t.attname from pg_attribute t"
        "  join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a"
        "  where c.relnamespace::regnamespace::text not in ('app', 'release') and a.grantee <> 0"
        "  union select a.grantee, p.oid::regprocedure::text"
        "  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        "  where p.pronamespace::regnamespace::text not in ('app', 'release') and (p.prosecdef or a.grantee <> 0))"
        " select distinct what || ' → ' || case grantee when 0 then 'public' else grantee::regrole::text end"
        " from granted where grantee in (select oid from application_roles)",
    )
    revoke = Text("thu hồi quyền thừa (REVOKE)", "revoke the excess privilege (REVOKE)")
    yield from check_result(
        "Không vai trò nào có quyền ngoài các lược đồ", "No role has rights outside the schemas", granted, revoke
    )
    settings = query_names(
        connection,
        "select concat_ws(' ', nullif(s.setrole, 0)::regrole, setting)"
        " from pg_db_role_setting s, unnest(s.setconfig) setting"
        " where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))"
        " and (s.setrole = 0 or s.setrole::regrole::text like 'cotmoc\\_%')"
        " and (split_part(setting, '=', 1) ~ any(:unsafe_settings)"
        # postgis_topology sets a search path for the whole database.
        "  or s.setrole <> 0 and split_part(setting, '=', 1) = 'search_path') union all"
        # The value that a new session starts with.
        " select name || '=' || reset_val from pg_settings where name like 'cotmoc.%' and reset_val <> ''"
        "  or name = 'session_replication_role' and reset_val <> 'origin' union all"
        " select p.parname || ' → ' || case a.grantee when 0 then 'public' else a.grantee::regrole::text end"
        " from pg_parameter_acl p, aclexplode(p.paracl) a"
        " where a.grantee = 0 or a.grantee::regrole::text like 'cotmoc\\_%'",
        unsafe_settings=UNSAFE_SETTINGS,
    )
    reset = Text("alter role … reset; revoke set on parameter", "alter role … reset; revoke set on parameter")
    yield from check_result(
        "Không có thiết lập nào nới lỏng bảo vệ", "No setting weakens the protection", settings, reset
    )


def check_partner_login(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check that the partners' login reads nothing but the schema ``release`` and writes nothing."""
    readable = query_names(
        connection,
        "select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " join pg_roles login on login.rolname = :login"
        " where n.nspname not in ('release', 'pg_catalog', 'information_schema', 'pg_toast')"
        " and c.relkind in ('r', 'v', 'm', 'f', 'p')"
        # PostGIS grants its own views to all; they show nothing of tables that the login cannot see.
        " and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass"
        "  and d.deptype = 'e')"
        " and (has_table_privilege(login.oid, c.oid, 'select, insert, update, delete')"
        "  or has_any_column_privilege(login.oid, c.oid, 'select, insert, update'))",
        login=PARTNER_LOGIN,
    )
    yield from check_result(
        "Đối tác chỉ đọc được phần đã phát hành",
        "Partners read released data only",
        readable,
        installation.run_migrate,
    )
    writable = query_names(
        connection,
        "select c.oid::regclass from pg_class c join pg_roles login on login.rolname = :login"
        " where c.relnamespace::regnamespace::text = 'release' and c.relkind in ('r', 'v')"
        " and has_table_privilege(login.oid, c.oid, 'insert, update, delete, truncate')",
        login=PARTNER_LOGIN,
    )
    yield from check_result("Đối tác không ghi được gì", "Partners write nothing", writable, installation.run_migrate)
