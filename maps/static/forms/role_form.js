// Which post, in which unit: the fields that a person and a token have in common.

import { h, say } from "../core/page.js";
import { line } from "../core/dialogs.js";

export function postFields({ roles, units }, { role = "officer", unit = "" } = {}) {
  const known = unit && !units.includes(unit) ? [unit, ...units] : units;
  return [
    line(say("post"), h("select", { name: "role", required: true }, ...roles.map(([value, title]) => h("option", { value, selected: value === role }, title)))),
    line(say("unit"), h("select", { name: "unit", title: say("unit_hint") }, h("option", { value: "" }, "–"), ...known.map((one) => h("option", { value: one, selected: one === unit }, one)))),
    h("p", { className: "quiet" }, say("unit_hint")),
  ];
}
