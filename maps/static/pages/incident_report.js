// Logging an incident with a thumb: the place first, a category in one tap, the text may wait.
// What was typed stays on this device until it is sent.

import { PlaceControl } from "../forms/address_input.js";
import { ask, collection, explained, sendingKey } from "../core/http.js";
import { drawBasemap } from "../map/basemap.js";
import { fieldOf, knowCards } from "../core/labels.js";
import { h, page, said, say } from "../core/page.js";
import { knowShapes, mark } from "../core/marks.js";
import { listenForKeys } from "../core/shortcuts.js";

const DRAFT = "incident-draft";
const FIRST = ["illegal_crossing", "marker_damage", "encroach_farm", "illegal_building", "water_pollution"];

const map = window.map_main;
const form = document.getElementById("report");
const refusal = document.getElementById("refusal");
const send = form.querySelector(".send");
const description = document.getElementById("description");
const key = sendingKey(); // one key for this form, so that a second tap sends nothing twice

const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
drawBasemap(map);
listenForKeys({ find: () => place.input.focus(), close: () => {} });

const place = new PlaceControl(document.getElementById("place"), map, { changed: () => keep() });

const picks = (root, name, codes, chosen) => root.append(...codes.map((code) => h("label", { className: "pick" },
  h("input", { type: "radio", name, value: code.value, checked: code.value === chosen, onchange: () => keep() }),
  code.mark ? mark(code.mark) : null, said(code.title))));

function showCategories(chosen, all) {
  const root = document.getElementById("categories");
  const codes = fieldOf("incidents", "category")?.codes ?? [];
  const first = codes.length > 6 ? FIRST.map((value) => codes.find((code) => code.value === value)).filter(Boolean) : codes;
  const shown = all || first.length < 3 || !first.some((code) => !chosen || code.value === chosen) ? [...first, ...codes.filter((code) => !first.includes(code))] : first;
  root.replaceChildren(h("legend", {}, say("category")));
  picks(root, "category", shown, chosen);
  if (shown.length < codes.length) {
    root.append(h("button", { className: "pick", type: "button", onclick: () => showCategories(new FormData(form).get("category"), true) }, say("other_categories")));
  }
}

function keep() {
  const given = new FormData(form);
  sessionStorage.setItem(DRAFT, JSON.stringify({ description: description.value, category: given.get("category"), severity: given.get("severity"), place: place.input.value, point: place.point }));
}

function refuse(...content) {
  refusal.replaceChildren(...content);
  refusal.hidden = false;
  refusal.scrollIntoView({ block: "nearest" });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refusal.hidden = true;
  const given = new FormData(form);
  const position = place.value();
  if (!position) {
    place.wrong(say("place_missing"));
    return;
  }
  if (!given.get("category")) {
    refuse(say("choose_category"));
    return;
  }
  const { geometry = null, ...rest } = position;
  const properties = { category: given.get("category"), severity: given.get("severity") ?? "medium", ...rest };
  if (description.value.trim()) properties.description = description.value.trim();
  send.disabled = true;
  send.textContent = say("sending");
  try {
    const { data, location: where } = await ask(collection("incidents"), {
      method: "POST", type: "application/geo+json", headers: { "Idempotency-Key": key }, body: { type: "Feature", geometry, properties },
    });
    sessionStorage.removeItem(DRAFT);
    const id = data?.id ?? where?.split("/").at(-1);
    // In the place of the form, so that going back does not lead to one that has been sent.
    location.replace(`/?layers=markers,works,gates,crossings,incidents&tab=incidents&select=${encodeURIComponent(id)}`);
  } catch (error) {
    keep();
    const faults = error.errors ?? [];
    for (const { field, detail } of faults) if (/^(place|geom)/.test(field)) place.wrong(detail);
    description.setAttribute("aria-invalid", String(faults.some(({ field }) => field === "description")));
    refuse(...explained(error, { category: say("category"), severity: say("severity"), place: say("place"), geometry: say("place") }), h("p", {}, say("not_sent")));
    send.disabled = false;
    send.textContent = say("send");
  }
});
description.addEventListener("input", keep);

try {
  await Promise.all([knowCards(), knowShapes()]);
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
  showCategories(draft.category ?? null, false);
  picks(document.getElementById("severities"), "severity", fieldOf("incidents", "severity")?.codes ?? [], draft.severity ?? "medium");
  description.value = draft.description ?? "";
  const asked = new URLSearchParams(location.search);
  if (asked.get("q")) place.say(asked.get("q"), asked.get("border"));
  else if (draft.point) place.at(draft.point);
  else if (draft.place) place.say(draft.place);
} catch (error) {
  refuse(h("p", {}, error.message), h("button", { className: "button", type: "button", onclick: () => location.reload() }, say("again")));
}
