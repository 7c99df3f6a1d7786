"""Privileges of each login and role, column by column: the catalogue is compared with this list."""

from gis.db.session import ACCOUNTS_LOGIN, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN
from gis.model.layer import catalog

POSTGIS_TABLES = {"public.spatial_ref_sys", "public.geography_columns", "public.geometry_columns"}
"""Tables of PostGIS, which every role may read; they hold none of our data."""

LOGIN_PRIVILEGES = {
    READER_LOGIN: {},
    WRITER_LOGIN: {},
    ACCOUNTS_LOGIN: dict.fromkeys(
        ("people", "appointments", "sign_ins", "recovery_codes", "tokens", "token_uses", "login_failures"),
        "insert select update",
    ),
    SEALER_LOGIN: {"journal": "select", "seals": "insert select"},
    PARTNER_LOGIN: {f"release.{name}": "select" for name in (*catalog, "manifests", "tombstones")},
}
"""Privileges that each login has without a role; tables without a schema are in ``app``."""

READING = "administrator committee office officer planner public shared system"
EDITING = "administrator office officer planner system"
MEMBER_OF = {
    READER_LOGIN: {f"cotmoc_{name}" for name in READING.split()},
    WRITER_LOGIN: {f"cotmoc_{name}" for name in READING.split()} | {f"cotmoc_{name}_edit" for name in EDITING.split()},
    ACCOUNTS_LOGIN: set(),
    SEALER_LOGIN: set(),
    PARTNER_LOGIN: set(),
}

COMMON_COLUMNS = "id level position_source source version created_at updated_at retired_at"
SHARED_COLUMNS = "shared_geom shared_address shared_chainage_m shared_accuracy_m"
HISTORY_COLUMNS = "valid action"
LAYER_COLUMNS = {
    "administrative_areas": "name kind parent valid_from valid_to successor note",
    "areas": "border name kind state",
    "crossings": "border name kind section state opened_on counterpart aliases note",
    "documents": "number issuer issued_on in_force_on kind title holder note",
    "gates": "border name counterpart counterpart_place category category_since mode stage province former_province"
    " commune aliases",
    "incidents": "border code category severity handling occurred_at description side unit",
    "lines": "border seq kind legal_status length_m licence attribution",
    "markers": "border number kind class condition built_by responsible_side inspected_on",
    "posts": "border section label condition",
    "sectors": "border section name unit demarcated",
    "tasks": "border title kind plan clause period lead_unit coordinating_units due_on responsibility product authority"
    " state waiting_on waiting_since progress done_on description seed_item imported",
    "units": "name short_name aliases kind side province parent valid_from valid_to successor",
    "works": "border title kind stage starts_on due_on done_on progress waiting_on waiting_since unit plan clause"
    " description seed_item suspended_from",
}
CHILD_COLUMNS = {
    "gate_categories": "id feature_id category valid_from valid_to document source created_at",
    "gate_events": "id feature_id kind on precision document note source created_at",
    "gate_plans": "id feature_id horizon category mode decision on source created_at",
    "marker_inspections": "id feature_id on condition created_at",
    "work_steps": "id feature_id ordinal code title_vi title_en due_on done_on document source created_at",
    "links": "id feature_id to_id role at border geom position_source created_at",
}
OTHER_COLUMNS = {
    "cell_changes": "id layer level assumed word features east north",
    "cells": "layer grid x y level assumed word features east north",
    "links_as_of": CHILD_COLUMNS["links"],
    "moves": "layer from_word to_word",
    "route_segments": "route n m0 m1 utm level",
    "routes": "name geom length_m level",
    "shared_places": "id layer label geom position_source",
}
READ_BELOW_INTERNAL = {
    **{name: f"{COMMON_COLUMNS} {SHARED_COLUMNS} shared_mercator {columns}" for name, columns in LAYER_COLUMNS.items()},
    **{
        f"{name}_history": f"{COMMON_COLUMNS} {SHARED_COLUMNS} {HISTORY_COLUMNS} {columns}"
        for name, columns in LAYER_COLUMNS.items()
    },
    **CHILD_COLUMNS,
    **{f"{name}_history": f"{columns} since {HISTORY_COLUMNS}" for name, columns in CHILD_COLUMNS.items()},
    **OTHER_COLUMNS,
}
"""The tables and columns that the roles ``public`` and ``shared`` may read."""

RELEASED = "recipient id release added_in version sha256 served_from served_to level position_source accuracy_m address"
RELEASED += " chainage_m source created_at updated_at shared_geom shared_mercator"
COMPUTED = {
    "crossings": "gate gate_id",
    "gates": "planned_2030 planned_2050 last_event next_event",
    "incidents": "open",
    "tasks": "urgency",
    "works": "procedure urgency",
}
READ_BY_PARTNERS = {
    **{f"release.{name}": f"{RELEASED} {columns} {COMPUTED.get(name, '')}" for name, columns in LAYER_COLUMNS.items()},
    "release.manifests": "release number recipient name published_at withdrawn_at manifest",
    "release.tombstones": "release id recipient layer added_in removed_in withdrawn",
}
"""The tables and columns that the partner login may read; row policies limit them to one recipient."""

RELEASE_TABLES = {"releases", "release_versions", "release_parts", "release_rows", "release_steps", "holdings"}
"""Tables that only the office and administrators read: how releases were prepared, and who received what."""

PROCEDURE = "border ordinal code title_vi title_en by always notice_days source"
ANCHORS = "border number chainage_m accuracy_m source"

WRITABLE_BY = {
    "officer": "incidents links marker_inspections markers replays counters",
    "planner": "areas crossings documents gate_categories gate_events gate_plans gates links marker_inspections markers"
    " posts tasks work_steps works replays counters",
    "office": "administrative_areas areas crossings documents gate_categories gate_events gate_plans gates incidents"
    " lines links marker_inspections markers posts sectors tasks units work_steps works replays counters"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
WRITABLE_BY |= {"system": WRITABLE_BY["office"]}
WRITABLE_BY |= dict.fromkeys(
    ("administrator", "office"), f"{WRITABLE_BY['office']} releases release_versions release_parts release_rows"
)
DELETABLE_BY = {
    "officer": "links marker_inspections replays",
    "planner": "gate_categories gate_events gate_plans links marker_inspections work_steps replays",
    "office": "gate_categories gate_events gate_plans links marker_inspections work_steps replays"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
DELETABLE_BY |= {"administrator": f"{DELETABLE_BY['office']} release_parts", "system": DELETABLE_BY["office"]}
DELETABLE_BY["office"] = DELETABLE_BY["administrator"]

SECURITY_DEFINER_CALLERS = {
    "app.own_units()": {"officer", "officer_edit", "officer_own"},
    "app.own_stretch(text)": {"officer", "officer_edit", "officer_own"},
    "app.write_journal(text,uuid,text,jsonb,jsonb)": {"publisher"},
    "app.journal_read(text,uuid,text,jsonb)": {"writer"},
    "app.readings(timestamp with time zone,timestamp with time zone,text,text,bigint,integer)": {
        "administrator",
        "administrator_edit",
        "office",
        "office_edit",
    },
    "app.publish_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.withdraw_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.told_of(uuid)": {"publisher"},
    "app.label_of(uuid)": {"publisher"},
    "app.names_hidden_marker(text,text,app.level)": {"public", "shared", "publisher"},
}
"""The ``security definer`` functions, and the roles that may call them."""


INTERNAL_LAYER_COLUMNS = {
    **dict.fromkeys(LAYER_COLUMNS, "original created_by"),
    "markers": "original created_by remark",
    "sectors": "original created_by start_m end_m",
    "tasks": "original created_by person",
    "works": "original created_by cost_planned cost_approved cost_spent funding",
}
"""The columns of level internal; an officer reads them for rows of the own unit only."""

INTERNAL_CHILD_COLUMNS = {**dict.fromkeys(CHILD_COLUMNS, ""), "marker_inspections": "note", "work_steps": "note"}
AUDIT_COLUMNS = "actor reason request device_at"
POSITION_COLUMNS = "geom address chainage_m accuracy_m"


def internal_columns(*, scoped):
    """The tables and columns that an internal role reads; a scoped role reads its unit's internal columns in views."""
    tables = {name: columns for name, columns in OTHER_COLUMNS.items() if name != "shared_places"}
    tables |= {"places": OTHER_COLUMNS["shared_places"], "procedure_steps": PROCEDURE, "marker_anchors": ANCHORS}
    for name, columns in LAYER_COLUMNS.items():
        shared = f"{COMMON_COLUMNS} {SHARED_COLUMNS} {POSITION_COLUMNS} {columns}"
        internal = "" if scoped else INTERNAL_LAYER_COLUMNS[name]
        tables[name] = f"{shared} {internal} mercator shared_mercator"
        tables[f"{name}_history"] = f"{shared} {internal} {HISTORY_COLUMNS} {'' if scoped else AUDIT_COLUMNS}"
        if scoped:
            tables[f"{name}_own"] = f"id version {INTERNAL_LAYER_COLUMNS[name]} {AUDIT_COLUMNS}"
    for name, shared in CHILD_COLUMNS.items():
        internal = "" if scoped else INTERNAL_CHILD_COLUMNS[name]
        tables[name] = f"{shared} {INTERNAL_CHILD_COLUMNS[name] if name == 'links' else internal}"
        tables[f"{name}_history"] = f"{shared} {internal} since {HISTORY_COLUMNS} {'' if scoped else AUDIT_COLUMNS}"
        if scoped and name != "links":
            tables[f"{name}_own"] = f"id valid {INTERNAL_CHILD_COLUMNS[name]} {AUDIT_COLUMNS}"
    if scoped:
        del tables["cells"], tables["cell_changes"]
    return tables


CALLABLE_BY_ALL = {"app.actor()", "app.as_of()", "app.plain(text)", "app.text_hash(text)", "app.content_hash(jsonb)"}
"""Functions that depend only on their arguments, or return the actor of the session or its moment of reading."""

CALLABLE_BY = {
    READER_LOGIN: CALLABLE_BY_ALL,
    WRITER_LOGIN: CALLABLE_BY_ALL | {"app.journal_read(text,uuid,text,jsonb)"},
    ACCOUNTS_LOGIN: CALLABLE_BY_ALL,
    SEALER_LOGIN: CALLABLE_BY_ALL,
    PARTNER_LOGIN: {"release.plain(text)"},
    **{f"cotmoc_{name}": CALLABLE_BY_ALL for name in ("committee", "planner")},
    "cotmoc_public": CALLABLE_BY_ALL | {"app.names_hidden_marker(text,text,app.level)"},
    **dict.fromkeys(
        ("cotmoc_office", "cotmoc_administrator"),
        CALLABLE_BY_ALL
        | {name for name, roles in SECURITY_DEFINER_CALLERS.items() if "office" in roles}
        | {"release.plain(text)"},
    ),
    "cotmoc_officer": CALLABLE_BY_ALL | {"app.own_units()", "app.own_stretch(text)"},
    "cotmoc_shared": CALLABLE_BY_ALL
    | {"app.names_hidden_marker(text,text,app.level)"}
    | {f"app.shared_{name}(uuid[],text[],integer)" for name in catalog},
}
