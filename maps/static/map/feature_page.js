// A feature on the map page: the popup on the map. The record in the panel is that of `forms/record.js`.

import { element } from "../core/elements.js";
import { titleOf } from "../core/labels.js";
import { message } from "../core/page.js";
import { checklist } from "../forms/procedure.js";
import { button, factList, heading, isPlaceable, statusButton } from "../forms/record_parts.js";

export { featureRecord } from "../forms/record.js";

/**
 * @typedef {object} PopupActions
 * @property {() => unknown} open Opens the record.
 * @property {(outcome?: Outcome) => unknown} onChanged
 * @property {() => unknown} setPosition
 * @property {() => unknown} onResized Called when the content of the popup has been loaded.
 */

/**
 * The content of the popup: facts, steps and buttons.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {PopupActions} actions
 */
export function featurePopup(layer, feature, { open, onChanged, setPosition, onResized }) {
  return element(
    "article",
    { className: "card", "aria-label": titleOf(layer, feature) },
    ...heading(layer, feature),
    factList(layer, feature),
    ...checklist(layer, feature, onChanged, { brief: true, onFilled: onResized }),
    element(
      "div",
      { className: "actions" },
      button(message("open_record"), open),
      statusButton(layer, feature, onChanged),
      feature.geometry || !isPlaceable(layer, feature) ? null : button(message("set_position"), setPosition),
    ),
  );
}
