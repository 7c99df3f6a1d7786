// The sign-in page, and the page behind an invitation link, where the first password is chosen.

import { byId } from "../core/elements.js";
import { request } from "../core/http.js";
import { message } from "../core/page.js";
import { submitAsJson } from "../forms/page_form.js";

const LAST_PERSON = "who";
const signIn = document.getElementById("sign-in");
const invitation = document.getElementById("invitation");

if (signIn instanceof HTMLFormElement) enableSignIn(signIn);
if (invitation instanceof HTMLFormElement) enableInvitation(invitation);

/** @param {HTMLFormElement} form */
function enableSignIn(form) {
  submitAsJson(form, async (values) => {
    const { data } = await request("/signin", { method: "POST", body: values });
    // Delete the drafts of another person who used this browser before.
    if (sessionStorage.getItem(LAST_PERSON) !== data.name) sessionStorage.clear();
    sessionStorage.setItem(LAST_PERSON, data.name);
    location.assign(form.dataset.onward ?? "/");
  });
  const recover = document.getElementById("recover");
  if (recover instanceof HTMLButtonElement) enableRecovery(form, recover);
}

/**
 * The button that prepares the code field for a recovery code, which has letters and needs the full keyboard.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} button
 */
function enableRecovery(form, button) {
  button.addEventListener("click", () => {
    const code = /** @type {HTMLInputElement} */ (form.elements.namedItem("code"));
    code.inputMode = "text";
    code.autocomplete = "off";
    code.placeholder = "abcd-efgh-jkmn-pqrs";
    code.focus();
  });
  button.disabled = false;
}

/** @param {HTMLFormElement} form */
function enableInvitation(form) {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search); // the secret stays out of the history
  const errorBox = /** @type {HTMLElement} */ (form.querySelector(".refusal"));
  if (!secret) {
    errorBox.textContent = message("invitation_incomplete");
    errorBox.hidden = false;
  }
  submitAsJson(form, async ({ password, again }) => {
    if (!secret) throw new Error(message("invitation_incomplete"));
    if (password !== again) throw new Error(message("passwords_differ"));
    const { data } = await request("/signin/password", { method: "POST", body: { invitation: secret, password } });
    form.remove();
    showSuccess(data.name);
  });
}

/** @param {string} name */
function showSuccess(name) {
  const success = byId("chosen");
  const text = success.querySelector("span");
  if (text) text.textContent = message("password_chosen", { name });
  success.hidden = false;
  success.querySelector("a")?.focus();
}
