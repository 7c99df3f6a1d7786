// Menus are `<details class="menu">` and open without a script. This closes them by Esc, a choice or a click elsewhere.

import { all } from "./elements.js";

const openMenus = () => all("details.menu[open]");

let enabled = false;

/** Install the listeners that close menus, once; every script whose page has a menu calls this. */
export function enableMenus() {
  if (enabled) return;
  enabled = true;
  // In the capture phase, before the page's shortcuts: Esc closes the menu alone and focuses its button.
  document.addEventListener("keydown", closeByKey, { capture: true });
  document.addEventListener("click", ({ target }) => {
    const node = /** @type {Element} */ (target);
    for (const menu of openMenus()) {
      if (!menu.contains(node) || node.closest("a")) menu.removeAttribute("open");
    }
  });
}

/** @param {KeyboardEvent} event */
function closeByKey(event) {
  const [menu] = openMenus();
  if (event.key !== "Escape" || !menu) return;
  event.preventDefault();
  menu.removeAttribute("open");
  menu.querySelector("summary")?.focus();
}
