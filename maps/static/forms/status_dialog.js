// The dialog that changes a feature's status: the transitions that its code allows, and the reason. If the transition
// needs values that the feature lacks, the dialog asks for them, and saves them together with the transition.

import { element } from "../core/elements.js";
import { titleOf } from "../core/labels.js";
import { codeOf, codesOf, fieldLabel, fieldOf, layerCard, statusOf } from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";
import { localized, message } from "../core/page.js";
import { fieldDialog, reasonField } from "./field_dialog.js";
import { changeStatus, updateFeature } from "./transitions.js";

/**
 * Open the dialog. The first transition to a later code of the code list is preselected.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome: Outcome) => unknown} onChanged
 */
export function statusDialog(layer, feature, onChanged) {
  const { status } = layerCard(layer);
  const codes = codesOf(layer, status);
  const current = codeOf(layer, status, statusOf(layer, feature));
  const next = codes.filter((code) => current?.onward.includes(code.value));
  const position = (/** @type {Code | null} */ code) => (code ? codes.indexOf(code) : -1);
  const forward = Math.max(
    0,
    next.findIndex((code) => position(code) > position(current)),
  );
  const choices = element(
    "fieldset",
    {},
    element("legend", {}, message("status_new")),
    ...next.map((code, index) => choice(code, index === forward)),
    next.length ? null : element("p", { className: "quiet" }, message("status_final")),
  );
  fieldDialog(message("status_update_of", { title: titleOf(layer, feature) }), {
    lead: current ? message("status_current", { status: localized(current.title) }) : null,
    label: message("status_update"),
    before: [choices],
    fields: [reasonField()],
    missing: (error) =>
      (error.errors ?? []).flatMap(({ field }) => {
        const known = fieldOf(layer, field);
        return known?.receivable && known.input ? [known] : [];
      }),
    send: async ({ to, reason, ...values }) => onChanged(await saveAndMove(layer, feature, values, to, reason)),
  });
}

/**
 * Save the values that a transition needs, then change the status. If the second fails, the error says that the values
 * have been saved.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {Properties} values
 * @param {string} to
 * @param {string} reason
 * @returns {Promise<Outcome>}
 */
async function saveAndMove(layer, feature, values, to, reason) {
  const names = Object.keys(values).filter((name) => values[name] !== feature.properties[name]);
  if (!names.length) return changeStatus(layer, feature, to, reason);
  const saved = await updateFeature(layer, feature, { properties: values, reason });
  try {
    const moved = await changeStatus(layer, feature, to, reason);
    const undo = async () => {
      await moved.undo?.();
      await saved.undo?.();
    };
    return { ...moved, undo: null, ...(moved.undo ? { undo } : {}) };
  } catch (error) {
    const what = names.map((name) => fieldLabel(layer, name)).join(", ");
    error.message = `${message("saved_without_move", { what })} ${error.message}`;
    throw error;
  }
}

/**
 * @param {Code} code
 * @param {boolean} checked
 */
const choice = (code, checked) =>
  element(
    "label",
    { className: "choice" },
    element("input", { type: "radio", name: "to", value: code.value, required: true, checked }),
    code.mark ? markElement(code.mark) : null,
    localized(code.title),
  );
