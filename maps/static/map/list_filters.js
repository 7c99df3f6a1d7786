// The filters above the list in the panel: a chip for each active filter, and the controls that set filters.

import { debounce } from "../core/debounce.js";
import { element } from "../core/elements.js";
import { codeOf, displayOf, fieldOf, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";

const BORDERS = ["VN-KH", "VN-CN", "VN-LA"];
const YEAR_COUNT = 8; // counted back from next year

/** @typedef {(changes: Record<string, string | null>) => unknown} SetFilters */

/**
 * A chip for each filter; a click on it removes the filter.
 * @param {string} layer
 * @param {Record<string, string>} filters
 * @param {SetFilters} setFilters
 */
export function filterChips(layer, filters, setFilters) {
  return Object.entries(filters).map(([name, value]) => {
    const remove = () => setFilters({ [name]: null });
    const properties = { className: "chip", type: "button", title: message("remove_filter"), onclick: remove };
    return element("button", properties, `${filterText(layer, name, value)} ✕`);
  });
}

/**
 * @param {string} layer
 * @param {string} name
 * @param {string} value
 */
function filterText(layer, name, value) {
  if (name === "year") return `${message("year")} ${value}`;
  if (name === "open") return message("open_only");
  if (name === "filter") return message("filters"); // a CQL2 text
  if (name === "border") return message(value);
  if (name === "text") return `“${value}”`;
  return localized(codeOf(layer, name, value)?.title) || value;
}

/**
 * The controls for the filters of a layer.
 * @param {string} layer
 * @param {Record<string, string>} filters
 * @param {(name: string) => string[]} valuesOf The known values of a field without a code list.
 * @param {SetFilters} setFilters
 */
export function filterControls(layer, filters, valuesOf, setFilters) {
  /** @type {(name: string, label: string, options: [string, string][]) => HTMLElement} */
  const select = (name, label, options) =>
    selectControl(label, options, filters[name], (value) => setFilters({ [name]: value || null }));
  /** @type {HTMLElement[]} */
  const controls = [textControl(filters.text ?? "", setFilters)];
  if (fieldOf(layer, "border")) {
    controls.push(
      select(
        "border",
        message("border"),
        BORDERS.map((border) => [border, message(border)]),
      ),
    );
  }
  if (layerCard(layer).dated) controls.push(select("year", message("year"), yearOptions()));
  for (const field of filterFields(layer)) {
    controls.push(select(field.name, localized(field.title), optionsOf(field, valuesOf)));
  }
  return [...controls, openControl(Boolean(filters.open), setFilters)];
}

/**
 * @param {string} label
 * @param {[string, string][]} options
 * @param {string | undefined} current
 * @param {(value: string) => unknown} onChange
 */
function selectControl(label, options, current, onChange) {
  const control = element(
    "select",
    { onchange: ({ currentTarget }) => onChange(currentTarget.value) },
    element("option", { value: "" }, message("all")),
    ...options.map(([value, text]) => element("option", { value, selected: value === (current ?? "") }, text)),
  );
  return element("label", {}, label, control);
}

/**
 * @param {string} value
 * @param {SetFilters} setFilters
 */
function textControl(value, setFilters) {
  const change = debounce(300, (/** @type {string} */ text) => setFilters({ text: text.trim() || null }));
  const oninput = (/** @type {any} */ { currentTarget }) => change(currentTarget.value);
  const input = element("input", { type: "search", maxlength: "200", value, oninput });
  return element("label", { className: "wide" }, message("text"), input);
}

/**
 * @param {boolean} checked
 * @param {SetFilters} setFilters
 */
function openControl(checked, setFilters) {
  const onchange = (/** @type {any} */ { currentTarget }) => setFilters({ open: currentTarget.checked ? "1" : null });
  const input = element("input", { type: "checkbox", checked, onchange });
  return element("label", { className: "check" }, input, message("open_only"));
}

/** @returns {[string, string][]} */
function yearOptions() {
  const next = new Date().getFullYear() + 1;
  return Array.from({ length: YEAR_COUNT }, (_, back) => [String(next - back), String(next - back)]);
}

/**
 * The fields of the card's filters; the border has its own control.
 * @param {string} layer
 */
export const filterFields = (layer) =>
  displayOf(layer).filters.flatMap((name) => (name === "border" ? [] : (fieldOf(layer, name) ?? [])));

/**
 * The options of a filter: the codes of the field, yes and no, or its known values.
 * @param {Field} field
 * @param {(name: string) => string[]} valuesOf
 * @returns {[string, string][]}
 */
function optionsOf({ name, type, codes }, valuesOf) {
  if (codes) return codes.map(({ value, title }) => [value, localized(title)]);
  if (type === "boolean") return ["true", "false"].map((value) => [value, message(value === "true" ? "yes" : "no")]);
  return valuesOf(name).map((value) => [value, value]);
}
