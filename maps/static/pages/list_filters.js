// The filters of a list: a choice applies at once, and long lists of values can be searched.

import { debounce } from "../core/debounce.js";
import { enhanceDayFields } from "../core/date_text.js";
import { all, byId } from "../core/elements.js";

const SEARCH_DELAY_MS = 350;

/** @param {import("./list_view.js").ListView} view */
export function enableFilters(view) {
  const form = byId("filters", HTMLFormElement);
  const apply = () => view.open(queryOf(form));
  const applySoon = debounce(SEARCH_DELAY_MS, apply);
  form.querySelector("[data-submit]")?.setAttribute("hidden", "");
  enhanceDayFields(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener("change", ({ target }) => {
    const input = /** @type {HTMLInputElement} */ (target);
    if (input.matches("[data-narrow]")) return;
    excludeOtherWay(form, input);
    if (form.checkValidity()) apply();
  });
  form.addEventListener("input", ({ target }) => {
    if (/** @type {HTMLInputElement} */ (target).name === "q") applySoon();
  });
  for (const input of all("[data-narrow]", { root: form, kind: HTMLInputElement })) {
    input.hidden = false;
    input.addEventListener("input", () => narrow(input));
  }
  for (const menu of all("details.menu", { kind: HTMLDetailsElement })) {
    menu.addEventListener("toggle", () => placeMenu(menu));
  }
}

/**
 * A period and its own dates exclude each other: the later choice counts.
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} input
 */
function excludeOtherWay(form, input) {
  const [name, part] = input.name.split(".");
  if (part === "in" && input.value) {
    for (const end of ["from", "to"]) {
      const field = form.elements.namedItem(`${name}.${end}`);
      if (field instanceof HTMLInputElement) field.value = "";
    }
  } else if ((part === "from" || part === "to") && input.value) {
    for (const radio of all(`[name="${CSS.escape(`${name}.in`)}"]`, { root: form, kind: HTMLInputElement })) {
      radio.checked = radio.value === "";
    }
  }
}

/**
 * The query of the form: empty inputs are left out, and values without commas are joined to lists, as the API takes
 * them. A ticked empty value stands for rows without one.
 * @param {HTMLFormElement} form
 */
function queryOf(form) {
  const query = new URLSearchParams();
  for (const input of all("[name]", { root: form, kind: HTMLInputElement })) {
    const isBox = input.type === "checkbox";
    if ((isBox || input.type === "radio") && !input.checked) continue;
    const value = input.value.trim();
    if (!value && !isBox) continue;
    const earlier = query.get(input.name);
    if ("joined" in input.dataset && earlier !== null) query.set(input.name, `${earlier},${value}`);
    else query.append(input.name, value);
  }
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return text && `?${text}`;
}

/**
 * Text without diacritics, in lower case.
 * @param {string} text
 */
const folded = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d").replaceAll("Đ", "D").toLowerCase();

/**
 * Hide the values that do not contain every word of the search.
 * @param {HTMLInputElement} input
 */
function narrow(input) {
  const words = folded(input.value).split(/\s+/);
  for (const item of all("li", { root: input.parentElement ?? document, kind: HTMLElement })) {
    const text = folded(item.textContent ?? "");
    item.hidden = !words.every((word) => text.includes(word));
  }
}

/**
 * Keep an open menu within the window.
 * @param {HTMLDetailsElement} menu
 */
function placeMenu(menu) {
  const body = menu.querySelector(".menu-body");
  if (!menu.open || !body || !menu.closest(".filters")) return;
  body.classList.remove("to-left");
  body.classList.toggle("to-left", body.getBoundingClientRect().right > innerWidth - 8);
}
