// Text fields for dates and date-times, written dd/mm/yyyy whatever the browser's language, with a calendar button
// where the browser has a date picker. Spaces, dots, dashes or nothing may stand between the numbers: the numeric
// keypad of a phone has no slash.

import { all, element } from "./elements.js";
import { message } from "./page.js";

const SEPARATED = /^(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})(?:[ ,]+(\d{1,2})[:h](\d{2}))?$/;
const EIGHT_DIGITS = /^(\d\d)(\d\d)(\d{4})$/;
const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/;

/** @param {string} digits */
const twoDigits = (digits) => digits.padStart(2, "0");

/**
 * The date (yyyy-mm-dd) in a text, and the time (hh:mm) if there is one; null for any other text.
 * @param {string} text
 */
function parse(text) {
  const trimmed = text.trim();
  const iso = ISO.exec(trimmed);
  const parts = iso ? [iso[0], iso[3], iso[2], iso[1], iso[4], iso[5]] : SEPARATED.exec(trimmed);
  const [, day, month, year, hour, minute = "00"] = parts ?? EIGHT_DIGITS.exec(trimmed) ?? [];
  if (!day) return null;
  const date = `${year}-${twoDigits(month)}-${twoDigits(day)}`;
  const exists = new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day); // JavaScript reads 31/02 as 03/03
  if (!exists || Number(hour ?? 0) > 23 || Number(minute) > 59) return null;
  return { date, time: hour ? `${twoDigits(hour)}:${minute}` : null };
}

/**
 * The date in a text, as the server expects it (yyyy-mm-dd); null for any other text.
 * @param {string} text
 */
export const parseDay = (text) => parse(text)?.date ?? null;

/**
 * The date-time in a text, in Vietnam time and as the server expects it (RFC 3339); midnight without a time, null for
 * any other text.
 * @param {string} text
 */
export function parseMoment(text) {
  const moment = parse(text);
  return moment && `${moment.date}T${moment.time ?? "00:00"}:00+07:00`;
}

/** @param {string} date yyyy-mm-dd; returned as dd/mm/yyyy. */
const dayText = (date) => date.split("-").reverse().join("/");

/**
 * The name of a field: the text that its label begins with.
 * @param {HTMLInputElement} input
 */
const nameOf = (input) => input.closest("label")?.firstChild?.textContent?.trim() ?? "";

/**
 * Turn a text field into a date field or, with `timed`, a date-time field; returns the element that replaces it.
 * @param {HTMLInputElement} input
 * @param {{ timed?: boolean, max?: string }} [options] `max` is the last date of the calendar, yyyy-mm-dd.
 * @returns {HTMLElement}
 */
export function dayField(input, { timed = false, max = "" } = {}) {
  Object.assign(input, { type: "text", inputMode: "numeric", autocomplete: "off", maxLength: 24 });
  input.placeholder = timed ? "dd/mm/yyyy hh:mm" : "dd/mm/yyyy";
  input.dataset.day = timed ? "timed" : "plain";
  const normalize = () => {
    const moment = parse(input.value);
    if (moment) input.value = dayText(moment.date) + (timed && moment.time ? ` ${moment.time}` : "");
    input.setCustomValidity(moment || !input.value.trim() ? "" : message(timed ? "moment_wrong" : "day_wrong"));
  };
  input.addEventListener("change", normalize);
  input.addEventListener("input", () => input.setCustomValidity(""));
  const calendar = element("input", {
    type: "date",
    className: "calendar",
    tabindex: "-1",
    "aria-hidden": "true",
    max,
  });
  if (!("showPicker" in calendar)) return input;
  calendar.addEventListener("change", () => {
    if (!calendar.value) return;
    const time = timed && parse(input.value)?.time;
    input.value = dayText(calendar.value) + (time ? ` ${time}` : "");
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });
  const open = () => {
    calendar.value = parseDay(input.value) ?? "";
    calendar.showPicker();
  };
  // Name the input once it is in its label, or screen readers would read the button as a part of the label.
  queueMicrotask(() => nameOf(input) && input.setAttribute("aria-label", nameOf(input)));
  const button = element("button", { className: "button", type: "button", onclick: open }, message("calendar"));
  return element("span", { className: "day-field" }, input, button, calendar);
}

/**
 * Turn the `[data-day]` inputs of a page into date fields, those with `data-day="timed"` into date-time fields.
 * @param {ParentNode} root
 */
export function enhanceDayFields(root) {
  for (const input of all("[data-day]", { root, kind: HTMLInputElement })) {
    const placeholder = document.createComment("");
    input.replaceWith(placeholder);
    placeholder.replaceWith(dayField(input, { timed: input.dataset.day === "timed" }));
  }
}

/**
 * The values of a form, its dates as the server expects them. For the first field whose text is not a date it throws an
 * error and focuses the field.
 * @param {HTMLFormElement} form
 */
export function readForm(form) {
  const values = new FormData(form);
  for (const input of all("[data-day]", { root: form, kind: HTMLInputElement })) {
    const timed = input.dataset.day === "timed";
    const text = input.value.trim();
    const value = text && (timed ? parseMoment : parseDay)(text);
    input.toggleAttribute("aria-invalid", false);
    if (value === null) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
      throw new Error(`${nameOf(input)}: ${message(timed ? "moment_wrong" : "day_wrong")}`);
    }
    values.set(input.name, value);
  }
  return values;
}
