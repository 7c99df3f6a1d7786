// The page of the person's own account: second factor, recovery codes, password, and sessions.

import { formDialog } from "../core/dialogs.js";
import { all, byId, enableButtons } from "../core/elements.js";
import { errorContent, request } from "../core/http.js";
import { message } from "../core/page.js";
import { showSecret } from "../core/secret_dialog.js";
import { submitAsJson } from "../forms/page_form.js";

const SECOND_FACTOR = "/api/account/second-factor";

const setUp = byId("offer", HTMLFormElement);
const confirmation = byId("confirm", HTMLFormElement);

submitAsJson(setUp, async (values) => {
  const { data } = await request(SECOND_FACTOR, { method: "POST", body: values });
  byId("picture", HTMLImageElement).src = data.picture;
  byId("shared").textContent = data.secret.match(/.{1,4}/g).join(" ");
  setUp.hidden = true;
  confirmation.hidden = false;
  /** @type {HTMLInputElement} */ (confirmation.elements.namedItem("code")).focus();
});

submitAsJson(confirmation, async (values) => {
  await request(SECOND_FACTOR, { method: "PUT", body: values });
  location.reload();
});

submitAsJson(byId("password", HTMLFormElement), async ({ old, password, again }) => {
  if (password !== again) throw new Error(message("passwords_differ"));
  await request("/api/account/password", { method: "POST", body: { old, password } });
  location.reload();
});

const recovery = document.getElementById("recovery");
if (recovery instanceof HTMLFormElement) {
  submitAsJson(recovery, async (values) => {
    const { data } = await request("/api/account/recovery-codes", { method: "POST", body: values });
    showSecret(message("recovery_codes"), data.codes.join(" \n"), message("recovery_once"));
  });
}

byId("everywhere").addEventListener("click", () => {
  const label = message("sign_out_everywhere");
  formDialog(message("sign_out_everywhere_confirm"), null, [], signOutEverywhere, { label });
});

async function signOutEverywhere() {
  await request("/api/account/sign-out-everywhere", { method: "POST", body: {} });
  sessionStorage.clear();
  location.assign("/signin");
}

for (const button of all("[data-sign-in]")) {
  button.addEventListener("click", async () => {
    try {
      await request(`/api/account/sign-ins/${button.dataset.signIn}`, { method: "DELETE" });
      location.reload();
    } catch (error) {
      const box = byId("sign-ins-refusal");
      box.replaceChildren(...errorContent(error));
      box.hidden = false;
    }
  });
}

enableButtons("#everywhere, [data-sign-in]");
