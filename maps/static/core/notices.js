// Short messages over the map.

import { element } from "./elements.js";
import { message } from "./page.js";

const DURATION_MS = 6000;
const DURATION_WITH_UNDO_MS = 12_000;

/** The list of notices of a page without a map, over its content. */
function createList() {
  const list = element("div", { className: "notices over-page", id: "notices", role: "status", "aria-live": "polite" });
  document.body.append(list);
  return list;
}

/**
 * Show a notice, and remove an earlier one with the same key; an empty text only removes. An error stays until it is
 * closed or replaced.
 * @param {string} key
 * @param {string} text
 * @param {{ error?: boolean, retry?: (() => unknown) | null, undo?: (() => unknown) | null }} [options]
 */
export function showNotice(key, text, { error = false, retry = null, undo = null } = {}) {
  const list = document.getElementById("notices") ?? createList();
  list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
  if (!text) return;
  const notice = element(
    "div",
    { className: error ? "notice wrong" : "notice", data: { key } },
    element("span", {}, text),
  );
  /** @type {(label: string, action?: () => unknown) => void} */
  const addButton = (label, action) => {
    const press = () => {
      notice.remove();
      action?.();
    };
    notice.append(element("button", { className: "button plain", type: "button", onclick: press }, message(label)));
  };
  if (retry) addButton("retry", retry);
  if (undo) addButton("undo", undo);
  if (error) addButton("close");
  list.append(notice);
  if (!error) setTimeout(() => notice.remove(), undo ? DURATION_WITH_UNDO_MS : DURATION_MS);
}
