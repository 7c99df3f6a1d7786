// The dialog to sign in again when the session has ended. The page behind it stays, with everything entered.

import { closeButton, onSubmit, showModal } from "./dialogs.js";
import { element } from "./elements.js";
import { csrf, request } from "./http.js";
import { message } from "./page.js";

/** @type {Promise<boolean> | null} */
let pending = null;

/**
 * Ask to sign in again; resolves to whether the same person has. Concurrent requests share one dialog. If another
 * person signs in, the page is reloaded.
 */
export function reauthenticate() {
  pending ??= new Promise(openDialog).finally(() => (pending = null));
  return pending;
}

/** @param {(signedIn: boolean) => void} resolve */
function openDialog(resolve) {
  const session = /** @type {HTMLMetaElement} */ (csrf);
  const error = element("div", { className: "refusal", role: "alert", hidden: true });
  const submit = element("button", { className: "button primary", type: "submit" }, message("sign_in"));
  const login = { value: session.dataset.name, autocomplete: "username", required: true, maxlength: "40" };
  const secret = { type: "password", autocomplete: "current-password", required: true, maxlength: "200" };
  const code = { autocomplete: "one-time-code", maxlength: "24", placeholder: message("code_hint") };
  const password = field("password", message("password"), secret);
  const form = element(
    "form",
    {},
    field("name", message("login_name"), login),
    password,
    field("code", message("code"), code),
    error,
    element("div", { className: "dialog-foot" }, closeButton(message("close")), submit),
  );
  const dialog = element(
    "dialog",
    { "aria-label": message("sign_in_again") },
    element("h2", {}, message("sign_in_again")),
    element("p", { className: "quiet" }, message("sign_in_again_hint")),
    form,
  );
  onSubmit(form, submit, error, {}, async () => {
    const { data } = await request("/signin", { method: "POST", body: Object.fromEntries(new FormData(form)) });
    if (data.name !== session.dataset.name) return location.reload();
    session.content = data.csrf;
    resolve(true);
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(false); // without effect once it is resolved
  });
  showModal(dialog);
  password.querySelector("input")?.focus();
}

/**
 * @param {string} name
 * @param {string} label
 * @param {ElementProperties} properties
 */
const field = (name, label, properties) =>
  element("label", {}, element("span", {}, label), element("input", { name, ...properties }));
