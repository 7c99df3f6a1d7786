"""The access policy on one page: the roles, and what each of them may do with rows of which level.

Every row and every field has a level: ``public``, ``partner``, ``internal`` or ``restricted``, in ascending order.
``gis.schema`` renders this page as PostgreSQL's roles, row policies, column grants and triggers, and nothing else
decides. State secrets are never stored (``layers.secrecy``).

**Rows.** What a role may do with a row, by the level of the row, or by the level to which it would be lowered.
Creating and changing is limited to the layers of the next table.

| Role | Level | Read | Create | Change | Lower to this level |
| --- | --- | --- | --- | --- | --- |
| administrator, office | public, partner, internal | yes | yes | yes | second person |
| administrator, office | restricted | yes | yes | yes | no |
| system | public, partner, internal | yes | yes | yes | yes |
| system | restricted | yes | yes | yes | no |
| planner | public, partner | yes | no | yes | no |
| planner | internal | yes | yes | yes | no |
| officer | public, partner | yes | no | own unit | no |
| officer | internal | own unit | own unit | own unit | no |
| committee | public, partner, internal | yes | no | no | no |
| shared | public, partner | yes | no | no | no |
| public | public | yes | no | no | no |
| planner, officer, committee | restricted | no | no | no | no |
| shared | internal, restricted | no | no | no | no |
| public | partner, internal, restricted | no | no | no | no |
| partner | public, partner, internal, restricted | no | no | no | no |

- *Second person*: a signed-in person, not a token, who is not the author of the row.
- *Change* includes transitions, retiring, and raising the level up to the highest one that the role may change. A row
  must be one that the role may change both before and after the change.
- No role deletes a feature; features are retired. Rows of child tables are created, changed and deleted by those who
  may change their feature, links by every role that changes any layer, if it reads both features.
- A partner reads no rows but the released copies, through a login of its own. The role ``shared`` is what the
  application reads with on behalf of partners when a release is prepared.

**Layers.** Which features a role creates and changes. The API refuses changes to ``lines``, which are loaded.

| Role | Creates and changes | Changes only these fields |
| --- | --- | --- |
| administrator, office, system | every layer | none |
| planner | markers, posts, gates, crossings, works, areas, tasks, documents | none |
| officer | incidents | markers: condition, inspected_on |
| committee, shared, public, partner | none | none |

**Own unit.** A row belongs to an officer's unit if the column below names that unit or one under it in the register
of units, or if its chainage lies in a sector that such a unit is in charge of. A transfer takes effect at once; a unit
that has ended has no rows.

| Layer | Column |
| --- | --- |
| incidents, works, sectors | unit |
| tasks | lead_unit |

**Everything else.**

| Role | Assumed positions | Who made a change and why | Changes by person | Access log | Releases | Accounts |
| --- | --- | --- | --- | --- | --- | --- |
| administrator | yes | yes | anyone | yes | yes | yes |
| office | yes | yes | anyone | yes | yes | no |
| system | yes | yes | anyone | no | no | no |
| planner, committee | yes | yes | own | no | no | no |
| officer | yes | own unit | own | no | no | no |
| shared, public | no | no | own | no | no | no |
| partner | no | no | own | no | copies | no |

- *Changes by person*: whose changes a reader may list by name; the rows in the list are those that the role may read.
- *Releases*: prepare, submit, approve, publish and withdraw, each by a signed-in person. A person who prepared or
  submitted a version may not approve it. *Copies*: a partner reads what was released to it.
- *Fields*: a role reads the fields up to its level. An officer reads fields above ``partner``, such as the author, only
  in rows of the own unit.
- *Links*: a link is read by those who may read both features. Roles below ``internal`` do not read a link whose
  position or address is assumed, or whose address is counted from a marker above their level.
- *Recall*: a published row whose level is raised above ``partner`` is removed from every release at once, together with
  the released copies that mention it.
- Names that were entered as text, such as the name of a unit, belong to the row that contains them. The address of a
  feature is counted from a marker that all readers of the feature's level may see.

``tests/layers/test_policy_table.py`` compares these tables with the roles and with the rendered SQL.
"""

from collections.abc import Mapping

from psycopg import sql

from gis.db import Actor, Role, application_actor
from gis.model import ASSUMED_PREFIX, Layer, Level, catalog
from gis.release import ReferentLayer, snapshot_catalog
from gis.schema import Policy
from gis.text import TODAY_SQL, SqlFile, Text, identifiers
from layers.border import Border

ALL_LAYERS: dict[str, tuple[str, ...]] = dict.fromkeys(catalog, ())
PLANNER_LAYERS: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("markers", "posts", "gates", "crossings", "works", "areas", "tasks", "documents"), ()
)

ADMINISTRATOR = Role(
    "administrator",
    Text("Quản trị viên", "Administrator"),
    Level.RESTRICTED,
    ALL_LAYERS,
    administrator=True,
    manages_releases=True,
)
OFFICE_STAFF = Role(
    "office",
    Text("Cơ quan thường trực Ban Chỉ đạo", "Standing office of the Steering Committee"),
    Level.RESTRICTED,
    ALL_LAYERS,
    manages_releases=True,
)
PLANNER = Role("planner", Text("Chuyên viên theo dõi kế hoạch", "Plan officer"), Level.INTERNAL, PLANNER_LAYERS)
OFFICER = Role(
    "officer",
    Text("Cán bộ đơn vị biên giới", "Officer of a border unit"),
    Level.INTERNAL,
    {"incidents": (), "markers": ("condition", "inspected_on")},
    scoped=True,
)
COMMITTEE = Role("committee", Text("Thành viên Ban Chỉ đạo", "Committee member"), Level.INTERNAL)
PARTNER_VIEW = Role("shared", Text("Dữ liệu được chia sẻ", "Shared data"), Level.PARTNER)
RECIPIENT = Role("partner", Text("Đối tác", "Partner"), Level.PARTNER, external=True)
PUBLIC_READER = Role("public", Text("Người xem công khai", "Public reader"), Level.PUBLIC)

ASSIGNABLE_ROLES = {
    role.name: role for role in (ADMINISTRATOR, OFFICE_STAFF, PLANNER, OFFICER, COMMITTEE, PUBLIC_READER)
}
"""The roles that an account of a person can have, by name. ``partner`` is not among them: only tokens have it."""

SYSTEM = application_actor("system", Role("system", Text("Hệ thống", "System"), Level.RESTRICTED, ALL_LAYERS))
"""The application itself, when it loads reference data or updates derived values."""

OFFICE = application_actor("office", OFFICE_STAFF)
"""The standing office. Until the first administrator exists, requests from the server's machine act as this actor."""

PARTNER = application_actor("partner", PARTNER_VIEW)
"""The application reading at level ``partner``, to prepare a release or an export for partners."""

PUBLIC = application_actor("public", PUBLIC_READER)
"""A public reader."""

ANONYMOUS = application_actor("nobody", PUBLIC_READER)
"""The author of requests without authentication, to the paths that need none."""

UNIT_COLUMNS = {"incidents": ["unit"], "works": ["unit"], "sectors": ["unit"], "tasks": ["lead_unit"]}
"""The column of a layer that names the unit to which a row belongs."""

POLICY_FUNCTIONS = SqlFile(__file__).compose(
    "policy_functions",
    officer=sql.Identifier(OFFICER.read_role),
    own_unit_owner=sql.Identifier(OFFICER.own_unit_role),
    readers=identifiers([PARTNER_VIEW.read_role, PUBLIC_READER.read_role]),
    level=OFFICER.level,
    assumed_prefix=ASSUMED_PREFIX,
    today=sql.SQL(TODAY_SQL),
)
"""The SQL functions that the conditions call.

``own_units`` gives the actor's unit and all units under it, ``own_stretch`` the ranges of chainage of their sectors on
a border, ``marker_names`` the marker numbers in an address, and ``names_hidden_marker`` whether an address is counted
from a marker above a level. Statements call them again each time, so that a transfer takes effect at once.
All but ``marker_names`` run with their owner's rights: the register of units is read as a whole, and the policy of
sectors, which calls ``own_stretch``, does not apply within it. That a marker number exists is public.
"""

MARKER_REFERENTS = ReferentLayer(
    "markers",
    route_column="border",
    mentions_sql="{row}.border = {route} and strpos({address}, split_part({row}.number, '(', 1)) > 0"
    " and {row}.number = any(app.marker_names({address}))",
    hidden_sql="app.names_hidden_marker({route}, {address}, {level}::app.level)",
)
"""Addresses are counted from markers: ``147/6 + 120 m`` reveals where 147/6 is."""


def _own_unit_condition(layer: Layer) -> str:
    """The condition that a row belongs to the actor's unit. Its sub-selects are evaluated once per statement."""
    conditions = [f"{column} = any((select app.own_units())::text[])" for column in UNIT_COLUMNS.get(layer.name, ())]
    if "border" in layer.fields and layer.name != "sectors":
        conditions += [
            f"border = '{border}' and (select app.own_stretch('{border}')) @> chainage_m::numeric" for border in Border
        ]
    return " or ".join(conditions) or "false"


def may_list_changes_of(actor: Actor, person: str) -> bool:
    """Whether an actor may list what a person changed: administrator, office, system, and the person."""
    return actor.name == person or actor.role in (ADMINISTRATOR, OFFICE_STAFF, SYSTEM.role)


def read_condition(role: Role, layer: Layer) -> str:
    """A role reads rows up to its level; a scoped role reads those above ``partner`` only in its own unit."""
    if not role.scoped:
        return f"level <= '{role.level}'::app.level"
    own_unit = _own_unit_condition(layer)
    return f"level <= '{Level.PARTNER}'::app.level or level <= '{role.level}'::app.level and ({own_unit})"


def edit_condition(role: Role, layer: Layer) -> str:
    """A role changes the rows that it may read; a scoped role only those of its own unit."""
    readable = f"level <= '{role.level}'::app.level"
    return f"{readable} and ({_own_unit_condition(layer)})" if role.scoped else readable


def editable_sql(role: Role, layer: Layer) -> str:
    """The SQL condition on a readable row that the role may change it, for the API to say which features are editable.

    It is ``true`` if the role may change every row that it reads, and ``false`` if it may not edit the layer.
    """
    if layer.name not in role.edits:
        return "false"
    allowed = edit_condition(role, layer)
    return "true" if allowed == read_condition(role, layer) else allowed


def catalog_of(actor: Actor) -> Mapping[str, Layer]:
    """The layers that an actor reads: for a partner those of released copies, for all others the original ones."""
    return snapshot_catalog() if actor.role.external else catalog


POLICY = Policy(
    roles=(SYSTEM.role, *ASSIGNABLE_ROLES.values(), PARTNER_VIEW),
    read_condition=read_condition,
    edit_condition=edit_condition,
    functions=POLICY_FUNCTIONS,
    partner_view_role=PARTNER_VIEW,
    system_role=SYSTEM.role,
    referent_layer=MARKER_REFERENTS,
)
