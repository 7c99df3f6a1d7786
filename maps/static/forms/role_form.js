// The fields for a role and a unit, which the forms of people and of tokens share.

import { labelled } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { message } from "../core/page.js";

/**
 * The two fields and their hint. A current unit that is no longer in the list can still be chosen.
 * @param {{ roles: [string, string][], units: string[] }} choices Roles as name and title.
 * @param {{ role?: string, unit?: string | null }} [current]
 */
export function roleFields({ roles, units }, { role = "officer", unit = "" } = {}) {
  const choices = unit && !units.includes(unit) ? [unit, ...units] : units;
  const roleOptions = roles.map(([value, title]) => element("option", { value, selected: value === role }, title));
  const unitOptions = choices.map((name) => element("option", { value: name, selected: name === unit }, name));
  const none = element("option", { value: "" }, "–");
  return [
    labelled(message("role"), element("select", { name: "role", required: true }, ...roleOptions)),
    labelled(message("unit"), element("select", { name: "unit", title: message("unit_hint") }, none, ...unitOptions)),
    element("p", { className: "quiet" }, message("unit_hint")),
  ];
}
