// Menus are `<details>` and open without a script. This closes them by Esc, a choice or a click elsewhere, and moves
// between the links of the navigation by the arrow keys.

import { all } from "./elements.js";

const openMenus = () => all("details:is(.menu, .topic)[open]");

let enabled = false;

/** Install the listeners of menus, once; every script whose page has a menu calls this. */
export function enableMenus() {
  if (enabled) return;
  enabled = true;
  // In the capture phase, before the page's shortcuts: Esc closes the menu alone and focuses its button.
  document.addEventListener("keydown", closeByKey, { capture: true });
  document.addEventListener("click", ({ target }) => {
    const node = /** @type {Element} */ (target);
    for (const menu of openMenus()) {
      // A click on the sheet's backdrop has the menu itself as its target.
      if (!menu.contains(node) || node === menu || node.closest("a")) menu.removeAttribute("open");
    }
  });
  for (const navigation of all("nav.navigation, .all-pages")) {
    navigation.addEventListener("keydown", moveByKey);
    navigation.addEventListener("focusout", closeLeftMenu);
  }
}

/** @param {KeyboardEvent} event */
function closeByKey(event) {
  const [menu] = openMenus();
  if (event.key !== "Escape" || !menu) return;
  event.preventDefault();
  menu.removeAttribute("open");
  menu.querySelector("summary")?.focus();
}

/** @param {FocusEvent} event A menu of the navigation closes when the focus goes elsewhere. */
function closeLeftMenu({ target, relatedTarget }) {
  const menu = /** @type {Element} */ (target).closest("details.topic");
  if (relatedTarget instanceof Node && menu && !menu.contains(relatedTarget)) menu.removeAttribute("open");
}

/**
 * Up and down move within a menu, left and right between the entries of the row; down on a button opens its menu.
 * @param {KeyboardEvent} event
 */
function moveByKey(event) {
  const focused = /** @type {HTMLElement} */ (event.target);
  const menu = focused.closest("details.topic");
  const next = menu && neighbourInMenu(menu, focused, event.key);
  const target = next ?? neighbourInRow(focused, event.key);
  if (!target) return;
  event.preventDefault();
  target.focus();
}

/**
 * @param {Element} menu
 * @param {HTMLElement} focused
 * @param {string} key
 */
function neighbourInMenu(menu, focused, key) {
  const links = all("a", { root: menu });
  const index = links.indexOf(focused);
  if (key === "ArrowDown") {
    menu.setAttribute("open", "");
    return links[(index + 1) % links.length];
  }
  if (index < 0 || !["ArrowUp", "Home", "End"].includes(key)) return null;
  if (key === "Home") return links[0];
  return key === "End" ? links.at(-1) : (links[index - 1] ?? menu.querySelector("summary"));
}

/**
 * @param {HTMLElement} focused
 * @param {string} key
 */
function neighbourInRow(focused, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  const row = focused.closest("nav.navigation");
  if (!step || !row) return null;
  const entries = all(":scope > ul > li > a, :scope > ul > li > details > summary", { root: row });
  const entry = focused.closest("details")?.querySelector("summary") ?? focused;
  return entries[(entries.indexOf(entry) + step + entries.length) % entries.length];
}
