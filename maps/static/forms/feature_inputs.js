// The inputs of a feature's form, one for each field of the layer card, and their values.

import { dayField, parseDay, parseMoment } from "../core/date_text.js";
import { element } from "../core/elements.js";
import { formatDay, formatMoment } from "../core/format.js";
import { localized, message } from "../core/page.js";

// Text fields with an input of several lines.
const LONG_TEXTS = new Set(["description", "note", "remark", "gist", "product", "responsibility"]);

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */

/**
 * @param {Field} field
 * @param {any} value
 * @returns {Input}
 */
export function inputFor(field, value) {
  const properties = { name: field.name, required: field.required, "data-type": field.type };
  const text = value === null || value === undefined ? "" : String(value);
  if (field.codes) {
    const options = field.codes.map((code) => option(code.value, localized(code.title), text));
    return element("select", properties, option("", field.required ? message("choose") : "–"), ...options);
  }
  if (field.type === "boolean") {
    const [yes, no] = [option("true", message("yes"), text), option("false", message("no"), text)];
    return element("select", properties, option("", "–"), yes, no);
  }
  if (LONG_TEXTS.has(field.name)) {
    const area = element("textarea", { ...properties, rows: "3", maxlength: "4000" });
    area.value = text;
    return area;
  }
  const type = field.type === "integer" || field.type === "number" ? "number" : "text";
  const step = field.type === "number" ? "any" : null;
  const input = element("input", { ...properties, type, step, maxlength: "500" });
  input.value = text && inputText(field, value);
  return input;
}

/**
 * @param {string} value
 * @param {string} text
 * @param {string | null} [current]
 */
const option = (value, text, current = null) => element("option", { value, selected: value === current }, text);

/**
 * @param {Field} field
 * @param {any} value
 */
function inputText(field, value) {
  if (field.type === "date") return formatDay(value);
  if (field.type === "datetime") return formatMoment(value);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/**
 * The element to show for an input; a date input gets a calendar button.
 * @param {Field} field
 * @param {Input} input
 */
export function controlFor(field, input) {
  const dated = field.type === "date" || field.type === "datetime";
  if (!dated || !(input instanceof HTMLInputElement)) return input;
  return dayField(input, { timed: field.type === "datetime" });
}

/**
 * The value of an input as the server expects it; a text that is not a date is sent unchanged, so that the server's
 * error names the field.
 * @param {Input} input
 */
export function valueFrom(input) {
  const text = input.value.trim();
  if (text === "") return null;
  switch (input.dataset.type) {
    case "integer":
    case "number":
      return Number(text);
    case "boolean":
      return text === "true";
    case "date":
      return parseDay(text) ?? text;
    case "datetime":
      return parseMoment(text) ?? text;
    case "list":
      return splitList(text);
    default:
      return text;
  }
}

/**
 * The items of a comma-separated text.
 * @param {string} text
 */
export function splitList(text) {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
}

/**
 * Whether the value of an input is still the one of the feature. Date-times are compared to the minute, as they are
 * shown.
 * @param {Input} input
 * @param {any} value
 * @param {any} before
 */
export function isUnchanged(input, value, before) {
  if (input.dataset.type === "datetime" && value && before) return formatMoment(value) === formatMoment(before);
  return JSON.stringify(value) === JSON.stringify(before);
}
