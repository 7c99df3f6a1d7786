// Looking back: the moment that is asked for, in the address of the page as it stands now, so that the view is kept.
// A day is typed as it is written here, 20/11/2026 or 20/11/2026 17:30; what is typed is checked before it is sent.

import { watchMenus } from "./menus.js";

const WRITTEN = /^\s*(\d{1,2})\/(\d{1,2})\/(\d{4})(?: +(\d{1,2}):(\d{2}))?\s*$/;
const two = (text) => text.padStart(2, "0");

/** The moment in Việt Nam as the doors take it, or null for what is none. */
export function momentOf(text) {
  const [, day, month, year, hour = "0", minute = "00"] = WRITTEN.exec(text) ?? [];
  if (!day) return null;
  const written = `${year}-${two(month)}-${two(day)}`;
  const when = new Date(`${written}T${two(hour)}:${minute}:00+07:00`);
  const there = new Date(`${written}T00:00:00Z`); // 31/02 is no day, though JavaScript makes one of it
  return Number.isNaN(when.getTime()) || there.getUTCDate() !== Number(day) ? null : `${written}T${two(hour)}:${minute}:00+07:00`;
}

const here = (asked) => {
  const query = new URLSearchParams(location.search);
  query.delete("after");
  if (asked) query.set("as_of", asked);
  else query.delete("as_of");
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
};

for (const form of document.querySelectorAll("[data-moment]")) {
  const field = form.elements.as_of;
  field.addEventListener("input", () => field.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const moment = momentOf(field.value);
    field.setCustomValidity(moment ? "" : field.title);
    if (moment) location.assign(here(moment));
    else field.reportValidity();
  });
}
for (const link of document.querySelectorAll("[data-now]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.assign(here(null));
  });
}
watchMenus();
