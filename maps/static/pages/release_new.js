// The form of a release: which layers, which of their rows, which fields, how finely placed.

import { ask, sendingKey } from "../core/http.js";
import { dayFields } from "../core/date_text.js";
import { page, say } from "../core/page.js";
import { sends } from "../forms/page_form.js";

const labels = {
  name: say("release_name"), recipient: say("recipient"), document: say("basis_document"), basis: say("basis"),
  valid_from: say("valid_from"), valid_to: say("valid_to"), note: say("release_note"), parts: say("release_what_goes"),
};

/** A part goes when any of its fields is ticked; its filter is written as in the address of a list. */
function partOf(one) {
  const fields = [...one.querySelectorAll('[type="checkbox"]:checked')].map((box) => box.value);
  if (!fields.length) return null;
  const filter = {};
  for (const [name, value] of new URLSearchParams(one.querySelector("[data-filter]").value.trim().replace(/^\?/, ""))) {
    filter[name] = name in filter ? [filter[name], value].flat() : value;
  }
  const decimals = one.querySelector("[data-decimals]")?.value;
  return { layer: one.dataset.layer, filter, fields, decimals: decimals ? Number(decimals) : null };
}

const form = document.getElementById("release");
const key = sendingKey(); // one key for this form, so that a second press prepares nothing twice
dayFields(form);
sends(form, async (given) => {
  const parts = [...form.querySelectorAll("[data-layer]")].map(partOf).filter(Boolean);
  const body = { ...given, parts };
  const { data } = page.tag
    ? await ask(`/api/releases/${page.before}/versions/${page.number}`, { method: "PUT", headers: { "If-Match": page.tag }, body })
    : await ask(page.before ? `/api/releases/${page.before}/versions` : "/api/releases", { method: "POST", headers: { "Idempotency-Key": key }, body });
  location.assign(`/releases/${data.id}`);
}, labels);
