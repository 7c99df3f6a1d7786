// The input for a text that names a unit, a document or another feature of a register: it searches the register while
// somebody types, by name, short name and other names, without diacritics. What is not in the register may be entered
// all the same, and what is no longer in force only gives a warning, because old papers name old units.

import { debounce } from "../core/debounce.js";
import { element } from "../core/elements.js";
import { formatDay, joined, today } from "../core/format.js";
import { itemsPath, request, withQuery } from "../core/http.js";
import { subtitleOf, titleOf } from "../core/labels.js";
import { displayOf, fieldOf, isKnownLayer, layerCard, layerTitle } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";

const RESULTS = 12;

let lists = 0; // so many have been created, for the ids of their options

/** @typedef {{ text: string, title: string, about: string, ended: string, under: boolean }} Entry */

/**
 * The search for a field of the form; `setItems` shows the items of a list after its value has been set.
 * @param {Partial<Field> & { title: Title }} field
 * @param {HTMLInputElement} input For a list it is hidden and holds all items; the search has an input of its own.
 * @param {{ multiple: boolean, hint: HTMLElement }} options
 * @returns {{ node: HTMLElement, setItems?: () => void }}
 */
export function registerInput(field, input, { multiple, hint }) {
  const layer = field.register ?? "";
  if (!isKnownLayer(layer)) return { node: input };
  if (!multiple) return { node: searchBox(layer, input, { hint, onChosen: () => input.focus() }) };
  input.type = "hidden";
  const items = element("ul", { className: "picked-items" });
  const entry = element("input", { type: "text", autocomplete: "off", "aria-label": localized(field.title) });
  /** @param {string[]} list */
  const change = (list) => {
    input.value = list.map((item) => `${item}\n`).join("");
    draw();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const add = () => {
    const text = entry.value.trim();
    if (text) change([...splitList(input.value).filter((item) => item !== text), text]);
    entry.value = "";
  };
  const draw = () => items.replaceChildren(...splitList(input.value).map(itemNode));
  const itemNode = (/** @type {string} */ text) => {
    const label = message("remove_item", { what: text });
    const drop = () => change(splitList(input.value).filter((item) => item !== text));
    const button = { className: "button plain", type: "button", "aria-label": label, title: label, onclick: drop };
    return element("li", {}, text, element("button", button, "✕"));
  };
  entry.addEventListener("change", () => setTimeout(add, 200)); // after a click on an option
  const node = element("div", {}, items, searchBox(layer, entry, { hint, onChosen: add }), input);
  return { node, setItems: draw };
}

/**
 * An input with the list of what the register has for its text (the combobox pattern of WAI-ARIA).
 * @param {string} layer
 * @param {HTMLInputElement} input
 * @param {{ hint: HTMLElement, onChosen: () => unknown }} options
 */
function searchBox(layer, input, { hint, onChosen }) {
  const id = `register-${(lists += 1)}`;
  const list = element("ul", {
    id,
    role: "listbox",
    className: "options",
    hidden: true,
    "aria-label": message("suggestions"),
  });
  const attributes = { role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list" };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  /** @type {HTMLElement | null} */
  let active = null;
  /** @type {AbortController | null} */
  let pending = null;

  const close = () => {
    pending?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(null);
  };
  const activate = (/** @type {HTMLElement | null} */ option) => {
    active?.setAttribute("aria-selected", "false");
    active = option;
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  };
  const choose = (/** @type {string} */ text) => {
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    onChosen();
    showState(layer, text, hint);
  };
  const addNew = async () => {
    close();
    const { newFeatureDialog } = await import("./new_feature_dialog.js"); // it contains forms, which contain this input
    const feature = await newFeatureDialog(layer, input.value.trim());
    if (feature) choose(nameOf(layer, feature));
  };
  const optionNode = (/** @type {Child[]} */ content, /** @type {() => unknown} */ action, className = "") => {
    const option = element("li", { role: "option", "aria-selected": "false", className }, ...content);
    option.id = `${id}-${list.childElementCount}`;
    option.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus
    option.addEventListener("click", action);
    list.append(option);
  };
  const open = async () => {
    const text = input.value.trim();
    pending?.abort();
    pending = new AbortController();
    const { signal } = pending;
    const entries = await search(layer, text, signal).catch(() => []);
    if (signal.aborted || document.activeElement !== input) return;
    list.replaceChildren();
    activate(null);
    for (const entry of entries) {
      const about = element("span", { className: "quiet" }, joined(entry.about, entry.ended));
      optionNode([entry.title, about], () => choose(entry.text), entry.under ? "under" : "");
    }
    if (layerCard(layer).creatable) {
      optionNode([`+ ${message("add_new", { what: localized(displayOf(layer).singular) })}`], addNew, "add");
    }
    list.hidden = !list.childElementCount;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.scrollIntoView({ block: "nearest" });
  };

  input.addEventListener("input", (event) => event.isTrusted && openLater());
  const openLater = debounce(200, open);
  input.addEventListener("blur", close);
  input.addEventListener("change", () => showState(layer, input.value.trim(), hint));
  input.addEventListener("keydown", (event) => {
    const options = /** @type {HTMLElement[]} */ ([...list.children]);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && list.hidden) open();
    else if (step) {
      const index = active ? options.indexOf(active) + step : step > 0 ? 0 : options.length - 1;
      activate(options[(index + options.length) % options.length] ?? null);
    } else if (event.key === "Enter" && active) active.click();
    else if (event.key === "Enter" && input.getAttribute("aria-label"))
      onChosen(); // an item of a list
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return element("div", { className: "register" }, input, list);
}

/**
 * The text with which records name a feature of a register.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
const nameOf = (layer, feature) =>
  String(feature.properties[displayOf(layer).named_by ?? ""] ?? "") || titleOf(layer, feature);

/**
 * What the register has for a text: what is in force first, and what came before it under its successor.
 * @param {string} layer
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Entry[]>}
 */
async function search(layer, text, signal) {
  const { data } = await request(withQuery(itemsPath(layer), { q: text, limit: RESULTS }), { signal });
  /** @type {LayerFeature[]} */
  const features = data.features;
  const { successor } = displayOf(layer);
  const names = new Set(features.map((feature) => nameOf(layer, feature)));
  const isUnder = (/** @type {LayerFeature} */ { properties }) => names.has(properties[successor ?? ""]);
  const roots = features.filter((feature) => !isUnder(feature));
  const inForce = roots.filter((feature) => !endOf(layer, feature));
  const ended = roots.filter((feature) => endOf(layer, feature));
  return [...inForce, ...ended].flatMap((feature) => [
    entryOf(layer, feature, false),
    ...features
      .filter((other) => isUnder(other) && other.properties[successor ?? ""] === nameOf(layer, feature))
      .map((other) => entryOf(layer, other, true)),
  ]);
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {boolean} under Whether it is listed under its successor.
 * @returns {Entry}
 */
function entryOf(layer, feature, under) {
  const end = endOf(layer, feature);
  const ended = end ? message("ended_on", { day: formatDay(end) }) : "";
  return {
    text: nameOf(layer, feature),
    title: titleOf(layer, feature),
    about: subtitleOf(layer, feature),
    ended,
    under,
  };
}

/**
 * The last day of a feature that is no longer in force; empty for one that is.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {string}
 */
function endOf(layer, { properties }) {
  const end = properties[displayOf(layer).ends ?? ""];
  return end && end < today() ? end : "";
}

/**
 * Show in the hint whether a text names something in force: what ended, with its successor, or is not in the register.
 * @param {string} layer
 * @param {string} text
 * @param {HTMLElement} hint
 */
async function showState(layer, text, hint) {
  hint.hidden = true;
  const { named_by: name, successor } = displayOf(layer);
  if (!text || !name || !fieldOf(layer, name)) return;
  const { data } = await request(withQuery(itemsPath(layer), { [name]: text, limit: 2 })).catch(() => ({ data: null }));
  /** @type {LayerFeature | undefined} */
  const feature = data?.features.find((/** @type {LayerFeature} */ match) => !endOf(layer, match)) ?? data?.features[0];
  if (!data || (feature && !endOf(layer, feature))) return;
  const next = feature?.properties[successor ?? ""];
  const day = feature ? formatDay(endOf(layer, feature)) : "";
  hint.textContent = feature
    ? joined(message("ended_on", { day }), next && message("succeeded_by", { name: next }))
    : message("not_in_register", { register: layerTitle(layer).toLowerCase() });
  hint.classList.toggle("warning", Boolean(feature));
  hint.hidden = false;
}

/**
 * Items as a text: separated by commas, or each on a line of its own if one contains a comma.
 * @param {string[]} items
 */
export function joinItems(items) {
  return items.some((item) => item.includes(",")) ? items.map((item) => `${item}\n`).join("") : items.join(", ");
}

/**
 * The items of a text, which are separated by line breaks if there are any, else by commas.
 * @param {string} text
 */
export function splitList(text) {
  return text
    .split(text.includes("\n") ? "\n" : ",")
    .map((item) => item.trim())
    .filter(Boolean);
}
