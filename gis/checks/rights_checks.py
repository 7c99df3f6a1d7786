"""Checks of roles, grants, row policies and the schema."""

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
"""Settings that, given beforehand to a login or a database, switch triggers off, sign for somebody or lose writes."""


def _own_unit_roles(policy: Policy) -> list[str]:
    return [role.own_unit_role for role in policy.roles if role.scoped]


def check_row_security(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    open_tables = query_names(
        connection,
        "select c.oid::regclass from pg_class c where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and c.relkind in ('r', 'p', 'm', 'f') and not (c.relrowsecurity and c.relforcerowsecurity)"
        " and (exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)"
        "  or exists (select from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = c.oid))",
    )
    yield from check_result(
        "Mọi bảng có chính sách phân quyền theo dòng", "Every table has row-level security policies", open_tables
    )
    open_views = query_names(
        connection,
        "select oid::regclass from pg_class where relnamespace::regnamespace::text in ('app', 'release')"
        " and relkind = 'v' and not coalesce(reloptions, '{}') @> array['security_invoker=true']"
        # What a scoped post may know of its own matters comes through a role that row security holds as well.
        " and not (relname like '%\\_own' and relowner::regrole::text = any(:owning))",
        owning=_own_unit_roles(installation.policy),
    )
    yield from check_result(
        "Khung nhìn dùng quyền của người truy vấn", "Views use the rights of whoever queries", open_views
    )


def check_security_drift(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    faults = security_drift(connection, installation.policy)
    yield from check_result("Mã kiểm tra của toàn bộ phân quyền", "Hash of all grants and policies", faults)
    foreign = query_names(
        connection,
        "select c.oid::regclass::text from pg_class c where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and c.relowner::regrole::text <> :owner"
        " and not (c.relkind = 'v' and c.relowner::regrole::text = any(:owning)) union all"
        " select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace::regnamespace::text in ('app', 'release') and p.prosecdef"
        " and (p.proowner::regrole::text not in (:owner, :publisher)"
        "  or not coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path')",
        owner=OWNER_ROLE,
        publisher=PUBLISHER,
        owning=_own_unit_roles(installation.policy),
    )
    yield from check_result(
        "Mọi đối tượng thuộc một chủ sở hữu không đăng nhập được",
        "Every object belongs to one owner that cannot log in",
        foreign,
    )


def check_structure(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """What revisions have made, line by line, and all that the cards name; what a rule puts in place of a statement."""
    tables = Record.metadata.tables.values()
    wanted = {f"{table.fullname}.{column.name}" for table in tables for column in table.columns}
    found = query_names(
        connection,
        "select attrelid::regclass || '.' || attname from pg_attribute where attrelid::regclass::text = any(:tables)"
        " and attnum > 0 and not attisdropped",
        tables=[table.fullname for table in tables],
    )
    keepers = {f"{table.fullname}.{one.name}" for table in tables for one in table.indexes} | {
        f"{table.fullname}.{one.name}"
        for table in tables
        for one in table.constraints
        if not isinstance(one, PrimaryKeyConstraint) or one.columns
    }
    standing_keepers = query_names(
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
    faults = sorted({*wanted ^ set(found), *keepers - set(standing_keepers), *rules})
    faults += fingerprint.differing_lines(connection)
    restore = Text("so với bản sao lưu", "compare with a backup")
    yield from check_result(
        "Bảng, cột và ràng buộc đúng như khai báo", "Tables, columns and constraints as declared", faults, restore
    )


def check_leakproof(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    unmarked = query_names(
        connection,
        "select oid::regprocedure from pg_proc where not proleakproof"
        " and oid = 'geometry_overlaps(geometry, geometry)'::regprocedure",
    )
    yield from check_result(
        "Chỉ mục không gian dùng được khi áp dụng phân quyền", "The spatial index works under row security", unmarked
    )
    trusted = query_names(
        connection,
        "select p.oid::regprocedure from pg_proc p join pg_depend d on d.objid = p.oid and d.deptype = 'e'"
        " join pg_extension e on e.oid = d.refobjid and e.extname = 'postgis'"
        " where p.proleakproof and p.proname <> 'geometry_overlaps'",
    )
    yield from check_result(
        "Không hàm nào khác được đánh dấu tin cậy",
        "No other function is marked as trusted",
        trusted,
        Text("bỏ dấu LEAKPROOF của hàm", "take the mark LEAKPROOF away"),
    )


def check_roles(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    there = set(query_names(connection, "select rolname from pg_roles where rolname like 'cotmoc\\_%'"))
    missing = sorted({OWNER_ROLE, *LOGINS, *(role.read_role for role in installation.policy.roles)} - there)
    yield from check_result("Đủ các vai trò", "Every role is there", missing)
    mighty = query_names(
        connection,
        "select rolname from pg_roles where rolname like 'cotmoc\\_%'"
        " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    )
    lower = Text(
        "alter role … nosuperuser nobypassrls nocreaterole", "alter role … nosuperuser nobypassrls nocreaterole"
    )
    yield from check_result(
        "Không vai trò nào bỏ qua được chính sách phân quyền", "No role bypasses the policies", mighty, lower
    )
    held = set(
        query_names(
            connection,
            "select m.member::regrole || ' → ' || m.roleid::regrole from pg_auth_members m"
            " join pg_roles r on r.oid = m.member where r.rolname like 'cotmoc\\_%'"
            " or m.roleid::regrole::text like 'cotmoc\\_%' and not r.rolsuper",
        )
    )
    excess = sorted(held - _memberships(installation.policy))
    revoke = Text("thu hồi vai trò thừa (REVOKE)", "revoke the excess role (REVOKE)")
    yield from check_result(
        "Không vai trò nào kế thừa vai trò ngoài khai báo", "No role inherits an undeclared role", excess, revoke
    )
    entering = query_names(
        connection,
        "select rolname from pg_roles where rolname like 'cotmoc\\_%' and (rolcanlogin <> (rolname = any(:logins))"
        " or rolcanlogin and rolinherit)",
        logins=list(LOGINS),
    )
    yield from check_result(
        "Chỉ các tài khoản đã khai báo đăng nhập được", "Only the declared accounts can log in", entering
    )


def _memberships(policy: Policy) -> set[str]:
    wanted = {f"{OWNER_ROLE} → {PUBLISHER}"}
    if policy.partner_view_role is not None:
        wanted.add(f"{PUBLISHER} → {policy.partner_view_role.read_role}")
    wanted |= {f"{OWNER_ROLE} → {name}" for name in _own_unit_roles(policy)}
    for role in policy.roles:
        wanted |= {f"{login} → {role.read_role}" for login in (READER_LOGIN, WRITER_LOGIN)}
        if role.edits:
            wanted |= {f"{WRITER_LOGIN} → {role.write_role}", f"{role.write_role} → {role.read_role}"}
    return wanted


def check_policy_bypasses(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    opened = query_names(
        connection,
        "select oid::regprocedure::text from pg_proc where proname = any(:peeping)"
        " and has_function_privilege('public', oid, 'execute') union all"
        " select n.nspname || ' → ' || r.rolname from pg_namespace n cross join pg_roles r"
        " where n.nspname in ('public', 'app', 'release') and r.rolname like 'cotmoc\\_%' and r.rolname <> :owner"
        " and has_schema_privilege(r.oid, n.oid, 'create') union all"
        " select s.seqrelid::regclass || ' → ' || r.rolname from pg_sequence s join pg_class c on c.oid = s.seqrelid"
        " cross join pg_roles r where c.relnamespace::regnamespace::text in ('app', 'release')"
        " and r.rolname like 'cotmoc\\_%' and r.rolname <> :owner"
        " and has_sequence_privilege(r.oid, s.seqrelid, 'usage, select, update')",
        peeping=list(REVOKED_FUNCTIONS),
        owner=OWNER_ROLE,
    )
    yield from check_result("Không có cách bỏ qua chính sách phân quyền", "No way to bypass the policies", opened)
    temporary = query_names(
        connection,
        "select rolname from pg_roles where rolname = any(:logins)"
        " and has_database_privilege(oid, current_database(), 'temporary')",
        logins=list(LOGINS),
    )
    # Copies of a database do not keep this; with our functions' fixed search path it is no way in by itself.
    check = "Không vai trò nào được tạo bảng tạm", "No role may create temporary tables"
    yield from check_result(*check, temporary, worst=CheckStatus.POOR)


def check_foreign_privileges(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """What lies outside our schemas and is nobody's business there; extensions and PostgreSQL bring their own."""
    lent = query_names(
        connection,
        "with ours as (select oid from pg_roles where rolname like 'cotmoc\\_%' union select 0),"
        " lent as (select a.grantee, c.oid::regclass::text as what from pg_class c, aclexplode(c.relacl) a"
        "  where c.relnamespace::regnamespace::text not in ('app', 'release', 'information_schema')"
        "  and not exists (select from pg_init_privs i, aclexplode(i.initprivs) b where i.objoid = c.oid"
        "   and i.classoid = 'pg_class'::regclass and i.objsubid = 0 and b.grantee = a.grantee)"
        "  union select a.grantee, t.attrelid::regclass || '.' || t.attname from pg_attribute t"
        "  join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a"
        "  where c.relnamespace::regnamespace::text not in ('app', 'release') and a.grantee <> 0"
        "  union select a.grantee, p.oid::regprocedure::text"
        "  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        "  where p.pronamespace::regnamespace::text not in ('app', 'release') and (p.prosecdef or a.grantee <> 0))"
        " select distinct what || ' → ' || case grantee when 0 then 'public' else grantee::regrole::text end from lent"
        " where grantee in (select oid from ours)",
    )
    revoke = Text("thu hồi quyền thừa (REVOKE)", "revoke the excess right (REVOKE)")
    yield from check_result(
        "Không vai trò nào có quyền ngoài các lược đồ", "No role has rights outside the schemas", lent, revoke
    )
    settings = query_names(
        connection,
        "select concat_ws(' ', nullif(s.setrole, 0)::regrole, one) from pg_db_role_setting s, unnest(s.setconfig) one"
        " where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))"
        " and (s.setrole = 0 or s.setrole::regrole::text like 'cotmoc\\_%')"
        " and (split_part(one, '=', 1) ~ any(:loosening)"
        # Of a whole database PostGIS's topology sets it too.
        "  or s.setrole <> 0 and split_part(one, '=', 1) = 'search_path') union all"
        # What a new session is given, whatever this one has set for itself.
        " select name || '=' || reset_val from pg_settings where name like 'cotmoc.%' and reset_val <> ''"
        "  or name = 'session_replication_role' and reset_val <> 'origin' union all"
        " select p.parname || ' → ' || case a.grantee when 0 then 'public' else a.grantee::regrole::text end"
        " from pg_parameter_acl p, aclexplode(p.paracl) a"
        " where a.grantee = 0 or a.grantee::regrole::text like 'cotmoc\\_%'",
        loosening=UNSAFE_SETTINGS,
    )
    reset = Text("alter role … reset; revoke set on parameter", "alter role … reset; revoke set on parameter")
    yield from check_result(
        "Không có thiết lập nào nới lỏng bảo vệ", "No setting weakens the protection", settings, reset
    )


def check_partner_login(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    readable = query_names(
        connection,
        "select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " join pg_roles login on login.rolname = :login"
        " where n.nspname not in ('release', 'pg_catalog', 'information_schema', 'pg_toast')"
        " and c.relkind in ('r', 'v', 'm', 'f', 'p')"
        # What PostGIS itself shows to everybody says nothing of ours once the login sees none of our tables.
        " and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass"
        "  and d.deptype = 'e')"
        " and (has_table_privilege(login.oid, c.oid, 'select, insert, update, delete')"
        "  or has_any_column_privilege(login.oid, c.oid, 'select, insert, update'))",
        login=PARTNER_LOGIN,
    )
    yield from check_result(
        "Đối tác chỉ đọc được phần đã phát hành", "A partner reads what was released alone", readable
    )
    writable = query_names(
        connection,
        "select c.oid::regclass from pg_class c join pg_roles login on login.rolname = :login"
        " where c.relnamespace::regnamespace::text = 'release' and c.relkind in ('r', 'v')"
        " and has_table_privilege(login.oid, c.oid, 'insert, update, delete, truncate')",
        login=PARTNER_LOGIN,
    )
    yield from check_result("Đối tác không ghi được gì", "A partner writes nothing", writable)
