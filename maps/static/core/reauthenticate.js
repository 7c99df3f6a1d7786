// When the sign-in has ended in the middle of work: sign in over the page, which keeps what was being entered.

import { ask, badge, explained } from "./http.js";
import { h, say } from "./page.js";

let asking = null;

/** Whether the same person has signed in again. Several questions at once are one; somebody else gets a fresh page. */
export function signInAgain() {
  asking ??= new Promise(open).finally(() => (asking = null));
  return asking;
}

function open(settle) {
  const fault = h("div", { className: "refusal", role: "alert", hidden: true });
  const submit = h("button", { className: "button primary", type: "submit" }, say("sign_in"));
  const input = (name, label, properties) => h("label", {}, h("span", {}, label), h("input", { name, ...properties }));
  const form = h("form", {},
    input("name", say("login_name"), { value: badge.dataset.name, autocomplete: "username", required: true, maxlength: "40" }),
    input("password", say("password"), { type: "password", autocomplete: "current-password", required: true, maxlength: "200" }),
    input("code", say("code"), { autocomplete: "one-time-code", maxlength: "24", placeholder: say("code_hint") }),
    fault,
    h("div", { className: "dialog-foot" }, h("button", { className: "button", type: "button", onclick: () => shown.close() }, say("cancel")), submit));
  const shown = h("dialog", { "aria-label": say("sign_in_again") }, h("h2", {}, say("sign_in_again")), h("p", { className: "quiet" }, say("sign_in_again_hint")), form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.hidden = true;
    try {
      const { data } = await ask("/signin", { method: "POST", body: Object.fromEntries(new FormData(form)) });
      if (data.name !== badge.dataset.name) return location.reload();
      badge.content = data.csrf;
      settle(true);
      shown.close();
    } catch (error) {
      fault.replaceChildren(...explained(error));
      fault.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  shown.addEventListener("close", () => (shown.remove(), settle(false)));
  document.body.append(shown);
  shown.showModal();
  form.elements.password.focus();
}
