// The dialogs for acts on a record that need a reason: another level, retiring, and restoring.

import { element } from "../core/elements.js";
import { itemPath, request } from "../core/http.js";
import { titleOf } from "../core/labels.js";
import { codesOf, codeTitle, displayOf, fieldOf } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { fieldDialog, reasonField } from "./field_dialog.js";
import { updateFeature } from "./transitions.js";

const LEVEL = "level";

/**
 * Whether the reader may send another level for features of a layer.
 * @param {string} layer
 */
export const hasLevel = (layer) => Boolean(fieldOf(layer, LEVEL)?.receivable);

/**
 * Open the dialog that changes the level of a feature, with the rule for it.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome: Outcome) => unknown} onChanged
 */
export function levelDialog(layer, feature, onChanged) {
  const current = feature.properties[LEVEL];
  const choices = codesOf(layer, LEVEL).map(({ value, title }) =>
    element(
      "label",
      { className: "choice" },
      element("input", { type: "radio", name: LEVEL, value, checked: value === current }),
      localized(title),
    ),
  );
  fieldDialog(message("level_change_of", { title: titleOf(layer, feature) }), {
    lead: message("level_rule"),
    label: message("level_change"),
    before: [element("fieldset", {}, element("legend", {}, message("level_new")), ...choices)],
    fields: [reasonField()],
    send: async ({ level, reason }) => {
      if (level === current) return;
      const { undo } = await updateFeature(layer, feature, { properties: { [LEVEL]: level }, reason });
      const text = message("level_changed", { level: codeTitle(layer, LEVEL, level) });
      await onChanged({ text, undo });
    },
  });
}

/**
 * Open the dialog that retires a feature.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome: Outcome) => unknown} onRetired
 */
export function retireDialog(layer, feature, onRetired) {
  fieldDialog(message("retire_of", { title: titleOf(layer, feature) }), {
    lead: message("retire_hint", { what: localized(displayOf(layer).singular) }),
    label: message("retire"),
    fields: [reasonField()],
    send: async ({ reason }) => {
      const headers = { "If-Match": feature.etag ?? "", "X-Reason": encodeURIComponent(reason) };
      await request(itemPath(layer, feature.id), { method: "DELETE", headers });
      const undo = () => restore(layer, feature.id, message("undo").toLowerCase());
      await onRetired({ text: message("retired_text", { title: titleOf(layer, feature) }), undo });
    },
  });
}

/**
 * Open the dialog that takes a retired feature back into use.
 * @param {string} layer
 * @param {string} id
 * @param {() => unknown} onRestored
 */
export function restoreDialog(layer, id, onRestored) {
  fieldDialog(message("restore"), {
    label: message("restore"),
    fields: [reasonField()],
    send: async ({ reason }) => {
      await restore(layer, id, reason);
      await onRestored();
    },
  });
}

/**
 * @param {string} layer
 * @param {string} id
 * @param {string} reason
 */
const restore = (layer, id, reason) => request(itemPath(layer, id, "/restore"), { method: "POST", body: { reason } });
