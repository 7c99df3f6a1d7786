// Pages as of a past time: the form that sets `as_of` in the URL, and the link that removes it. The other parameters of
// the URL stay.

import { parseMoment } from "./date_text.js";
import { all } from "./elements.js";
import { enableMenus } from "./menus.js";

/**
 * The URL of this page as of a past time, or of the present.
 * @param {string | null} moment
 */
function urlAt(moment) {
  const parameters = new URLSearchParams(location.search);
  parameters.delete("after"); // a cursor is valid only for the time that it was issued for
  if (moment) parameters.set("as_of", moment);
  else parameters.delete("as_of");
  const text = parameters.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
}

for (const form of all("[data-moment]", { kind: HTMLFormElement })) {
  const input = form.elements.namedItem("as_of");
  if (!(input instanceof HTMLInputElement)) continue;
  input.addEventListener("input", () => input.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const moment = parseMoment(input.value);
    input.setCustomValidity(moment ? "" : input.title);
    if (moment) location.assign(urlAt(moment));
    else input.reportValidity();
  });
}
for (const link of all("[data-now]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.assign(urlAt(null));
  });
}
enableMenus();
