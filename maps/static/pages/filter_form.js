// Additions to the pages with a form of filters, which also work without this script: filters apply at once, and filters
// without a value stay out of the URL.

import { enhanceDayFields } from "../core/date_text.js";
import { all } from "../core/elements.js";
import { enableMenus } from "../core/menus.js";
import { narrowScreen } from "../core/page.js";
import { enableShortcuts } from "../core/shortcuts.js";

for (const select of all("[data-apply]", { kind: HTMLSelectElement })) {
  select.addEventListener("change", () => select.form?.requestSubmit());
}
document.querySelector("[data-submit]")?.setAttribute("hidden", "");
enhanceDayFields(document);

// On a phone the rows come first, unless a filter is set.
if (narrowScreen.matches && !document.querySelector(".filters a.button")) {
  document.querySelector(".filter-box")?.removeAttribute("open");
}

for (const form of all(".filters", { kind: HTMLFormElement })) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
}
document.querySelector("[data-print]")?.addEventListener("click", () => print());
enableMenus();
enableShortcuts({ search: () => document.getElementById("q")?.focus() });
