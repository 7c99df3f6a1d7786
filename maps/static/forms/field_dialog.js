// A dialog with the controls of fields: everything at fault is shown at its field, at once, and the first gets the focus.

import { closeButton, showModal } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { message } from "../core/page.js";
import { fieldControl, focusFirstFault, readControls, showFieldErrors, submitButton } from "./feature_inputs.js";

/** @typedef {import("./feature_inputs.js").FieldControl} FieldControl */
/** @typedef {import("./feature_inputs.js").Described} Described */

/**
 * @typedef {object} FieldDialogOptions
 * @property {string | null} [lead] A sentence under the title.
 * @property {string} [label] The text of the button.
 * @property {Described[]} fields
 * @property {Properties} [values] The values at first.
 * @property {Child[]} [before] Content before the controls.
 * @property {(values: Properties) => unknown} send If it throws, the dialog shows the error and stays open.
 * @property {(error: Error & { errors?: FieldError[] }) => Described[]} [missing] The fields that an error asks for
 *   and that the dialog does not have yet; they are added to it.
 */

/**
 * Open the dialog.
 * @param {string} title
 * @param {FieldDialogOptions} options
 */
export function fieldDialog(title, options) {
  const { lead = null, label = message("save"), fields, values = {}, before = [], send, missing = () => [] } = options;
  const controls = fields.map((field) => fieldControl(field, values[field.name]));
  const more = element("div", { className: "more-fields", hidden: true });
  const summary = element("div", { className: "refusal", role: "alert", hidden: true });
  const submit = submitButton(label);
  const form = element(
    "form",
    { novalidate: true },
    ...before,
    more,
    ...controls.map(({ row }) => row),
    summary,
    element("div", { className: "dialog-foot" }, closeButton(message("close")), submit),
  );
  const heading = element("h2", {}, title);
  const intro = lead ? element("p", { className: "quiet" }, lead) : null;
  const dialog = element("dialog", { "aria-label": title }, heading, intro, form);

  /** @param {Error & { errors?: FieldError[] }} error */
  const showError = (error) => {
    const added = missing(error).filter(({ name }) => !controls.some((control) => control.name === name));
    const rows = added.map((field) => fieldControl({ ...field, required: true }, values[field.name]));
    controls.unshift(...rows);
    more.append(...rows.map(({ row }) => row));
    more.hidden = !more.childElementCount;
    const rest = showFieldErrors(controls, error.errors ?? []);
    // A message that only repeats the first fault is left out, as the fault stands at its field.
    const repeats = (error.errors ?? []).some(({ detail }) => detail && error.message.endsWith(detail));
    if (rest.length || added.length || !repeats) {
      const items = added.length ? [] : rest.map(({ detail }) => element("li", {}, detail));
      summary.replaceChildren(element("p", {}, error.message), items.length > 1 ? element("ul", {}, ...items) : "");
      summary.hidden = false;
    }
    focusFirstFault(controls);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    summary.hidden = true;
    const { values: entered, faulty } = readControls(controls);
    if (faulty.length) return void focusFirstFault(controls);
    submit.disabled = true;
    try {
      await send({ ...Object.fromEntries(new FormData(form)), ...entered });
      dialog.close();
    } catch (error) {
      showError(error);
    } finally {
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  showModal(dialog);
  return dialog;
}

/**
 * The field for the reason of a change.
 * @param {boolean} required
 * @returns {Described}
 */
export const reasonField = (required = true) => ({
  name: "reason",
  title: { vi: message("reason"), en: message("reason") },
  input: "text",
  max_length: 500,
  required,
});

/**
 * The values that are not empty.
 * @param {Properties} values
 */
export const nonEmpty = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
