"""Reconciliation: compares the tables that pages and rights depend on with the sealed journal.

It reveals changes that were made with the triggers disabled. Compared are features, child tables and links, both their
present rows and their history; people, role assignments, sessions, recovery codes and tokens, whose secrets by a
fingerprint; releases with their approvals; what recipients hold, and what is served to them. The first row that
disagrees is reported.

Not compared are counters (token use, failed and latest sign-ins, grid counts, code counters), tables that are loaded
from reference files (routes, anchors, procedures), idempotency keys, and the schema, which ``gis.checks.doctor``
compares with the program.
"""

from collections.abc import Iterator

from sqlalchemy import Table, create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gis.accounts import models as account_models
from gis.audit.verify import ProgressCallback, no_progress
from gis.db.session import OWNER_ROLE
from gis.history.triggers import CHANGE_CONTEXT, dependent_tables
from gis.model.layer import all_layers, catalog
from gis.release import models as release_models
from gis.release.snapshot import RELEASE_SCHEMA
from gis.text.errors import Unavailable
from gis.text.i18n import Text

COMPARISONS = Text("phép đối chiếu", "comparisons")

HISTORY_COLUMNS = ("valid", "since", "action", "actor", *CHANGE_CONTEXT, "journal_seq")

DIFFERING_VALUES = (
    """exists (select from jsonb_each({left}) a join jsonb_each({right}) b using (key) where a.value <> b.value)"""
)
"""Condition on two JSON objects; compares the keys of both only, so that added and dropped columns are not reported."""

HISTORY_MISMATCH = """
select coalesce(h.{subject}, j.feature_id) from app.{table}_history h
full join (select * from app.journal where table_name = '{table}' and action = any('{{{actions}}}')) j
    on j.seq = h.journal_seq
where h.id is null or j.seq is null or j.feature_id <> h.{subject} or j.action <> h.action or j.actor <> h.actor
    or (j.reason, j.request, j.device_at) is distinct from (h.reason, h.request, h.device_at)
    or {history} <> {journal} and {history_differs}
limit 1
"""
"""A history row that differs from its journal entry, or an entry without its history row."""

CURRENT_ROW_MISMATCH = """
select coalesce(t.{subject}, h.{subject}) from app.{table} t
full join (select * from app.{table}_history where upper_inf(valid)) h on h.id = t.id
left join app.journal j on j.seq = h.journal_seq
where t.id is null or h.id is null or {now} <> {journal} and {row_differs}
limit 1
"""
"""A present row that differs from its last history row, or one of them without the other."""

VALIDITY_MISMATCH = """
select id from (select id, valid, updated_at, lead(lower(valid)) over (partition by id order by version) as next
    from app.{table}_history) h
where lower(valid) <> updated_at or next is not null and upper(valid) is distinct from next
limit 1
"""
"""A history row whose validity does not begin at ``updated_at`` or does not end where the next one begins."""

UNREGISTERED_FEATURE = """
select t.id from app.{table} t left join app.features f on f.id = t.id and f.layer = '{table}' where f.id is null
limit 1
"""
"""A feature whose id is not registered for its layer."""

COMMON_QUERIES = (HISTORY_MISMATCH, CURRENT_ROW_MISMATCH)

LATEST_ENTRY_MISMATCH = """
select coalesce(t.id, j.feature_id) from app.{table} t full join (
    select distinct on (feature_id) feature_id, action, new from app.journal
    where table_name = '{table}' and action in ('insert', 'update', 'delete') order by feature_id, seq desc
) j on j.feature_id = t.id
where t.id is null and j.action <> 'delete' or t.id is not null and (j.feature_id is null or j.action = 'delete')
    or {differs}
limit 1
"""
"""A row without history that differs from the latest journal entry about it, or one of them without the other."""

APPROVED_ROWS_MISMATCH = """
select version_id from (
    select version_id, count(*) as rows,
        app.text_hash(string_agg(feature_id || ' ' || sha256, e'\\n' order by feature_id)) as sha256
    from app.release_rows r join app.release_versions v on v.id = r.version_id
    where v.state not in ('draft', 'discarded') group by version_id
) r full join (
    select feature_id as version_id, (new->>'rows')::bigint as rows, new->>'sha256' as sha256 from app.journal
    where table_name = 'release_rows' and action = 'submit'
) j using (version_id)
where (r.rows, r.sha256) is distinct from (j.rows, j.sha256)
limit 1
"""
"""A release version whose rows are not those that were submitted for approval."""

STEPS_MISMATCH = """
with step as (select version_id, state, actor, reason from app.release_steps),
entry as (select feature_id, new->>'state', actor, reason from app.journal where table_name = 'release_versions'
    and action in ('insert', 'update') and old->>'state' is distinct from new->>'state')
select version_id from (
    (table step except all table entry) union all (table entry except all table step)
) difference limit 1
"""
"""A step of a release version that is not in the journal, or a journalled one that is missing."""

CONTENT_HASH_MISMATCH = "select feature_id from app.holdings where sha256 <> app.content_hash(content) limit 1"
"""A holding whose content does not match its hash."""

MANIFEST_ROWS_MISMATCH = """
select v.release_id from app.release_versions v cross join lateral jsonb_each(v.manifest->'layers') l (layer, entry)
where l.entry->>'sha256' is distinct from app.text_hash(coalesce((
    select string_agg(h.feature_id || ' ' || h.sha256, e'\\n' order by h.feature_id) from app.holdings h
    where h.release_id = v.release_id and h.layer = l.layer and h.since <= (v.manifest->>'published_at')::timestamptz
        and (h.until is null or h.until > (v.manifest->>'published_at')::timestamptz)), ''))
limit 1
"""
"""A release version whose holdings do not match the hash in its manifest."""

HOLDING_PERIOD_MISMATCH = """
select h.feature_id from app.holdings h
where not exists (select from release.manifests m
    where m.release = h.release_id and m.number = h.since_version and m.published_at = h.since)
or h.until is not null and not h.held_back and not exists (
    select from release.manifests m where m.release = h.release_id and h.until in (m.published_at, m.withdrawn_at))
or h.held_back and not exists (
    select from app.journal j where j.feature_id = h.feature_id and j.table_name = 'holdings'
    and j.action = 'hold_back' and j.new->>'release' = h.release_id::text)
limit 1
"""
"""A holding that no version published when it began, or whose end no version, withdrawal or recall explains."""

TOMBSTONE_MISMATCH = """
select feature_id from (
    select release_id, feature_id from app.holdings group by 1, 2 having bool_and(until is not null)
) h full join release.tombstones t on t.release = h.release_id and t.id = h.feature_id
where t.id is null or h.feature_id is null
limit 1
"""
"""A feature that a recipient no longer holds but that has no tombstone, or a tombstone of one that it holds."""

MANIFEST_MISMATCH = """
select coalesce(v.release_id, m.release) from (select * from app.release_versions where manifest is not null) v
full join release.manifests m on m.release = v.release_id and m.number = v.number
where v.id is null or m.release is null or m.manifest - '{held_back,basis}'::text[] <> v.manifest - 'basis'
    or m.manifest->>'basis' <> v.manifest->>'basis' or v.state = 'withdrawn' and m.withdrawn_at is null
    or m.withdrawn_at is not null and not exists (
        select from app.release_versions w where w.release_id = v.release_id and w.state = 'withdrawn')
limit 1
"""
"""A manifest served to the recipient that differs from the version's, or one of them without the other."""

SERVED_ROWS_MISMATCH = """
select coalesce(t.id, h.feature_id) from release.{layer} t
full join (select * from app.holdings where layer = '{layer}' and until is null) h
    on h.release_id = t.release and h.feature_id = t.id
left join app.release_versions v on v.release_id = t.release and v.state = 'published'
where t.id is null or h.feature_id is null
    or (t.served_from, t.served_to) is distinct from (v.valid_from, v.valid_to)
    or to_jsonb(t) - 'shared_mercator' <> to_jsonb(jsonb_populate_record(null::release.{layer},
        h.content || jsonb_build_object('recipient', h.recipient, 'release', h.release_id, 'added_in', t.added_in,
        'version', h.since_version, 'sha256', h.sha256, 'shared_geom', h.content->'geometry',
        'served_from', t.served_from, 'served_to', t.served_to))) - 'shared_mercator'
limit 1
"""
"""A served row that differs from its holding, or one of them without the other."""


def reconcile_with_journal(
    admin_url: str, command_line: str, on_progress: ProgressCallback = no_progress
) -> Text | None:
    """Describe the first row that disagrees with the journal; None when all agree.

    ``admin_url`` must be that of the database administrator; ``command_line`` is how a user calls this program. Raises
    ``Unavailable`` when the schema is out of date, as it may be after a restore.
    """
    try:
        with create_engine(admin_url, poolclass=NullPool).connect() as connection:
            connection.execute(text("set transaction isolation level repeatable read, read only"))
            return first_mismatch(connection, on_progress)
    except DBAPIError as error:
        raise Unavailable(
            Text(
                f"Chưa đối chiếu được: lược đồ dữ liệu chưa cập nhật. Hãy chạy {command_line} migrate",
                f"Cannot compare: the schema is out of date. Run {command_line} migrate",
            )
        ) from error


def first_mismatch(connection: Connection, on_progress: ProgressCallback = no_progress) -> Text | None:
    """As ``reconcile_with_journal``, in a transaction of the administrator, in which it takes the owner's role."""
    if not catalog:
        raise RuntimeError("no layer is declared, so nothing would be compared")
    connection.execute(text(f"set local role {OWNER_ROLE}"))
    queries = list(_queries())
    for done, (table, query) in enumerate(queries):
        on_progress(COMPARISONS, done, len(queries))
        row_id = connection.execute(text(query)).scalar()
        if row_id is not None:
            vi = f"{table} {row_id}: hiện tại hoặc lịch sử không khớp với nhật ký"
            return Text(vi, f"{table} {row_id}: its present or past state does not match the journal")
    return None


def _queries() -> Iterator[tuple[str, str]]:
    """Each query with the table whose row it returns, fast ones first."""
    for name in (*account_models.ACCOUNT_TABLES, *release_models.JOURNALLED_TABLES):
        differs = DIFFERING_VALUES.format(left="app.account_told(to_jsonb(t))", right="j.new")
        yield name, LATEST_ENTRY_MISMATCH.format(table=name, differs=differs)
    yield "release_rows", APPROVED_ROWS_MISMATCH
    yield "release_steps", STEPS_MISMATCH
    yield "holdings", CONTENT_HASH_MISMATCH
    yield "holdings", MANIFEST_ROWS_MISMATCH
    yield "holdings", HOLDING_PERIOD_MISMATCH
    yield f"{RELEASE_SCHEMA}.tombstones", TOMBSTONE_MISMATCH
    yield f"{RELEASE_SCHEMA}.manifests", MANIFEST_MISMATCH
    for name in catalog:
        yield f"{RELEASE_SCHEMA}.{name}", SERVED_ROWS_MISMATCH.format(layer=name)
    for layer in all_layers():
        queries = (*COMMON_QUERIES, VALIDITY_MISMATCH, UNREGISTERED_FEATURE)
        yield from _table_queries(layer.model.__table__, "id", "insert,update", queries)  # type: ignore[arg-type]
    for table in dependent_tables():
        yield from _table_queries(table, "feature_id", "insert,update,delete", COMMON_QUERIES)


def _table_queries(table: Table, subject: str, actions: str, queries: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """These queries for a table; ``subject`` is its column with the id that journal entries carry."""
    for query in queries:
        yield table.name, query.format(table=table.name, subject=subject, actions=actions, **_row_expressions(table))


def _row_expressions(table: Table) -> dict[str, str]:
    """SQL of a present row, a history row and a journal entry as JSON without derived columns, and comparisons."""
    derived = [column.name for column in table.columns if column.computed is not None or "for_tiles" in column.info]
    without = "- '{{{}}}'::text[]"
    now = f"(to_jsonb(t) {without.format(','.join(derived))})"
    history = f"(to_jsonb(h) {without.format(','.join((*derived, *HISTORY_COLUMNS)))})"
    journal = f"(coalesce(j.new, j.old) {without.format(','.join(derived))})"
    return {
        "now": now,
        "history": history,
        "journal": journal,
        "row_differs": DIFFERING_VALUES.format(left=now, right=journal),
        "history_differs": DIFFERING_VALUES.format(left=history, right=journal),
    }
