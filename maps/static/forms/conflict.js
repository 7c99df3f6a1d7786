// Two people have changed the same feature: what the other has changed since the form was opened, and, for each field
// that both have changed, both values to choose from. Theirs is chosen until somebody decides otherwise.

import { element } from "../core/elements.js";
import { valueText } from "../core/labels.js";
import { fieldOf, fieldLabel } from "../core/layer_cards.js";
import { message } from "../core/page.js";
import { isSameValue } from "./feature_inputs.js";

/** @typedef {import("./feature_inputs.js").FieldControl} FieldControl */

let groups = 0; // so many have been created, for the names of their radio buttons

/**
 * The notice of a conflict. Controls of fields that this person has not changed take the other's values.
 * @param {string} layer
 * @param {FieldControl[]} controls
 * @param {Properties} base The values when the form was opened.
 * @param {Properties} theirs The values now.
 */
export function conflictNotice(layer, controls, base, theirs) {
  const choices = [];
  const others = [];
  for (const control of controls) {
    const field = fieldOf(layer, control.name) ?? {};
    const name = control.name;
    if (isSameValue(field, base[name], theirs[name])) continue;
    const reading = control.read();
    const mine = "value" in reading ? reading.value : control.text();
    if (isSameValue(field, mine, theirs[name])) continue;
    if (isSameValue(field, mine, base[name])) {
      control.set(theirs[name] ?? null);
      const text = [base[name], theirs[name]].map((value) => valueText(layer, field, value) || "–").join(" → ");
      others.push(element("li", {}, `${fieldLabel(layer, name)}: ${text}`));
    } else choices.push(choiceOf(layer, control, mine, theirs[name] ?? null));
  }
  const list = others.length ? [element("p", {}, message("conflict_others")), element("ul", {}, ...others)] : [];
  const lead = message(choices.length ? "conflict_choose" : "conflict_check");
  return element("div", { className: "conflict" }, element("p", {}, element("b", {}, lead)), ...choices, ...list);
}

/**
 * Both values of a field as radio buttons, which set its control.
 * @param {string} layer
 * @param {FieldControl} control
 * @param {any} mine
 * @param {any} theirs
 */
function choiceOf(layer, control, mine, theirs) {
  const field = fieldOf(layer, control.name) ?? {};
  const name = `conflict-${(groups += 1)}`;
  const radio = (/** @type {string} */ key, /** @type {any} */ value, checked = false) =>
    element(
      "label",
      { className: "choice" },
      element("input", { type: "radio", name, value: key, checked, onchange: () => control.set(value) }),
      element("span", {}, `${message(key)}: `, element("b", {}, valueText(layer, field, value) || "–")),
    );
  control.set(theirs);
  const legend = element("legend", {}, control.label);
  return element("fieldset", {}, legend, radio("conflict_theirs", theirs, true), radio("conflict_mine", mine));
}
