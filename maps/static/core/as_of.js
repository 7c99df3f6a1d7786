// Looking back: the moment that is asked for, in the address of the page as it stands now, so that the view is kept.
// A day is typed as it is written here, 20/11/2026 or 20/11/2026 17:30; what is typed is checked before it is sent.

import { momentOf } from "./date_text.js";
import { watchMenus } from "./menus.js";

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
