// The choice of columns, their order and the height of rows. This browser remembers them for each layer as the default;
// a list whose URL names columns shows those.

import { all, byId } from "../core/elements.js";
import { page } from "../core/page.js";

const columnsKey = `list columns ${page.layer}`;
const DENSITY_KEY = "list density";

let restored = false;

/** @param {import("./list_view.js").ListView} view */
export function enableColumns(view) {
  const form = byId("columns", HTMLFormElement);
  for (const button of all("[data-move]", { root: form, kind: HTMLButtonElement })) {
    button.hidden = false;
    button.addEventListener("click", () => moveItem(button));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const columns = all("[name=columns]:checked:not(:disabled)", { root: form, kind: HTMLInputElement });
    const names = columns.map(({ value }) => value);
    store(columnsKey, names.join(","));
    form.closest("details")?.removeAttribute("open");
    view.open(withColumns(view.search, names));
  });
  form.querySelector("[data-default-columns]")?.addEventListener("click", () => {
    store(columnsKey, "");
    form.closest("details")?.removeAttribute("open");
  });
  enableDensity(form);
  if (!restored) restoreColumns(view);
  restored = true;
}

/**
 * Move a field up or down among the columns.
 * @param {HTMLButtonElement} button
 */
function moveItem(button) {
  const item = button.closest("li");
  const other = button.dataset.move === "1" ? item?.nextElementSibling : item?.previousElementSibling;
  if (!item || !other || other.querySelector("input:disabled")) return;
  if (button.dataset.move === "1") other.after(item);
  else other.before(item);
  button.focus();
}

/** @param {import("./list_view.js").ListView} view */
function restoreColumns(view) {
  const columns = localStorage.getItem(columnsKey);
  if (!columns || new URLSearchParams(view.search).has("columns")) return;
  view.open(withColumns(view.search, columns.split(",")), { replaces: true });
}

/**
 * @param {string} search
 * @param {string[]} names
 */
function withColumns(search, names) {
  const query = new URLSearchParams(search);
  query.set("columns", names.join(","));
  return `?${query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/")}`;
}

/** @param {HTMLElement} form */
function enableDensity(form) {
  const group = form.querySelector("[data-density]");
  const buttons = all("[data-density] button", { root: form, kind: HTMLButtonElement });
  const show = () => {
    const density = localStorage.getItem(DENSITY_KEY) ?? "comfortable";
    document.body.classList.toggle("compact", density === "compact");
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === density));
  };
  group?.removeAttribute("hidden");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      store(DENSITY_KEY, button.value);
      show();
    });
  }
  show();
}

/**
 * @param {string} key
 * @param {string} value Empty to forget it.
 */
function store(key, value) {
  if (value) localStorage.setItem(key, value);
  else localStorage.removeItem(key);
}
