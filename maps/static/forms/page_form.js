// A form that stands in its page: sent as JSON, its refusal shown in place, nothing that was typed is lost.
// Its button is disabled until somebody here listens, so that no browser sends a password by itself.

import { dated } from "../core/date_text.js";
import { explained } from "../core/http.js";

/** `send` gets what was filled in as an object; what it throws is shown in the form. */
export function sends(form, send, labels = {}) {
  const fault = form.querySelector(".refusal");
  const submit = form.querySelector('[type="submit"]');
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.hidden = true;
    try {
      await send(Object.fromEntries(dated(form)));
    } catch (error) {
      fault.replaceChildren(...explained(error, labels));
      fault.hidden = false;
      form.querySelector('[aria-invalid="true"], [type="password"], [autocomplete="one-time-code"]')?.select();
    } finally {
      submit.disabled = false;
    }
  });
  submit.disabled = false;
}
