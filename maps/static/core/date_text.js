// Days as they are written here, dd/mm/yyyy, whatever language the browser speaks, with a calendar where it has one.
// Blanks, dots and dashes between the numbers are taken too, and eight digits: a telephone's keypad has no stroke.

import { h, say } from "./page.js";

const WRITTEN = /^(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})(?:[ ,]+(\d{1,2})[:h](\d{2}))?$/;
const TOGETHER = /^(\d\d)(\d\d)(\d{4})$/;
const COPIED = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/;
const two = (text) => text.padStart(2, "0");

function read(text) {
  const plain = text.trim();
  const copied = COPIED.exec(plain);
  const [, day, month, year, hour, minute = "00"] = copied ? [0, copied[3], copied[2], copied[1], copied[4], copied[5]] : WRITTEN.exec(plain) ?? TOGETHER.exec(plain) ?? [];
  if (!day) return null;
  const written = `${year}-${two(month)}-${two(day)}`;
  const there = new Date(`${written}T00:00:00Z`); // 31/02 is no day, though JavaScript makes one of it
  return there.getUTCDate() === Number(day) && Number(hour ?? 0) < 24 && Number(minute) < 60 ? { day: written, hour: hour && `${two(hour)}:${minute}` } : null;
}

/** What a field is called: the first words of its label. */
const nameOf = (input) => input.closest("label")?.firstChild.textContent.trim() ?? "";

/** The day as the doors take it, or null for what is none. */
export const dayOf = (text) => read(text)?.day ?? null;

/** The moment in Việt Nam as the doors take it, a day's first where no hour is said, or null for what is none. */
export function momentOf(text) {
  const found = read(text);
  return found && `${found.day}T${found.hour ?? "00:00"}:00+07:00`;
}

const written = (iso) => iso.split("-").reverse().join("/");

/** Make a text field one for a day, or for a moment where it is `timed`; gives what stands in its place. */
export function dayField(input, { timed = false, max = "" } = {}) {
  Object.assign(input, { type: "text", inputMode: "numeric", autocomplete: "off", maxLength: 24, placeholder: timed ? "dd/mm/yyyy hh:mm" : "dd/mm/yyyy" });
  input.dataset.day = timed ? "timed" : "plain";
  const judge = () => {
    const found = read(input.value);
    if (found) input.value = written(found.day) + (timed && found.hour ? ` ${found.hour}` : "");
    input.setCustomValidity(found || !input.value.trim() ? "" : say(timed ? "moment_wrong" : "day_wrong"));
  };
  input.addEventListener("change", judge);
  input.addEventListener("input", () => input.setCustomValidity(""));
  const calendar = h("input", { type: "date", className: "calendar", tabindex: "-1", "aria-hidden": "true", max });
  if (!calendar.showPicker) return input;
  calendar.addEventListener("change", () => {
    if (!calendar.value) return;
    const hour = timed && read(input.value)?.hour;
    input.value = written(calendar.value) + (hour ? ` ${hour}` : "");
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });
  const open = () => {
    calendar.value = dayOf(input.value) ?? "";
    calendar.showPicker();
  };
  // Once it stands in its label, or the calendar's button would be read as a part of its name.
  queueMicrotask(() => nameOf(input) && input.setAttribute("aria-label", nameOf(input)));
  return h("span", { className: "day-field" }, input, h("button", { className: "button", type: "button", onclick: open }, say("calendar")), calendar);
}

/** Make the `[data-day]` fields of a page that was sent such fields; `data-day="timed"` takes an hour as well. */
export function dayFields(root) {
  for (const input of root.querySelectorAll("[data-day]")) {
    const place = document.createComment("");
    input.replaceWith(place);
    place.replaceWith(dayField(input, { timed: input.dataset.day === "timed" }));
  }
}

/** What was filled in, its days as the doors take them; throws what is wrong with the first that is none, and goes there. */
export function dated(form) {
  const given = new FormData(form);
  for (const input of form.querySelectorAll("[data-day]")) {
    const text = input.value.trim();
    const found = text && (input.dataset.day === "timed" ? momentOf : dayOf)(text);
    input.toggleAttribute("aria-invalid", false);
    if (found === null) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
      throw new Error(`${nameOf(input)}: ${say(input.dataset.day === "timed" ? "moment_wrong" : "day_wrong")}`);
    }
    given.set(input.name, found);
  }
  return given;
}
