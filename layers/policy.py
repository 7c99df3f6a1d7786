"""The law of the house on one page: who may see, who may edit, and why.

Rows are marked ``public``, ``partner``, ``internal`` or ``restricted``; columns are marked on the cards in the same
words. Everybody sees up to the level of the own post. A border officer sees beyond what may be shared only what is the
own unit's: what the unit (or one under it) reported or leads, and what lies on the sectors it is in charge of. The same
holds within a row: of another's matter an officer reads the fields that may be shared and no others, and neither who
changed it nor why. Who made or took away a link an officer is not told at all. Where something stands is told within
the house to everybody who sees it, also where that is only assumed.

What is shown to more people than before is so by the office, by a person, and not by the one who entered it; other
posts enter nothing that may be shared. What has been published to a partner and is then raised above partner is held
back at once. A feature is named to whom it may be shown: what points at another is a link, which is there for whoever
sees both ends. A name that somebody wrote, such as a unit's, is a word of the row it stands in. An address is counted
from a marker that everybody knows who may know the feature by its level.
``gis.rights`` turns this page into PostgreSQL's own row policies and grants; nothing else decides.
"""

from collections.abc import Mapping

from gis.db import Actor, Role
from gis.model import ASSUMED_PREFIX, Layer, Level, catalog
from gis.release import ReferentLayer, snapshot_catalog
from gis.schema import Policy
from gis.text import TODAY_SQL, Text
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
"""The roles that a person may be appointed to. A partner is not one: it reads what was released, and nothing here."""

SYSTEM = Actor("system", Role("system", Text("Hệ thống", "System"), Level.RESTRICTED, ALL_LAYERS))
"""The house itself, when it loads reference data or recomputes what is derived."""

OFFICE = Actor("office", OFFICE_STAFF)
"""The standing office. Until accounts exist, whoever sits at the machine acts as the office."""

PARTNER = Actor("partner", PARTNER_VIEW)
"""The house with a partner's eyes: what may be shared, and no assumed position."""

PUBLIC = Actor("public", PUBLIC_READER)
"""Anybody."""

ANONYMOUS = Actor("nobody", PUBLIC_READER)
"""Who asks for what is open to anybody, before having signed in."""

UNIT_COLUMNS = {"incidents": ["unit"], "works": ["unit"], "sectors": ["unit"], "tasks": ["lead_unit"]}
"""Which column of a layer names the unit whose matter a row is."""

POLICY_FUNCTIONS = (
    """
create or replace function app.own_units() returns text[] language plpgsql stable security definer
    set search_path = pg_catalog, app as $$
declare
    unit text := nullif(current_setting('cotmoc.unit', true), '');
    today date := TODAY;
begin
    return (
        with recursive standing as (
            select u.name collate "default" as name, u.parent collate "default" as parent from app.units u
            where u.retired_at is null
            and (u.valid_from is null or u.valid_from <= today) and (u.valid_to is null or u.valid_to >= today)
        ), own as (
            select unit as name
            where exists (select from standing where name = unit)
            or not exists (select from app.units u where u.name = unit)
            union
            select s.name from standing s join own on s.parent = own.name
        )
        select coalesce(array_agg(name) filter (where name is not null), '{}') from own
    );
end $$;
create or replace function app.own_stretch(border text) returns nummultirange language plpgsql stable security definer
    set search_path = pg_catalog, app as $$
declare
    own text[] := app.own_units();
begin
    return (
        select coalesce(range_agg(numrange(s.start_m::numeric, s.end_m::numeric, '[]')), '{}') from app.sectors s
        where s.border = $1 and s.retired_at is null and s.start_m <= s.end_m and s.unit = any(own)
        and s.level <= 'LEVEL'::app.level
    );
end $$;
create or replace function app.marker_names(address text) returns text[] language sql immutable parallel safe strict
    set search_path = pg_catalog as $$
    select array_agg(named || twin)
    from unnest(string_to_array(split_part(ltrim($1, 'DOUBT'), ' ', 1), '–')) named,
        unnest('{"",(1),(2),(3)}'::text[]) twin
$$;
create or replace function app.names_hidden_marker(border text, address text, level app.level) returns boolean
    language sql stable security definer set search_path = pg_catalog as $$
    select exists (select from app.markers m
        where m.border = $1 and m.number = any(app.marker_names($2)) and m.retired_at is null and m.level > $3)
$$;
revoke all on function app.own_units, app.own_stretch, app.marker_names, app.names_hidden_marker from public;
grant execute on function app.own_units, app.own_stretch to OFFICER;
grant execute on function app.names_hidden_marker to READERS;
""".replace("OFFICER", f"{OFFICER.read_role}, {OFFICER.own_unit_role}")
    .replace("LEVEL", OFFICER.level)
    .replace("READERS", f"{PARTNER_VIEW.read_role}, {PUBLIC_READER.read_role}")
    .replace("DOUBT", ASSUMED_PREFIX)
    .replace("TODAY", TODAY_SQL)
)
"""What is one's own, asked anew by every statement: a transfer takes effect at once. And what addresses name.

The register of units is read whole, whatever of it the officer may see; a unit that has ended holds nothing any more.
The first two and the last act with their owner's rights and keep their plans, or each question would read the sectors
under the very policy that asks for them. That a marker number exists is public.
"""

MARKER_REFERENTS = ReferentLayer(
    "markers",
    route_column="border",
    mentions_sql="{row}.border = {route} and strpos({address}, split_part({row}.number, '(', 1)) > 0"
    " and {row}.number = any(app.marker_names({address}))",
    hidden_sql="app.names_hidden_marker({route}, {address}, '{level}')",
)
"""Markers are what addresses are counted from: ``147/6 + 120 m`` tells where 147/6 stands."""


def _own_unit_condition(layer: Layer) -> str:
    """The condition that a row is a matter of the actor's own unit. Sub-selects are asked once per statement."""
    tests = [f"{column} = any((select app.own_units())::text[])" for column in UNIT_COLUMNS.get(layer.name, ())]
    if "border" in layer.fields and layer.name != "sectors":
        tests += [
            f"border = '{border}' and (select app.own_stretch('{border}')) @> chainage_m::numeric" for border in Border
        ]
    return " or ".join(tests) or "false"


def may_list_changes_of(actor: Actor, person: str) -> bool:
    """What one person did is looked up by the administrator, by the office and by that person."""
    return actor.name == person or actor.role in (ADMINISTRATOR, OFFICE_STAFF, SYSTEM.role)


def read_condition(role: Role, layer: Layer) -> str:
    """Rows are seen up to the post's level; by a scoped post beyond what may be shared only where they are its own."""
    if not role.scoped:
        return f"level <= '{role.level}'::app.level"
    own_unit = _own_unit_condition(layer)
    return f"level <= '{Level.PARTNER}'::app.level or level <= '{role.level}'::app.level and ({own_unit})"


def edit_condition(role: Role, layer: Layer) -> str:
    """Rows are edited by those who may see them; by a scoped post only where they are its own."""
    seen = f"level <= '{role.level}'::app.level"
    return f"{seen} and ({_own_unit_condition(layer)})" if role.scoped else seen


def editable_sql(role: Role, layer: Layer) -> str:
    """The condition on which a role changes a row that it sees, for what is offered.

    Who sees a row by the very condition by which it is changed need not be asked about each.
    """
    if layer.name not in role.edits:
        return "false"
    allowed = edit_condition(role, layer)
    return "true" if allowed == read_condition(role, layer) else allowed


def catalog_of(actor: Actor) -> Mapping[str, Layer]:
    """The layers that somebody reads: the house's own, or the copies that were released."""
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
