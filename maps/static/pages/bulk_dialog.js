// The dialog that changes many rows at once: what is to be done and why; then a check, which names every row that would
// be refused; then the change of all rows, or of those that pass if the reader decides so.

import { labelled, reasonInput, showModal } from "../core/dialogs.js";
import { element, present } from "../core/elements.js";
import { formatNumber, joined } from "../core/format.js";
import { errorContent, idempotencyKey, request } from "../core/http.js";
import { valueText } from "../core/labels.js";
import { codesOf, fieldLabel, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { fieldControl, focusFirstFault, readControls } from "../forms/feature_inputs.js";

const POSITION_FIELDS = new Set(["place", "geom", "geometry", "position_source", "accuracy_m"]);
const MAX_UNDO_GROUPS = 20;

/** @typedef {import("./bulk_bar.js").RowAtVersion} RowAtVersion */
/** @typedef {{ id: string, title: string | null, detail: string, errors: FieldError[] }} RefusedRow */
/** @typedef {{ id: string, title: string | null, version: number, before: Properties }} ChangedRow */
/** @typedef {{ accepted: number, changed: ChangedRow[], refused: RefusedRow[] }} Verdicts */
/** @typedef {Record<string, unknown>} Change The member of the body that says what is done. */

/**
 * The fields that can be changed in many rows: those with an input, but no positions, level or status.
 * @param {string} layer
 */
export function changeableFields(layer) {
  const { fields, status } = layerCard(layer);
  return fields.filter(
    ({ name, input, receivable }) =>
      receivable && input !== null && name !== status && name !== "level" && !POSITION_FIELDS.has(name),
  );
}

/**
 * @param {string} layer
 * @param {string} act `properties`, `move`, `level` or `retire`.
 * @param {RowAtVersion[]} rows
 * @param {(outcome: Outcome) => unknown} onDone
 */
export function openBulkDialog(layer, act, rows, onDone) {
  const title = message("bulk_title", { act: message(`bulk_${act}`), n: formatNumber(rows.length) });
  const { controls, read, describe } = controlsOf(layer, act);
  const reason = /** @type {HTMLTextAreaElement} */ (reasonInput(true));
  const result = element("div", { className: "bulk-result", "aria-live": "polite" });
  const foot = element("div", { className: "dialog-foot" });
  const inputs = element(
    "div",
    { className: "bulk-inputs" },
    ...controls,
    labelled(`${message("reason")} (${message("required")})`, reason),
  );
  const form = element("form", { novalidate: true }, inputs, result, foot);
  const dialog = element("dialog", { className: "bulk-dialog", "aria-label": title }, element("h2", {}, title), form);
  const cancel = () => button(message("cancel"), () => dialog.close());

  function askForInput() {
    inputs.hidden = false;
    result.replaceChildren();
    foot.replaceChildren(
      cancel(),
      element("button", { className: "button primary", type: "submit" }, message("bulk_check")),
    );
  }

  /**
   * Send the request; shows its progress, and an error with the inputs.
   * @param {"check" | "all" | "valid"} mode
   * @param {Change} change
   * @param {string} [key]
   * @returns {Promise<Verdicts | null>}
   */
  async function send(mode, change, key) {
    const text = message(mode === "check" ? "bulk_checking" : "bulk_running", { n: formatNumber(rows.length) });
    result.replaceChildren(element("p", {}, text), element("progress", { "aria-label": text }));
    foot.replaceChildren();
    try {
      return await sendChange(layer, rows, change, reason.value.trim(), mode, key);
    } catch (error) {
      if (error.problem?.refused) {
        showVerdicts(error.problem, change); // what passed the check has been changed by others since
        return null;
      }
      askForInput();
      const labels = Object.fromEntries(
        layerCard(layer).fields.map((field) => [`properties.${field.name}`, localized(field.title)]),
      );
      result.replaceChildren(element("div", { className: "refusal", role: "alert" }, ...errorContent(error, labels)));
      return null;
    }
  }

  /**
   * @param {Verdicts} verdicts
   * @param {Change} change
   */
  function showVerdicts({ accepted, changed, refused }, change) {
    inputs.hidden = true;
    const number = (/** @type {string} */ key, /** @type {number} */ n) => message(key, { n: formatNumber(n) });
    result.replaceChildren(
      ...present([
        element("p", { className: "quiet" }, joined(describe(), reason.value.trim())),
        element("p", {}, element("b", {}, number("bulk_passes", accepted))),
        accepted > changed.length &&
          element("p", { className: "quiet" }, number("bulk_unchanged", accepted - changed.length)),
        refused.length > 0 &&
          element("p", {}, element("b", { className: "late" }, number("bulk_refused", refused.length))),
        refused.length > 0 &&
          element("ul", { className: "refused-rows" }, ...refused.map((row) => refusedRow(layer, row))),
      ]),
    );
    const mode = refused.length ? "valid" : "all";
    const label = number(refused.length ? "bulk_change_valid" : "bulk_change_all", accepted);
    const write = button(label, () => run(mode, change), refused.length ? "" : "primary");
    foot.replaceChildren(...present([button(message("bulk_back"), askForInput), cancel(), accepted > 0 && write]));
    foot.querySelector("button")?.focus();
  }

  /**
   * @param {"all" | "valid"} mode
   * @param {Change} change
   */
  async function run(mode, change) {
    const verdicts = await send(mode, change, idempotencyKey());
    if (!verdicts) return;
    dialog.close();
    onDone(outcomeOf(layer, act, verdicts));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!reason.value.trim()) {
      reason.setAttribute("aria-invalid", "true");
      result.replaceChildren(element("p", { className: "field-fault", role: "alert" }, message("reason_missing")));
      return reason.focus();
    }
    reason.removeAttribute("aria-invalid");
    const change = read();
    if (!change) return;
    const verdicts = await send("check", change);
    if (verdicts) showVerdicts(verdicts, change);
  });
  dialog.addEventListener("close", () => dialog.remove());
  askForInput();
  showModal(dialog);
}

/**
 * The controls of an act, the function that reads them as the member of the request's body, and the one that says in
 * words what they hold.
 * @param {string} layer
 * @param {string} act
 * @returns {{ controls: HTMLElement[], read: () => Change | null, describe: () => string }} `read` shows a fault of the
 *   input and returns null.
 */
function controlsOf(layer, act) {
  const { status } = layerCard(layer);
  if (act === "retire" || act === "restore") return { controls: [], read: () => ({ [act]: true }), describe: () => "" };
  if (act === "properties") return propertyControls(layer);
  const isMove = act === "move";
  const codes = codesOf(layer, isMove ? status : "level");
  const reachable = new Set(codes.flatMap(({ onward }) => onward));
  const offered = isMove ? codes.filter(({ value }) => reachable.has(value)) : codes;
  const select = element(
    "select",
    {},
    ...offered.map((code) => element("option", { value: code.value }, localized(code.title))),
  );
  const label = isMove ? message("status_new") : fieldLabel(layer, "level");
  const read = () => (isMove ? { move: { to: select.value } } : { properties: { level: select.value } });
  const describe = () => `${label}: ${select.selectedOptions[0]?.textContent}`;
  return { controls: [labelled(label, select)], read, describe };
}

/**
 * The choice of a field, and the input that its form has for it.
 * @param {string} layer
 */
function propertyControls(layer) {
  const fields = changeableFields(layer);
  const choice = element(
    "select",
    {},
    ...fields.map(({ name }) => element("option", { value: name }, fieldLabel(layer, name))),
  );
  const room = element("div", {});
  let control = fieldControl(fields[0]);
  const draw = () => {
    control = fieldControl(fields.find(({ name }) => name === choice.value) ?? fields[0]);
    room.replaceChildren(control.row, element("p", { className: "quiet" }, message("bulk_value")));
  };
  choice.addEventListener("change", draw);
  draw();
  const read = () => {
    const { values, faulty } = readControls([control]);
    if (!faulty.length) return { properties: values };
    focusFirstFault([control]);
    return null;
  };
  const describe = () => {
    const field = fields.find(({ name }) => name === choice.value) ?? fields[0];
    const reading = control.read();
    const value = "value" in reading ? reading.value : null;
    return `${control.label}: ${valueText(layer, field, value) || message("no_value")}`;
  };
  return { controls: [labelled(message("bulk_field"), choice), room], read, describe };
}

/**
 * @param {string} layer
 * @param {RowAtVersion[]} rows
 * @param {Change} change
 * @param {string} reason
 * @param {string} mode
 * @param {string} [key]
 * @returns {Promise<Verdicts>}
 */
async function sendChange(layer, rows, change, reason, mode, key) {
  /** @type {Record<string, string>} */
  const headers = key ? { "Idempotency-Key": key } : {};
  const body = { layer, rows, ...change, reason, mode };
  const { data } = await request("/api/bulk", { method: "POST", headers, body });
  return data;
}

/**
 * @param {string} layer
 * @param {RefusedRow} row
 */
function refusedRow(layer, { title, detail, errors }) {
  const faults = errors.filter((fault) => fault.detail && !detail.endsWith(fault.detail));
  const texts = faults.map((fault) => `${fieldLabel(layer, fault.field)}: ${fault.detail}`);
  return element("li", {}, element("b", {}, title ?? message("bulk_hidden")), `: ${[detail, ...texts].join(" · ")}`);
}

/**
 * What has been changed, and the function that undoes it, where that is one change for all rows or for a few groups.
 * @param {string} layer
 * @param {string} act
 * @param {Verdicts} verdicts
 * @returns {Outcome}
 */
function outcomeOf(layer, act, { changed, refused }) {
  const text = message("bulk_done", { act: message(`bulk_${act}`), n: formatNumber(changed.length) });
  const left = refused.length ? ` · ${message("bulk_left", { n: formatNumber(refused.length) })}` : "";
  const groups = act === "retire" ? [{ rows: changed, change: { restore: true } }] : formerValues(act, changed);
  const undo = async () => {
    for (const group of groups) {
      const rows = group.rows.map(({ id, version }) => ({ id, version }));
      await sendChange(layer, rows, group.change, message("undo").toLowerCase(), "all", idempotencyKey());
    }
  };
  return { text: text + left, undo: changed.length && groups.length && groups.length <= MAX_UNDO_GROUPS ? undo : null };
}

/**
 * The changed rows by the values that they had before; none for a status or level, which do not go back the same way.
 * @param {string} act
 * @param {ChangedRow[]} changed
 */
function formerValues(act, changed) {
  /** @type {Map<string, { rows: ChangedRow[], change: Change }>} */
  const groups = new Map();
  if (act !== "properties") return [];
  for (const row of changed) {
    const key = JSON.stringify(row.before);
    const group = groups.get(key) ?? { rows: [], change: { properties: row.before } };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * @param {string} text
 * @param {() => unknown} onclick
 * @param {string} [kind]
 */
const button = (text, onclick, kind = "") =>
  element("button", { className: `button ${kind}`, type: "button", onclick }, text);
