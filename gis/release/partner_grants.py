"""The SQL of publication, and the grants on releases: who prepares, who publishes, what partners read."""

from collections.abc import Sequence

from gis.db.actors import Role
from gis.db.session import OWNER_ROLE, PARTNER_LOGIN, PUBLISHER
from gis.model.layer import all_layers
from gis.release.models import RELEASE_TABLES
from gis.release.publish import (
    HASH_FUNCTIONS,
    PARTNER_TABLES,
    PUBLISH_FUNCTIONS,
    PUBLISH_SIGNATURES,
    RELEASE_TRIGGERS,
    TRANSITION_FUNCTIONS,
)
from gis.release.recall import RECALL_FUNCTION, mentions_function, recall_trigger
from gis.release.referent import ReferentLayer
from gis.release.snapshot import RELEASE_SCHEMA, content_function, snapshot_catalog
from gis.text.dates import TODAY_SQL

PUBLISHER_SIGNATURES = (*PUBLISH_SIGNATURES, "hold_back()")


def partner_tables() -> list[str]:
    """Every table of schema ``release``, qualified: the snapshots of all layers, manifests and tombstones."""
    return [f"{RELEASE_SCHEMA}.{name}" for name in (*snapshot_catalog(), *PARTNER_TABLES)]


def publication_sql(
    partner_view_role: Role,
    releasing_roles: Sequence[Role],
    all_roles: Sequence[str],
    referent_layer: ReferentLayer | None = None,
) -> list[str]:
    """The SQL of publication: functions, triggers, policies and grants, idempotent. Run by the owner.

    ``partner_view_role`` is the role of level ``partner`` in which a release is read, ``releasing_roles`` prepare and
    approve releases, ``all_roles`` are the names of all roles and logins, ``referent_layer`` is the layer that
    addresses are counted from.
    """
    statements = [
        HASH_FUNCTIONS,
        *(content_function(layer, referent_layer) for layer in all_layers()),
        TRANSITION_FUNCTIONS,
        PUBLISH_FUNCTIONS,
        mentions_function(referent_layer),
        RECALL_FUNCTION,
    ]
    statements.append(RELEASE_TRIGGERS)
    statements += [*_publisher_ownership(), *(recall_trigger(layer.name) for layer in all_layers())]
    names = ", ".join([*all_roles, PUBLISHER])
    reading = ", ".join([PUBLISHER, *(role.read_role for role in releasing_roles)])
    editing = ", ".join(role.write_role for role in releasing_roles)
    for table in (*(f"app.{name}" for name in RELEASE_TABLES), *partner_tables()):
        statements += [
            f"alter table {table} enable row level security;",
            f"alter table {table} force row level security;",
            f"revoke all on {table} from public, {names};",
            _create_policy(table, "own", "all", OWNER_ROLE),
            _create_policy(table, "publish", "all", PUBLISHER),
            _create_policy(table, "see", "select", reading),
            f"grant select on {table} to {reading};",
        ]
    for table in ("releases", "release_versions", "release_parts", "release_rows"):
        statements += [
            f"grant insert on app.{table} to {editing};",
            _create_policy(f"app.{table}", "prepare", "insert", editing),
        ]
    first_version_is_draft = (
        "not exists (select from app.release_versions v"
        " where v.release_id = releases.id and (v.number > 1 or v.state <> 'draft'))"
    )
    version_is_draft = "exists (select from app.release_versions v where v.id = version_id and v.state = 'draft')"
    statements += [
        # A draft may be changed until it is submitted; name and recipient only while the first version is a draft.
        f"grant update (name, recipient) on app.releases to {editing};",
        _create_policy("app.releases", "rename", "update", editing, first_version_is_draft),
        f"grant delete on app.release_parts to {editing};",
        _create_policy("app.release_parts", "redraft", "delete", editing, version_is_draft),
        f"grant update on app.release_versions to {editing}, {PUBLISHER};",
        _create_policy("app.release_versions", "move", "update", editing),
        f"grant insert, update on app.holdings to {PUBLISHER};",
        *(f"grant insert, update, delete on {table} to {PUBLISHER};" for table in partner_tables()),
        *(_partner_grants(table) for table in partner_tables()),
        *(
            f"grant execute on function app.shared_{layer.name} to {PUBLISHER}, {partner_view_role.read_role};"
            for layer in all_layers()
        ),
        *(f"grant execute on function app.{signature} to {editing};" for signature in PUBLISH_SIGNATURES),
        f"grant execute on function app.actor() to {PUBLISHER};",
        f"grant execute on function app.write_journal to {PUBLISHER};",
        f"grant usage on schema app to {PUBLISHER};",
        f"revoke all on schema {RELEASE_SCHEMA} from public;",
        f"grant usage on schema {RELEASE_SCHEMA} to {PARTNER_LOGIN}, {reading};",
        f"revoke all on schema app from {PARTNER_LOGIN};",
    ]
    return statements


def _publisher_ownership() -> list[str]:
    """Make the publisher the owner of the publishing functions, which run with their owner's rights.

    PostgreSQL requires that the new owner of a function has CREATE on its schema, so it is granted and revoked again.
    """
    statements = [f"grant create on schema app to {PUBLISHER};"]
    for signature in PUBLISHER_SIGNATURES:
        statements += [
            f"alter function app.{signature} owner to {PUBLISHER};",
            f"revoke all on function app.{signature} from public;",
        ]
    return [*statements, f"revoke create on schema app from {PUBLISHER};"]


def _create_policy(table: str, name: str, verb: str, roles: str, using: str = "true") -> str:
    """Like ``gis.schema.statements.create_policy``, for any schema and without a condition on new rows."""
    clauses = (f" using ({using})" if verb != "insert" else "") + (
        " with check (true)" if verb not in ("select", "delete") else ""
    )
    return f"drop policy if exists {name} on {table}; create policy {name} on {table} for {verb} to {roles}{clauses};"


def _partner_grants(table: str) -> str:
    """Let the partners' login read the rows of the recipient that the transaction names, within their validity.

    If the transaction also names releases, only the rows of these.
    """
    condition = (
        "recipient = (select nullif(current_setting('cotmoc.recipient', true), '')) and coalesce(release ="
        " any((select nullif(current_setting('cotmoc.releases', true), ''))::uuid[]), true)"
    )
    if table.removeprefix(f"{RELEASE_SCHEMA}.") not in PARTNER_TABLES:
        today = f"(select {TODAY_SQL})"
        condition += f" and coalesce(served_from <= {today}, true) and coalesce(served_to >= {today}, true)"
    return f"grant select on {table} to {PARTNER_LOGIN};" + _create_policy(
        table, "receive", "select", PARTNER_LOGIN, condition
    )
