"""The SQL of publication, and the grants on releases: who prepares, who publishes, what partners read."""

from collections.abc import Iterator, Sequence

from psycopg import sql

from gis.db.actors import Role
from gis.db.row_security import ALL_ROWS, create_policy, force_row_security, grant
from gis.db.session import PARTNER_LOGIN, PUBLISHER
from gis.model.fields import SCHEMA
from gis.model.layer import all_layers
from gis.release.models import RELEASE_TABLES
from gis.release.publish import PARTNER_TABLES, publication_functions, publication_triggers
from gis.release.recall import RECALL_FUNCTION, mentions_functions, recall_trigger
from gis.release.referent import ReferentLayer
from gis.release.snapshot import RELEASE_SCHEMA, content_function, snapshot_catalog
from gis.text.dates import TODAY_SQL
from gis.text.sql_files import SqlFile, identifiers

SQL = SqlFile(__file__)


def publication_sql(
    partner_view_role: Role,
    releasing_roles: Sequence[Role],
    all_roles: Sequence[str],
    referent_layer: ReferentLayer | None = None,
) -> list[sql.Composed]:
    """The SQL of publication: functions, triggers, policies and grants, idempotent. Run by the owner.

    ``partner_view_role`` is the role of level ``partner`` in which a release is read, ``releasing_roles`` prepare and
    approve releases, ``all_roles`` are the names of all roles and logins, ``referent_layer`` is the layer that
    addresses are counted from.
    """
    editors = [role.write_role for role in releasing_roles]
    readers = [PUBLISHER, *(role.read_role for role in releasing_roles)]
    return [
        *publication_functions(),
        *(content_function(layer, referent_layer) for layer in all_layers()),
        mentions_functions(referent_layer),
        RECALL_FUNCTION,
        *publication_triggers(),
        SQL.compose("publisher_ownership", publisher=sql.Identifier(PUBLISHER)),
        *(recall_trigger(layer.name) for layer in all_layers()),
        *_reader_policies([*all_roles, PUBLISHER], readers),
        *_editor_policies(editors),
        SQL.compose(
            "common_grants",
            editors=identifiers(editors),
            readers=identifiers(readers),
            publisher=sql.Identifier(PUBLISHER),
            partner_login=sql.Identifier(PARTNER_LOGIN),
        ),
        *(
            grant(
                "execute",
                sql.SQL("function app.{}(uuid[], text[], integer)").format(function),
                [PUBLISHER, partner_view_role.read_role],
            )
            for function in (sql.Identifier(f"shared_{layer.name}") for layer in all_layers())
        ),
        *_partner_policies(),
    ]


def _reader_policies(all_roles: Sequence[str], readers: Sequence[str]) -> Iterator[sql.Composed]:
    """Row security of all tables of releases; ``readers`` see all rows, and the publisher changes them."""
    names = {SCHEMA: RELEASE_TABLES, RELEASE_SCHEMA: (*snapshot_catalog(), *PARTNER_TABLES)}
    for table in (sql.Identifier(schema, name) for schema in names for name in names[schema]):
        yield from force_row_security(table, all_roles)
        yield create_policy(table, "publish", "all", [PUBLISHER], using=ALL_ROWS, check=ALL_ROWS)
        yield create_policy(table, "see", "select", readers, using=ALL_ROWS)
        yield grant("select", table, readers)


def _editor_policies(editors: Sequence[str]) -> list[sql.Composed]:
    """The rows that the roles that manage releases may add, change and delete; triggers limit this further."""
    releases, versions, parts, rows = (
        sql.Identifier(SCHEMA, name) for name in ("releases", "release_versions", "release_parts", "release_rows")
    )
    first_version_is_draft, version_is_draft = map(SQL.compose, ("first_version_is_draft", "version_is_draft"))
    return [
        *(
            create_policy(table, "prepare", "insert", editors, check=ALL_ROWS)
            for table in (releases, versions, parts, rows)
        ),
        create_policy(releases, "rename", "update", editors, using=first_version_is_draft, check=ALL_ROWS),
        create_policy(parts, "redraft", "delete", editors, using=version_is_draft),
        create_policy(versions, "move", "update", editors, using=ALL_ROWS, check=ALL_ROWS),
    ]


def _partner_policies() -> Iterator[sql.Composed]:
    """The rows that the partners' login reads, and the publisher's right to write them."""
    of_recipient = SQL.compose("of_recipient")
    of_recipient_today = SQL.compose("of_recipient_today", of_recipient=of_recipient, today=sql.SQL(TODAY_SQL))
    conditions = dict.fromkeys(snapshot_catalog(), of_recipient_today) | dict.fromkeys(PARTNER_TABLES, of_recipient)
    for name, condition in conditions.items():
        table = sql.Identifier(RELEASE_SCHEMA, name)
        yield grant("insert, update, delete", table, [PUBLISHER])
        yield grant("select", table, [PARTNER_LOGIN])
        yield create_policy(table, "receive", "select", [PARTNER_LOGIN], using=condition)
