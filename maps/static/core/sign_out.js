// The account menu on every page. Signing out also deletes the drafts, in the session storage and in IndexedDB.

import { all, enableButtons } from "./elements.js";
import { request } from "./http.js";
import { enableMenus } from "./menus.js";
import { clearDrafts } from "../forms/drafts.js";

enableMenus();
for (const button of all("[data-sign-out]", { kind: HTMLButtonElement })) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await request("/signout", { method: "POST", body: {} });
    } finally {
      sessionStorage.clear();
      await clearDrafts();
      location.assign("/signin");
    }
  });
}
enableButtons("[data-sign-out]");
