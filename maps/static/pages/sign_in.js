// The way in: a name, a password and perhaps a code; or the first password, by the link of an invitation.

import { ask } from "../core/http.js";
import { say } from "../core/page.js";
import { sends } from "../forms/page_form.js";

const WHO = "who";
const signIn = document.getElementById("sign-in");
const invitation = document.getElementById("invitation");

if (signIn) {
  sends(signIn, async (given) => {
    const { data } = await ask("/signin", { method: "POST", body: given });
    // What somebody else has left half filled on this device is nobody else's.
    if (sessionStorage.getItem(WHO) !== data.name) sessionStorage.clear();
    sessionStorage.setItem(WHO, data.name);
    location.assign(signIn.dataset.onward);
  });
}

const recover = document.getElementById("recover");
if (recover) {
  // A telephone's keypad for digits has no letters, of which a recovery code is made.
  recover.addEventListener("click", () => {
    const { code } = signIn.elements;
    code.inputMode = "text";
    code.autocomplete = "off";
    code.placeholder = "abcd-efgh-jkmn-pqrs";
    code.focus();
  });
  recover.disabled = false;
}

if (invitation) {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  const fault = invitation.querySelector(".refusal");
  if (!secret) {
    fault.textContent = say("no_link");
    fault.hidden = false;
  }
  sends(invitation, async ({ password, again }) => {
    if (!secret) throw new Error(say("no_link"));
    if (password !== again) throw new Error(say("not_the_same"));
    const { data } = await ask("/signin/password", { method: "POST", body: { invitation: secret, password } });
    const chosen = document.getElementById("chosen");
    chosen.querySelector("span").textContent = say("password_chosen", { name: data.name });
    chosen.hidden = false;
    invitation.remove();
    chosen.querySelector("a").focus();
  });
}
