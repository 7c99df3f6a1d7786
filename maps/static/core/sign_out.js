// The account menu on every page. Signing out also clears the session storage, which holds drafts.

import { all, enableButtons } from "./elements.js";
import { request } from "./http.js";
import { enableMenus } from "./menus.js";

enableMenus();
for (const button of all("[data-sign-out]", { kind: HTMLButtonElement })) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await request("/signout", { method: "POST", body: {} });
    } finally {
      sessionStorage.clear();
      location.assign("/signin");
    }
  });
}
enableButtons("[data-sign-out]");
