// The form of a release: which layers, which of their rows, which fields, how finely placed.

import { ask } from "./doors.js";
import { page, say } from "./page.js";
import { sends } from "./forms.js";

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
sends(form, async (given) => {
  const parts = [...form.querySelectorAll("[data-layer]")].map(partOf).filter(Boolean);
  const door = page.before ? `/api/releases/${page.before}/versions` : "/api/releases";
  const { data } = await ask(door, { method: "POST", body: { ...given, parts } });
  location.assign(`/releases/${data.id}`);
}, labels);
