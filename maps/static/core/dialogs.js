// Dialogs with a form, and the controls in them.

import { readForm } from "./date_text.js";
import { element } from "./elements.js";
import { errorContent } from "./http.js";
import { message } from "./page.js";

/**
 * Open a dialog with a form. Submitting it calls `send` with the values and closes the dialog; if `send` throws, the
 * dialog shows the error and stays open with the values.
 * @param {string} title
 * @param {string | null} lead A sentence under the title.
 * @param {Child[]} content The controls.
 * @param {(values: FormData) => unknown} send
 * @param {{ label?: string, labels?: Record<string, string> }} [options] The text of the button, and the label of each
 *   field for errors.
 */
export function formDialog(title, lead, content, send, { label = message("save"), labels = {} } = {}) {
  const error = element("div", { className: "refusal", role: "alert", hidden: true });
  const submit = element("button", { className: "button primary", type: "submit" }, label);
  const foot = element("div", { className: "dialog-foot" }, closeButton(message("close")), submit);
  const form = element("form", {}, ...content, error, foot);
  const intro = lead ? element("p", { className: "quiet" }, lead) : null;
  const dialog = element("dialog", { "aria-label": title }, element("h2", {}, title), intro, form);
  onSubmit(form, submit, error, labels, async () => {
    await send(readForm(form));
    dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  showModal(dialog);
  return dialog;
}

/**
 * Handle the submission of a form: its button is disabled until `action` ends, an error is shown in `errorBox`.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} submit
 * @param {HTMLElement} errorBox
 * @param {Record<string, string>} labels
 * @param {() => Promise<unknown>} action
 * @param {() => unknown} [afterError]
 */
export function onSubmit(form, submit, errorBox, labels, action, afterError = () => {}) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    errorBox.hidden = true;
    try {
      await action();
    } catch (error) {
      errorBox.replaceChildren(...errorContent(error, labels));
      errorBox.hidden = false;
      afterError();
    } finally {
      submit.disabled = false;
    }
  });
}

/**
 * A button that closes its dialog.
 * @param {string} label
 */
export const closeButton = (label) =>
  element(
    "button",
    { className: "button", type: "button", onclick: ({ currentTarget }) => currentTarget.closest("dialog").close() },
    label,
  );

/**
 * Add a dialog to the page and open it as a modal one.
 * @param {HTMLDialogElement} dialog
 */
export function showModal(dialog) {
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Ask before something is lost; resolves to whether it was confirmed.
 * @param {string} question
 * @param {string} label The text of the button that confirms.
 * @returns {Promise<boolean>}
 */
export function confirmDialog(question, label) {
  return new Promise((resolve) => {
    const dialog = element("dialog", { "aria-label": question }, element("h2", {}, question));
    const confirm = () => {
      resolve(true);
      dialog.close();
    };
    const buttons = [
      closeButton(message("go_on_writing")),
      element("button", { className: "button primary", type: "button", onclick: confirm }, label),
    ];
    dialog.append(element("div", { className: "dialog-foot" }, ...buttons));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(false); // without effect once it is resolved
    });
    showModal(dialog);
  });
}

/**
 * A control of a dialog under its label.
 * @param {string} label
 * @param {HTMLElement} control
 */
export const labelled = (label, control) => element("label", {}, element("span", {}, label), control);

/**
 * The field for the reason of a change.
 * @param {boolean} required
 */
export const reasonInput = (required) =>
  element("textarea", { name: "reason", rows: "3", required, maxlength: "500", placeholder: message("reason_hint") });
