// The inputs of a feature's form, one for each field of the layer card, and their values.

import { dayField, parseDay, parseMoment } from "../core/date_text.js";
import { element } from "../core/elements.js";
import { formatDay, formatMoment } from "../core/format.js";
import { localized, message } from "../core/page.js";

// Text fields with an input of several lines.
const LONG_TEXTS = new Set(["description", "note", "remark", "gist", "product", "responsibility"]);

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */

/**
 * A kind of input: its attributes and choices, and what it makes of values and texts that are not shown as they are.
 * @typedef {object} InputKind
 * @property {ElementProperties} [attributes]
 * @property {() => [string, string][]} [choices] The texts and labels to choose from.
 * @property {(value: any) => string} [toText]
 * @property {(text: string) => any} [toValue]
 * @property {{ timed: boolean }} [calendar] For dates, which get a calendar button.
 */

/** @type {Record<string, InputKind>} The kinds that the types of fields name as `input`. */
const KINDS = {
  text: {},
  integer: { attributes: { type: "number" }, toValue: Number },
  number: { attributes: { type: "number", step: "any" }, toValue: Number },
  yes_no: {
    choices: () => [
      ["true", message("yes")],
      ["false", message("no")],
    ],
    toValue: (text) => text === "true",
  },
  date: { toText: formatDay, toValue: (text) => parseDay(text) ?? text, calendar: { timed: false } },
  datetime: { toText: formatMoment, toValue: (text) => parseMoment(text) ?? text, calendar: { timed: true } },
  list: { toText: (items) => items.join(", "), toValue: splitList },
};

/** @param {string | null | undefined} name */
const kindOf = (name) => KINDS[name ?? ""] ?? KINDS.text;

/**
 * @param {Field} field
 * @param {any} value
 * @returns {Input}
 */
export function inputFor(field, value) {
  const { attributes, choices, toText = String } = kindOf(field.input);
  const properties = { name: field.name, required: field.required, "data-kind": field.input };
  const text = value === null || value === undefined ? "" : String(value);
  if (field.codes) {
    const options = field.codes.map((code) => option(code.value, localized(code.title), text));
    return element("select", properties, option("", field.required ? message("choose") : "–"), ...options);
  }
  if (choices) {
    const options = choices().map(([choice, label]) => option(choice, label, text));
    return element("select", properties, option("", "–"), ...options);
  }
  if (LONG_TEXTS.has(field.name)) {
    const area = element("textarea", { ...properties, rows: "3", maxlength: "4000" });
    area.value = text;
    return area;
  }
  const input = element("input", { ...properties, type: "text", maxlength: "500", ...attributes });
  input.value = text && toText(value);
  return input;
}

/**
 * @param {string} value
 * @param {string} text
 * @param {string | null} [current]
 */
const option = (value, text, current = null) => element("option", { value, selected: value === current }, text);

/**
 * The element to show for an input; a date input gets a calendar button.
 * @param {Field} field
 * @param {Input} input
 */
export function controlFor(field, input) {
  const { calendar } = kindOf(field.input);
  return calendar && input instanceof HTMLInputElement ? dayField(input, calendar) : input;
}

/**
 * The value of an input as the server expects it; a text that is not a date is sent unchanged, so that the server's
 * error names the field.
 * @param {Input} input
 */
export function valueFrom(input) {
  const text = input.value.trim();
  const { toValue = String } = kindOf(input.dataset.kind);
  return text === "" ? null : toValue(text);
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
  const timed = kindOf(input.dataset.kind).calendar?.timed;
  if (timed && value && before) return formatMoment(value) === formatMoment(before);
  return JSON.stringify(value) === JSON.stringify(before);
}
