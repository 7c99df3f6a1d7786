// One's own account: another password, a second factor, leaving everywhere.

import { ask, explained } from "../core/http.js";
import { dialog } from "../core/dialogs.js";
import { say } from "../core/page.js";
import { sends } from "../forms/page_form.js";
import { once } from "../core/secret_dialog.js";

const [offer, confirm, password] = ["offer", "confirm", "password"].map((id) => document.getElementById(id));
const factor = "/api/account/second-factor";

sends(offer, async (given) => {
  const { data } = await ask(factor, { method: "POST", body: given });
  document.getElementById("picture").src = data.picture;
  document.getElementById("shared").textContent = data.secret.match(/.{1,4}/g).join(" ");
  offer.hidden = true;
  confirm.hidden = false;
  confirm.elements.code.focus();
});

sends(confirm, async (given) => {
  await ask(factor, { method: "PUT", body: given });
  location.reload();
});

sends(password, async ({ old, password: chosen, again }) => {
  if (chosen !== again) throw new Error(say("not_the_same"));
  await ask("/api/account/password", { method: "POST", body: { old, password: chosen } });
  location.reload();
});

document.getElementById("everywhere").addEventListener("click", () => dialog(say("leave_everywhere_sure"), null, [], async () => {
  await ask("/api/account/sign-out-everywhere", { method: "POST", body: {} });
  sessionStorage.clear();
  location.assign("/signin");
}, { label: say("sign_out_everywhere") }));

const recovery = document.getElementById("recovery");
if (recovery) {
  sends(recovery, async (given) => {
    const { data } = await ask("/api/account/recovery-codes", { method: "POST", body: given });
    once(say("recovery_codes"), data.codes.join(" \n"), say("recovery_once"));
  });
}

for (const button of document.querySelectorAll("[data-sign-in]")) {
  button.addEventListener("click", async () => {
    const fault = document.getElementById("sign-ins-refusal");
    try {
      await ask(`/api/account/sign-ins/${button.dataset.signIn}`, { method: "DELETE" });
      location.reload();
    } catch (error) {
      fault.replaceChildren(...explained(error));
      fault.hidden = false;
    }
  });
}

for (const button of document.querySelectorAll("#everywhere, [data-sign-in]")) button.disabled = false; // now somebody listens
