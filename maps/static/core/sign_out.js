// The menu of whoever is signed in: leaving takes along what was kept on this device.

import { ask } from "./http.js";
import { watchMenus } from "./menus.js";

watchMenus();
for (const button of document.querySelectorAll("[data-sign-out]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask("/signout", { method: "POST", body: {} });
    } finally {
      sessionStorage.clear();
      location.assign("/signin");
    }
  });
}

for (const button of document.querySelectorAll("[data-sign-out]")) button.disabled = false; // now somebody listens
