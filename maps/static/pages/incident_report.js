// The page that logs an incident, for use on a phone: first the position, then the category; the text is optional. The
// draft is stored in the browser until it has been sent.

import { byId, element } from "../core/elements.js";
import { errorContent, idempotencyKey, itemsPath, request, withQuery } from "../core/http.js";
import { codesOf, displayOf, layersByRank, loadLayerCards } from "../core/layer_cards.js";
import { loadShapes, markElement } from "../core/marks.js";
import { localized, message, page } from "../core/page.js";
import { enableShortcuts } from "../core/shortcuts.js";
import { AddressInput } from "../forms/address_input.js";
import { drawBasemap } from "../map/basemap.js";
import { labelControls } from "../map/map_controls.js";

const DRAFT = `${page.layer}-draft`;
const USUAL_CATEGORIES = ["illegal_crossing", "marker_damage", "encroach_farm", "illegal_building", "water_pollution"];
const MAX_CATEGORIES_AT_ONCE = 6; // of a longer code list only the usual ones are offered first
const MIN_USUAL_CATEGORIES = 3; // with fewer usual ones all are offered

const map = window.map_main;
const form = byId("report", HTMLFormElement);
const errorBox = byId("refusal");
const sendButton = /** @type {HTMLButtonElement} */ (form.querySelector(".send"));
const description = byId("description", HTMLTextAreaElement);
const key = idempotencyKey(); // one for the page, so that a second tap creates no second incident

const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
labelControls(map);
drawBasemap(map);

const place = new AddressInput(byId("place"), map, { onChange: () => saveDraft() });
enableShortcuts({ search: () => place.input.focus() });
description.addEventListener("input", saveDraft);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

try {
  await Promise.all([loadLayerCards(), loadShapes()]);
  restoreDraft();
} catch (error) {
  const reload = { className: "button", type: "button", onclick: () => location.reload() };
  showError(element("p", {}, error.message), element("button", reload, message("retry")));
}

function saveDraft() {
  const values = new FormData(form);
  const draft = {
    description: description.value,
    category: values.get("category"),
    severity: values.get("severity"),
    place: place.input.value,
    point: place.position,
  };
  sessionStorage.setItem(DRAFT, JSON.stringify(draft));
}

/** Fill in the form from the draft; a position in the URL takes precedence over that of the draft. */
function restoreDraft() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
  showCategories(draft.category ?? null, false);
  byId("severities").append(...choices("severity", codesOf(page.layer, "severity"), draft.severity ?? "medium"));
  description.value = draft.description ?? "";
  const parameters = new URLSearchParams(location.search);
  const text = parameters.get("q");
  if (text) place.setText(text, parameters.get("border"));
  else if (draft.point) place.setPosition(draft.point);
  else if (draft.place) place.setText(draft.place);
}

/**
 * Show the usual categories and a button for the others, or all of them.
 * @param {string | null} chosen The selected category, which is always shown.
 * @param {boolean} showAll
 */
function showCategories(chosen, showAll) {
  const root = byId("categories");
  const codes = codesOf(page.layer, "category");
  const usual = codes.length > MAX_CATEGORIES_AT_ONCE ? usualCategories(codes) : codes;
  const hidesChosen = chosen && !usual.some(({ value }) => value === chosen);
  const complete = showAll || usual.length < MIN_USUAL_CATEGORIES || hidesChosen;
  const offered = complete ? [...new Set([...usual, ...codes])] : usual;
  root.replaceChildren(
    element("legend", {}, message("category")),
    ...choices("category", offered, chosen),
    offered.length < codes.length ? othersButton() : "",
  );
}

/** @param {Code[]} codes */
function usualCategories(codes) {
  const categories = USUAL_CATEGORIES.map((value) => codes.find((code) => code.value === value));
  return categories.filter((code) => code !== undefined);
}

function othersButton() {
  const showOthers = () => showCategories(/** @type {string | null} */ (new FormData(form).get("category")), true);
  return element("button", { className: "pick", type: "button", onclick: showOthers }, message("other_categories"));
}

/**
 * A radio button for each code.
 * @param {string} name
 * @param {Code[]} codes
 * @param {string | null} chosen
 */
function choices(name, codes, chosen) {
  return codes.map(({ value, title, mark }) => {
    const input = element("input", { type: "radio", name, value, checked: value === chosen, onchange: saveDraft });
    return element("label", { className: "pick" }, input, mark ? markElement(mark) : null, localized(title));
  });
}

/** @param {(Node | string)[]} content */
function showError(...content) {
  errorBox.replaceChildren(...content);
  errorBox.hidden = false;
  errorBox.scrollIntoView({ block: "nearest" });
}

async function send() {
  errorBox.hidden = true;
  const values = new FormData(form);
  const position = place.value();
  const category = values.get("category");
  if (!position) return place.showError(message("place_missing"));
  if (!category) return showError(message("choose_category"));
  const { geometry = null, ...positionProperties } = position;
  /** @type {Properties} */
  const properties = { category, severity: values.get("severity") ?? "medium", ...positionProperties };
  if (description.value.trim()) properties.description = description.value.trim();
  sendButton.disabled = true;
  sendButton.textContent = message("sending");
  try {
    const response = await request(itemsPath(page.layer), {
      method: "POST",
      type: "application/geo+json",
      headers: { "Idempotency-Key": key },
      body: { type: "Feature", geometry, properties },
    });
    sessionStorage.removeItem(DRAFT);
    showIncident(response.data?.id ?? response.location?.split("/").at(-1));
  } catch (error) {
    saveDraft();
    showSendError(error);
    sendButton.disabled = false;
    sendButton.textContent = message("send");
  }
}

/**
 * Show the incident on the map, which replaces this page in the history, so that Back does not lead to a sent form.
 * @param {string} id
 */
function showIncident(id) {
  const drawn = layersByRank().filter((layer) => layer === page.layer || displayOf(layer).drawn_at_first);
  location.replace(withQuery("/", { layers: drawn.join(","), tab: page.layer, select: id }));
}

/** @param {Error & { errors?: FieldError[] }} error */
function showSendError(error) {
  const errors = error.errors ?? [];
  for (const { field, detail } of errors) if (/^(place|geom)/.test(field)) place.showError(detail);
  description.setAttribute("aria-invalid", String(errors.some(({ field }) => field === "description")));
  const labels = {
    category: message("category"),
    severity: message("severity"),
    place: message("place"),
    geometry: message("place"),
  };
  showError(...errorContent(error, labels), element("p", {}, message("not_sent")));
}
