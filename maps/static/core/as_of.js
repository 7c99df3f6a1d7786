// Looking back on every page: the form that takes a moment, and the link back to the present. The rest of the view
// stays as the URL has it.

import { parseMoment } from "./date_text.js";
import { all } from "./elements.js";
import { enableMenus } from "./menus.js";

/**
 * The URL of this page at a moment, or in the present.
 * @param {string | null} moment
 */
function urlAt(moment) {
  const parameters = new URLSearchParams(location.search);
  parameters.delete("after"); // a cursor belongs to the moment that it was issued for
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
