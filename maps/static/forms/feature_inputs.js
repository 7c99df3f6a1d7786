// The controls of forms and dialogs, one for each field of a card: the input under its label, with its hint and, under
// it, what is wrong with it. A control reads its value as the server expects it, and checks what the card says.

import { dayField, parseDay, parseMoment } from "../core/date_text.js";
import { element } from "../core/elements.js";
import { formatDay, formatFieldNumber, formatMoment, formatNumber } from "../core/format.js";
import { localized, message } from "../core/page.js";
import { numberInWords, readNumber } from "./number_text.js";
import { joinItems, registerInput, splitList } from "./register_input.js";

const LONG_TEXT = 500; // from this length a text has an input of several lines
const COUNTED_FROM = 0.8; // of the permitted length; from there on the length is shown

let controls = 0; // so many have been created, for the ids of their parts

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */
/** @typedef {{ value: any } | { fault: string }} Reading */

/**
 * A kind of input: its choices, what it makes of values and texts that are not shown as they are, and whether it is a
 * date or number.
 * @typedef {object} InputKind
 * @property {() => [string, string][]} [choices] The texts and labels to choose from.
 * @property {(value: any, unit?: string | null) => string} [toText]
 * @property {(text: string, field: Partial<Field>) => Reading} [read]
 * @property {{ timed: boolean }} [calendar] For dates, which get a calendar button.
 * @property {boolean} [numeric]
 */

/** @type {Record<string, InputKind>} The kinds that the types of fields name as `input`. */
const KINDS = {
  text: {},
  integer: { numeric: true, toText: formatFieldNumber, read: readNumber },
  number: { numeric: true, toText: formatFieldNumber, read: readNumber },
  yes_no: {
    choices: () => [
      ["true", message("yes")],
      ["false", message("no")],
    ],
    read: (text) => ({ value: text === "true" }),
  },
  date: { toText: formatDay, read: (text) => orFault(parseDay(text), "day_wrong"), calendar: { timed: false } },
  datetime: {
    toText: formatMoment,
    read: (text) => orFault(parseMoment(text), "moment_wrong"),
    calendar: { timed: true },
  },
  list: { toText: joinItems, read: (text) => ({ value: splitList(text) }) },
};

/**
 * @param {string | null} value
 * @param {string} key The message for null.
 * @returns {Reading}
 */
const orFault = (value, key) => (value === null ? { fault: message(key) } : { value });

/** @param {string | null | undefined} name */
const kindOf = (name) => KINDS[name ?? ""] ?? KINDS.text;

/**
 * @typedef {object} FieldControl
 * @property {string} name
 * @property {string} label
 * @property {Input} input
 * @property {HTMLElement} row Label, input, hint and fault.
 * @property {() => Reading} read The value as the server expects it, null for an empty input; or what is wrong.
 * @property {(value: any) => void} set
 * @property {() => string} text What is entered.
 * @property {(text: string) => void} setText
 * @property {(fault: string) => void} showFault Empty for none.
 * @property {() => void} focus
 */

/** @typedef {Partial<Field> & { name: string, title: Title }} Described A field of a card, or of a dialog. */

/**
 * The control of a field.
 * @param {Described} field
 * @param {any} [value]
 * @returns {FieldControl}
 */
export function fieldControl(field, value = null) {
  const id = `control-${(controls += 1)}`;
  const kind = kindOf(field.input);
  const label = localized(field.title);
  const input = inputOf(field, kind);
  input.id = id;
  const hint = element("p", { className: "field-hint", id: `${id}-hint`, hidden: true });
  const fault = element("p", { className: "field-fault", id: `${id}-fault`, hidden: true });
  input.setAttribute("aria-describedby", `${hint.id} ${fault.id}`);
  const { node, setItems } = controlNode(field, kind, input, hint);
  const row = element(
    "div",
    { className: "field" },
    element("label", { for: id }, label, field.unit ? ` (${field.unit})` : "", field.required ? requiredSign() : null),
    node,
    hint,
    fault,
  );
  /** @type {FieldControl} */
  const control = {
    name: field.name,
    label,
    input,
    row,
    read: () => readInput(field, kind, input),
    text: () => input.value,
    setText: (text) => {
      input.value = text;
      setItems?.();
      showHint(field, kind, input, hint);
    },
    set: (next) => {
      const { toText = String } = kind;
      control.setText(
        next === null || next === undefined ? "" : kind.choices ? String(next) : toText(next, field.unit),
      );
    },
    showFault: (text) => {
      fault.textContent = text;
      fault.hidden = !text;
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
    focus: () => focusOf(row, input).focus(),
  };
  input.addEventListener("input", () => {
    control.showFault("");
    showHint(field, kind, input, hint);
  });
  input.addEventListener("change", () => settle(control, field, kind, hint));
  control.set(value);
  return control;
}

const requiredSign = () =>
  element("span", { className: "required", title: message("required"), "aria-hidden": "true" }, " *");

/**
 * @param {HTMLElement} row
 * @param {Input} input Hidden where other elements of its row edit it.
 * @returns {HTMLElement}
 */
const focusOf = (row, input) =>
  input.type === "hidden" ? /** @type {HTMLElement} */ (row.querySelector('[role="combobox"]')) : input;

/**
 * @param {Described} field
 * @param {InputKind} kind
 * @returns {Input}
 */
function inputOf(field, { choices, numeric }) {
  const properties = { name: field.name, "aria-required": field.required ? "true" : null, autocomplete: "off" };
  const options = field.codes?.map(({ value, title }) => [value, localized(title)]) ?? choices?.();
  if (options) {
    const none = element("option", { value: "" }, field.required ? message("choose") : "–");
    return element("select", properties, none, ...options.map(([value, text]) => element("option", { value }, text)));
  }
  if (!field.register && (field.max_length ?? 0) >= LONG_TEXT && kindOf(field.input) === KINDS.text) {
    return element("textarea", { ...properties, rows: (field.max_length ?? 0) > LONG_TEXT ? "3" : "2" });
  }
  return element("input", { ...properties, type: "text", inputmode: numeric ? "decimal" : null });
}

/**
 * The element to show for an input: a date gets a calendar button, the name of a unit or document a search.
 * @param {Described} field
 * @param {InputKind} kind
 * @param {Input} input
 * @param {HTMLElement} hint
 * @returns {{ node: HTMLElement, setItems?: () => void }}
 */
function controlNode(field, { calendar }, input, hint) {
  if (!(input instanceof HTMLInputElement)) return { node: input };
  if (calendar) return { node: dayField(input, calendar) };
  if (field.register) return registerInput(field, input, { multiple: kindOf(field.input) === KINDS.list, hint });
  return { node: input };
}

/**
 * @param {Described} field
 * @param {InputKind} kind
 * @param {Input} input
 * @returns {Reading}
 */
function readInput(field, { read }, input) {
  const text = input.value.trim();
  if (!text) return field.required ? { fault: message("field_required") } : { value: null };
  if (field.codes) return { value: text };
  const reading = read ? read(input.value, field) : { value: text };
  if ("fault" in reading) return reading;
  const texts = Array.isArray(reading.value) ? reading.value : [reading.value];
  const longest = Math.max(0, ...texts.filter((item) => typeof item === "string").map((item) => item.length));
  if (field.max_length && longest > field.max_length) {
    return { fault: message("text_too_long", { n: formatNumber(longest), max: formatNumber(field.max_length) }) };
  }
  return reading;
}

/**
 * After a change: a number is written as the page writes numbers, and what is wrong is shown at once.
 * @param {FieldControl} control
 * @param {Described} field
 * @param {InputKind} kind
 * @param {HTMLElement} hint
 */
function settle(control, field, kind, hint) {
  if (!control.text().trim()) return;
  const reading = control.read();
  if ("fault" in reading) return control.showFault(reading.fault);
  if (kind.numeric) control.set(reading.value);
  showHint(field, kind, control.input, hint);
}

/**
 * The hint under an input: a number with its unit, or the length of a text that is nearly as long as permitted.
 * @param {Described} field
 * @param {InputKind} kind
 * @param {Input} input
 * @param {HTMLElement} hint
 */
function showHint(field, kind, input, hint) {
  if (field.register) return; // the register has hints of its own
  let text = "";
  if (kind.numeric && field.unit && field.unit !== "%") {
    const reading = input.value.trim() ? readNumber(input.value, field) : { fault: "" };
    if ("value" in reading) text = numberInWords(reading.value, field.unit);
  } else if (kind === KINDS.text && field.max_length && input.value.length > COUNTED_FROM * field.max_length) {
    text = message("text_length", { n: formatNumber(input.value.length), max: formatNumber(field.max_length) });
  }
  hint.textContent = text;
  hint.hidden = !text;
}

/**
 * Whether two values of a field are the same. Date-times are compared to the minute, as they are shown.
 * @param {Partial<Field>} field
 * @param {any} a
 * @param {any} b
 */
export function isSameValue(field, a, b) {
  if (kindOf(field.input).calendar?.timed && a && b) return formatMoment(a) === formatMoment(b);
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

/**
 * Read all controls: the values, and whether there is a fault. The faults are shown, and the first gets the focus.
 * @param {FieldControl[]} list
 * @returns {{ values: Properties, faulty: FieldControl[] }}
 */
export function readControls(list) {
  /** @type {Properties} */
  const values = {};
  /** @type {FieldControl[]} */
  const faulty = [];
  for (const control of list) {
    const reading = control.read();
    control.showFault("fault" in reading ? reading.fault : "");
    if ("fault" in reading) faulty.push(control);
    else values[control.name] = reading.value;
  }
  return { values, faulty };
}

/**
 * Show the errors of a response at their fields; returns those of fields without a control.
 * @param {FieldControl[]} list
 * @param {FieldError[]} errors
 */
export function showFieldErrors(list, errors) {
  return errors.filter(({ field, detail }) => {
    const control = list.find(({ name }) => name === field || field.startsWith(`${name}.`));
    control?.showFault(detail);
    return !control;
  });
}

/**
 * The button that submits a form. Pressing it does not take the focus from an input, or the fault that the input then
 * shows would move the button away from under the pointer before it is released.
 * @param {string} label
 */
export function submitButton(label) {
  const onmousedown = (/** @type {Event} */ event) => event.preventDefault();
  return element("button", { className: "button primary", type: "submit", onmousedown }, label);
}

/** @param {FieldControl[]} list The first with a fault gets the focus. */
export function focusFirstFault(list) {
  const first = list.find(({ input }) => input.hasAttribute("aria-invalid"));
  first?.row.scrollIntoView({ block: "center" });
  first?.focus();
  return Boolean(first);
}
