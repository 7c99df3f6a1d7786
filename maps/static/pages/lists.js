// The list pages work without this; it applies a filter at once and lets the keyboard walk the rows.

import { dayFields } from "../core/date_text.js";
import { listenForKeys } from "../core/shortcuts.js";
import { watchMenus } from "../core/menus.js";
import { narrow } from "../core/page.js";

for (const select of document.querySelectorAll("[data-apply]")) select.addEventListener("change", () => select.form.requestSubmit());
document.querySelector("[data-submit]")?.setAttribute("hidden", "");
dayFields(document);
// On a phone the rows come first, unless something is filtered.
if (narrow.matches && !document.querySelector(".filters a.button")) document.querySelector(".filter-box")?.removeAttribute("open");
// An empty choice is no filter: it stays out of the address.
document.querySelector(".filters")?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
document.querySelector("[data-print]")?.addEventListener("click", () => print());

const links = [...document.querySelectorAll(".table .main a")];
watchMenus();
listenForKeys({
  find: () => document.getElementById("q")?.focus(),
  step: (by) => {
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  },
});
