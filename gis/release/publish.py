"""Publication: the SQL functions that publish and withdraw releases, and the triggers that guard their transitions.

A trigger checks each transition of a version: one person prepares and submits it, another approves it, and only the
functions ``app.publish_release`` and ``app.withdraw_release`` publish and withdraw it. They run as ``PUBLISHER``, a
role that reads layers at level ``partner`` only, so that even a fault in them could not copy more. Every approved row
is stored with the hash of its content; if one has changed since, publishing fails and the version has to be submitted
again. ``gis.release.recall`` handles a record whose level is raised after it was published.
"""

from psycopg import sql

from gis.accounts.models import journal_account_rows
from gis.db.refusals import CHANGED_SINCE_SUBMISSION, ILLEGAL_TRANSITION, PERSON_REQUIRED, SECOND_PERSON_REQUIRED
from gis.db.session import PUBLISHER
from gis.history.triggers import no_truncate
from gis.release.models import JOURNALLED_TABLES, RELEASE_TABLES, ReleaseState
from gis.text.sql_files import SqlFile, literals

SQL = SqlFile(__file__)

PARTNER_TABLES = ("manifests", "tombstones")
PUBLISH_LOCK_KEY = 0x72656C65617365
"""The advisory lock that publishing takes exclusively and raising a level takes shared ("release" in ASCII)."""


def publication_functions() -> list[sql.Composed]:
    """The functions that hash contents, guard transitions, publish and withdraw; idempotent."""
    return [
        SQL.compose("hash_functions"),
        SQL.compose(
            "transition_functions",
            transitions=literals(f"{start} {end}" for start, end in ReleaseState.transitions()),
            publisher=PUBLISHER,
            illegal_transition=ILLEGAL_TRANSITION,
            person_required=PERSON_REQUIRED,
            second_person_required=SECOND_PERSON_REQUIRED,
        ),
        SQL.compose(
            "publish_functions",
            publish_lock=PUBLISH_LOCK_KEY,
            illegal_transition=ILLEGAL_TRANSITION,
            changed_since_submission=CHANGED_SINCE_SUBMISSION,
        ),
    ]


def publication_triggers() -> list[sql.Composed]:
    """The triggers of the tables of releases; idempotent."""
    return [
        SQL.compose("release_triggers"),
        *map(journal_account_rows, JOURNALLED_TABLES),
        *map(no_truncate, RELEASE_TABLES),
    ]
