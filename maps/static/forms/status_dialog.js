// The dialog that changes a feature's status: the transitions that its code allows, and the reason.

import { formDialog, labelled, reasonInput } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { titleOf } from "../core/labels.js";
import { codeOf, codesOf, layerCard, statusOf } from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";
import { localized, message } from "../core/page.js";
import { changeStatus } from "./transitions.js";

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
  const reason = labelled(`${message("reason")} (${message("required")})`, reasonInput(true));
  const title = message("status_update_of", { title: titleOf(layer, feature) });
  const lead = current ? message("status_current", { status: localized(current.title) }) : null;
  const send = async (/** @type {FormData} */ values) => {
    await onChanged(await changeStatus(layer, feature, String(values.get("to")), String(values.get("reason"))));
  };
  const labels = { to: message("status_new"), reason: message("reason") };
  formDialog(title, lead, [choices, reason], send, { label: message("status_update"), labels });
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
