// Forms that the server has rendered into a page: sent as JSON, with errors shown in the form.

import { readForm } from "../core/date_text.js";
import { onSubmit } from "../core/dialogs.js";

/**
 * Submit a form by calling `send` with its values; if `send` throws, the form shows the error and keeps the values. The
 * server renders the button disabled, so that no browser submits a password without this script.
 * @param {HTMLFormElement} form
 * @param {(values: Record<string, any>) => Promise<unknown>} send
 * @param {Record<string, string>} [labels] The label of each field, for errors.
 */
export function submitAsJson(form, send, labels = {}) {
  const error = /** @type {HTMLElement} */ (form.querySelector(".refusal"));
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector('[type="submit"]'));
  const firstInvalid = '[aria-invalid="true"], [type="password"], [autocomplete="one-time-code"]';
  onSubmit(
    form,
    submit,
    error,
    labels,
    () => send(Object.fromEntries(readForm(form))),
    () => /** @type {HTMLInputElement | null} */ (form.querySelector(firstInvalid))?.select(),
  );
  submit.disabled = false;
}
