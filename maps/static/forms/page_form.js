// Forms that the server has rendered into a page: sent as JSON, with errors shown in the form.

import { readForm } from "../core/date_text.js";
import { onSubmit } from "../core/dialogs.js";

/**
 * Let `send` submit a form, as an object of its values; an error that it throws is shown in the form, which keeps what
 * was entered. The server sends the button disabled, so that no browser submits a password without this script.
 * @param {HTMLFormElement} form
 * @param {(values: Record<string, any>) => Promise<unknown>} send
 * @param {Record<string, string>} [labels] The label of each field, for errors.
 */
export function submitAsJson(form, send, labels = {}) {
  const error = /** @type {HTMLElement} */ (form.querySelector(".refusal"));
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector('[type="submit"]'));
  const firstToCorrect = '[aria-invalid="true"], [type="password"], [autocomplete="one-time-code"]';
  onSubmit(
    form,
    submit,
    error,
    labels,
    () => send(Object.fromEntries(readForm(form))),
    () => /** @type {HTMLInputElement | null} */ (form.querySelector(firstToCorrect))?.select(),
  );
  submit.disabled = false;
}
