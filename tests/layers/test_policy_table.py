"""The tables in the docstring of the access policy agree with its roles and with the SQL that it renders."""

import re
import sqlite3
from contextlib import closing
from functools import cache
from itertools import pairwise

import pytest

from gis.db.actors import Actor
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.schema.grants import security_sql
from layers import policy
from layers.policy import POLICY, RECIPIENT, UNIT_COLUMNS, may_list_changes_of

ROLES = {role.name: role for role in (*POLICY.roles, RECIPIENT)}
LEVELS = [level.value for level in Level]
STATEMENTS = security_sql(POLICY).replace('"', "")

READ, CREATE, CHANGE, LOWER = "Read", "Create", "Change", "Lower to this level"
READ_POLICY = re.compile(r"create policy see_(\w+) on app\.(\w+) for select to \w+ using \((.*)\);$", re.MULTILINE)
CREATE_POLICY = re.compile(
    r"create policy add_(\w+) on app\.(\w+) for insert to \w+ with check \((.*)\);$", re.MULTILINE
)
CHANGE_POLICY = re.compile(
    r"create policy edit_(\w+) on app\.(\w+) for update to \w+ using \((.*)\) with check \(.*\);$", re.MULTILINE
)


def table(*header):
    """The rows of the table with this header, each as a dictionary, as Markdown has them in the docstring."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in policy.__doc__.splitlines()
        if line.startswith("|")
    ]
    starts = [index for index, (_, rule) in enumerate(pairwise(lines)) if set(rule) == {"---"}]
    (start,) = [index for index in starts if lines[index][: len(header)] == list(header)]
    end = next((index for index in starts if index > start), len(lines))
    return [dict(zip(lines[start], cells, strict=True)) for cells in lines[start + 2 : end]]


def names(cell):
    return [] if cell == "none" else cell.split(", ")


def cells_by(rows, *keys):
    """Each row once for every name in its key columns; a repeated key fails."""
    cells = {}
    for row in rows:
        combinations = [()]
        for key in keys:
            combinations = [(*before, name) for before in combinations for name in names(row[key])]
        for combination in combinations:
            assert combination not in cells, combination
            cells[combination] = row
    return cells


ROWS = cells_by(table("Role", "Level"), "Role", "Level")


@cache
def policies(pattern):
    """The conditions of all row policies of layers that match: by role and layer."""
    matches = pattern.finditer(STATEMENTS)
    return {(match[1], match[2]): match[3] for match in matches if match[2] in catalog}


def holds(condition, layer, level, *, in_own_unit):
    """Whether a condition holds for a row of this level, of the own unit or of another."""
    own_condition = policy._own_unit_condition(catalog[layer])
    of_level = condition.replace(f"({own_condition})", f"({in_own_unit})".lower())
    ranked = re.sub(r"'(\w+)'::app\.level", lambda match: str(LEVELS.index(match[1])), of_level)
    with closing(sqlite3.connect(":memory:")) as evaluator:
        statement = f"select {ranked.replace('level ', f'{LEVELS.index(level)} ')}"
        return bool(evaluator.execute(statement).fetchone()[0])


def access(pattern, role, level):
    """What the policies of all layers say of a role and a level: ``yes``, ``own unit`` or ``no``."""
    answers = set()
    for (name, layer), condition in policies(pattern).items():
        if name != role or (ROLES[role].scoped and policy._own_unit_condition(catalog[layer]) == "false"):
            continue
        of_unit, of_others = (holds(condition, layer, level, in_own_unit=in_own_unit) for in_own_unit in (True, False))
        answers.add("yes" if of_others else "own unit" if of_unit else "no")
    assert len(answers) <= 1, (role, level, answers)
    return answers.pop() if answers else "no"


def guarded_roles(function):
    """The database roles in each condition on ``current_user`` of a trigger function, in order."""
    body = STATEMENTS.split(f"function app.{function}()", 1)[1].split("end $$;", 1)[0]
    return [set(re.findall(r"'(\w+)'", match)) for match in re.findall(r"current_user in \((.*?)\)", body)]


def grantees(function):
    """The database roles that may call a function."""
    (roles,) = re.findall(rf"^grant execute on function app\.{function}\S* ?.*? to (.*);$", STATEMENTS, re.MULTILINE)
    return set(roles.split(", "))


def test_rows_table_covers_every_role_and_level_once():
    assert set(ROWS) == {(role, level) for role in ROLES for level in LEVELS}


@pytest.mark.parametrize(("role", "level"), ROWS)
def test_rows_table_says_who_reads_and_changes(role, level):
    row = ROWS[role, level]
    assert row[READ] == access(READ_POLICY, role, level)
    assert row[CHANGE] == access(CHANGE_POLICY, role, level)


@pytest.mark.parametrize(("role", "level"), ROWS)
def test_rows_table_says_who_creates(role, level):
    (refused,) = guarded_roles("guard_new_level")
    (threshold,) = set(re.findall(r"guard_new_level before insert .*?\n.*?NEW\.level < '(\w+)'", STATEMENTS))
    below = LEVELS.index(level) < LEVELS.index(threshold)
    expected = "no" if below and ROLES[role].write_role in refused else access(CREATE_POLICY, role, level)
    assert ROWS[role, level][CREATE] == expected


@pytest.mark.parametrize(("role", "level"), ROWS)
def test_rows_table_says_who_lowers_levels(role, level):
    refused, no_token, no_author = guarded_roles("guard_level")
    assert no_token == no_author
    higher = LEVELS[LEVELS.index(level) + 1 :]
    can_change = access(CHANGE_POLICY, role, level) != "no" and any(
        access(CHANGE_POLICY, role, other) != "no" for other in higher
    )
    writer = ROLES[role].write_role
    expected = "no" if not can_change or writer in refused else "second person" if writer in no_author else "yes"
    assert ROWS[role, level][LOWER] == expected


def test_layers_table_says_what_each_role_edits():
    rows = cells_by(table("Role", "Creates and changes"), "Role")
    assert set(rows) == {(role,) for role in ROLES}
    for (role,), row in rows.items():
        edits = ROLES[role].edits
        whole = {layer for layer, fields in edits.items() if fields == ()}
        cell = row["Creates and changes"]
        assert (set(catalog) if cell == "every layer" else set(names(cell))) == whole, role
        assert whole == {layer for name, layer in policies(CREATE_POLICY) if name == role}, role
        parts = [part for part in row["Changes only these fields"].split("; ") if part != "none"]
        fields = {layer: tuple(listed.split(", ")) for layer, listed in (part.split(": ") for part in parts)}
        assert fields == {layer: fields for layer, fields in edits.items() if fields}, role
        assert whole | set(fields) == {layer for name, layer in policies(CHANGE_POLICY) if name == role}, role


def test_own_unit_table_names_the_columns_of_the_policy():
    rows = cells_by(table("Layer", "Column"), "Layer")
    assert {layer: names(row["Column"]) for (layer,), row in rows.items()} == UNIT_COLUMNS


def sees_provenance(role):
    """Whether a role reads who made a change and why: in every history, only in the own-unit views, or not at all."""
    reader = ROLES[role].read_role
    histories = re.findall(
        rf"^grant select \(.*\bactor\b.*\) on app\.(\w+)_history to {reader};$", STATEMENTS, re.MULTILINE
    )
    if histories:
        assert set(catalog) <= set(histories)
        return "yes"
    own_unit_views = re.findall(rf"^grant select on app\.(\w+)_own to {reader};$", STATEMENTS, re.MULTILINE)
    return "own unit" if set(catalog) <= set(own_unit_views) else "no"


def releases_of(role):
    """What a role does with releases, by the grant on publishing, and by the flags of the role."""
    publishes = ROLES[role].write_role in grantees("publish_release")
    assert publishes == ROLES[role].manages_releases
    return "yes" if publishes else "copies" if ROLES[role].external else "no"


def test_rights_table_says_what_else_each_role_may_do():
    rows = cells_by(table("Role", "Assumed positions"), "Role")
    assert set(rows) == {(role,) for role in ROLES}
    answers = {True: "yes", False: "no"}
    for (name,), row in rows.items():
        role = ROLES[name]
        assert may_list_changes_of(Actor("lan", role), "lan")
        assert row == {
            "Role": row["Role"],
            "Assumed positions": answers[role.clearance.sees_assumed_positions],
            "Who made a change and why": sees_provenance(name),
            "Changes by person": "anyone" if may_list_changes_of(Actor("lan", role), "minh") else "own",
            "Access log": answers[role.read_role in grantees("readings")],
            "Releases": releases_of(name),
            "Accounts": answers[role.administrator],
        }, name
