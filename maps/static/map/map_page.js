// The map page: puts the pieces together. The map itself (`map_main`) comes from /map.js.

import { AddressBox } from "../core/address_box.js";
import { Overlays } from "./overlays.js";
import { Panel } from "./panel.js";
import { View } from "./url_state.js";
import { afterQuiet, moment, narrow, notice, page, say } from "../core/page.js";
import { ask, item } from "../core/http.js";
import { card, knowCards } from "../core/labels.js";
import { cardOf, recordOf } from "./feature_page.js";
import { draftForm } from "../forms/feature_form.js";
import { drawBasemap } from "./basemap.js";
import { drawLayerList, drawLegend } from "./legend.js";
import { knowShapes } from "../core/marks.js";
import { listenForKeys } from "../core/shortcuts.js";
import { watchMenus } from "../core/menus.js";

const map = window.map_main;
const view = new View(page);
const stage = document.querySelector(".stage");

// What was on the screen when the page was sent is what comes back with it.
// A desk has room for the same stretch half a step nearer, beside the legend that floats at its right.
const [lat, lon, zoom] = page.home;
map.setView(view.window ? [view.window.lat, view.window.lon] : [lat, lon], view.window?.zoom ?? zoom + (narrow.matches ? 0 : 0.5), { animate: false });
if (!view.window && !narrow.matches) map.panBy([100, 0], { animate: false });
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
drawBasemap(map);

let cards = [];
try {
  [cards] = await Promise.all([knowCards(), knowShapes()]);
} catch (error) {
  notice("cards", `${say("failed", { what: say("layers").toLowerCase() })}: ${error.message}`, { wrong: true, again: () => location.reload() });
  document.getElementById("rows").replaceChildren(error.message);
  throw error;
}

const popup = L.popup({ maxWidth: 342, minWidth: 342, offset: [0, -8], autoPanPadding: [24, 24], className: "card-popup" });
const overlays = new Overlays(map, {
  asked: (layer) => view.asked(layer, card(layer)),
  pick: (layer, feature, byKey) => pick(layer, feature, byKey),
  hover: (id, hot) => (panel.heat(id, hot), overlays.heat(id, hot)),
  changed: (layer) => {
    if (layer === view.tab) panel.draw(overlays.state(layer), map.getBounds().toBBoxString());
    refreshMargin();
    if (!page.past) document.getElementById("as-of").textContent = moment(new Date().toISOString());
  },
});
const panel = new Panel(view, {
  tab: (name) => chooseTab(name),
  pick: (layer, feature, byKey) => pick(layer, feature, byKey),
  heat: (id, hot) => overlays.heat(id, hot),
  place: (layer, feature) => editPlace(layer, feature),
  add: (layer) => addTo(layer),
  filter: (changes) => filter(changes),
  resized: () => map.invalidateSize(),
});
const box = new AddressBox(map, {
  border: () => view.filters.border,
  changed: (text) => ((view.q = text), view.keep()),
});

const refreshMargin = afterQuiet(40, () => {
  drawLegend(document.getElementById("legend"), view, overlays);
  drawLayerList(document.getElementById("layer-list"), cards, view, overlays, toggle);
});

function toggle(layer, on) {
  if (on) view.layers.add(layer);
  else view.layers.delete(layer);
  view.keep();
  return on ? overlays.show(layer) : overlays.hide(layer);
}

async function chooseTab(name) {
  if (held()) return;
  view.tab = name;
  view.layers.add(name);
  for (const filter of Object.keys(view.filters)) if (!["border", "year", "open"].includes(filter)) delete view.filters[filter];
  close();
  panel.showList();
  view.keep();
  panel.draw(overlays.state(name), map.getBounds().toBBoxString());
  await overlays.show(name);
}

async function filter(changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete view.filters[name];
    else view.filters[name] = value;
  }
  view.keep();
  await Promise.all([...view.layers].filter((layer) => card(layer)?.geometry).map((layer) => overlays.show(layer)));
}

/** The newest state of one thing, with the tag that a change of it must name and what the reader may do with it. */
async function fresh(layer, id) {
  const { data, etag, allows } = await ask(item(layer, id));
  return Object.assign(data, { etag, allows });
}

/** Choose a thing: its card stands on the map, on a phone in the sheet. Who chose it `byKey` goes on in the card. */
async function pick(layer, feature, byKey = false) {
  if (held()) return;
  const from = document.activeElement;
  if (view.select && view.select !== feature.id) overlays.heat(view.select, false);
  view.choose(layer, feature.id);
  overlays.heat(feature.id, true);
  panel.choose(feature.id);
  try {
    feature = await fresh(layer, feature.id);
  } catch (error) {
    return notice("record", error.message, { wrong: true });
  }
  if (view.select !== feature.id) return;
  const at = overlays.positionOf(feature);
  if (!at || narrow.matches) return openRecord(layer, feature, at);
  if (!panel.listing) panel.showList();
  popup.options.maxHeight = map.getSize().y - 90;
  popup.setLatLng(at).setContent(cardOf(layer, feature, { open: () => openRecord(layer, feature), changed: (done) => changed(layer, feature.id, done), place: () => editPlace(layer, feature), grown })).openOn(map);
  if (!byKey) return;
  popup.getElement().querySelector("button").focus({ preventScroll: true });
  map.once("popupclose", () => from?.isConnected && from.focus({ preventScroll: true }));
}

/** The card has grown: its place is found anew, and whoever is in it by keyboard stays there. */
function grown() {
  if (!popup.isOpen()) return;
  const within = popup.getElement().contains(document.activeElement) && document.activeElement;
  popup.update();
  if (within) within.focus({ preventScroll: true });
}

function openRecord(layer, feature, at = overlays.positionOf(feature)) {
  map.closePopup(popup);
  view.choose(layer, feature.id);
  panel.show(recordOf(layer, feature, {
    back: () => (panel.showList(), overlays.heat(feature.id, false)),
    changed: (done) => changed(layer, feature.id, done),
    edit: () => edit(layer, feature),
    place: () => editPlace(layer, feature),
    go: (toLayer, id) => select(toLayer, id),
    tell: (text, undo, wrong) => (tell(text, undo, wrong), overlays.state(layer) && overlays.load(layer)),
  }));
  if (at && narrow.matches) map.panTo(at);
  if (at && !map.getBounds().pad(-0.05).contains(at)) map.panTo(at);
  overlays.heat(feature.id, true);
}

/** Say what was done, with a way to take it back. */
function tell(text, undo = null, wrong = false) {
  notice("done", text, { wrong, undo: undo && (() => undo().then(() => tell(say("undone")), (error) => tell(error.message, null, true))) });
}

/** After a change: the layer, and the thing itself as it stands now. */
async function changed(layer, id, { text = say("saved"), undo = null } = {}) {
  tell(text, undo && (async () => (await undo(), show())));
  const recordShown = !panel.listing;
  const show = async () => {
    if (overlays.state(layer)) await overlays.load(layer);
    const feature = await fresh(layer, id);
    if (recordShown || narrow.matches) openRecord(layer, feature);
    else await pick(layer, feature);
  };
  await show();
}

// The form of the panel once something has been entered in it: what is typed is left by saving or cancelling alone.
let writing = null;

/** Whether a half-filled form keeps the panel; then its writer is told so and brought back to it. */
function held() {
  if (!writing) return false;
  notice("writing", say("form_open"));
  writing.querySelector('[type="submit"]').focus();
  return true;
}
addEventListener("beforeunload", (event) => writing && event.preventDefault());

function withForm(layer, options, back) {
  map.closePopup(popup);
  const { form, remove } = draftForm(layer, map, { ...options, back, saved: (id, done) => (panel.showList(), changed(layer, id, done)) });
  form.addEventListener("input", () => (writing = form));
  panel.show([form], () => ((writing = null), remove()));
  panel.height("high");
  map.invalidateSize();
}
const edit = (layer, feature) => withForm(layer, { feature }, () => openRecord(layer, feature));
const addTo = (layer) => withForm(layer, {}, () => panel.showList());
async function editPlace(layer, feature) {
  const listed = panel.listing; // where the reader came from is where Cancel leads
  feature = feature.etag ? feature : await fresh(layer, feature.id);
  withForm(layer, { feature, onlyPlace: true }, () => (listed ? panel.showList() : openRecord(layer, feature)));
  panel.height("half");
}

/** Choose by id alone, as a link does: look in the layer it names, else in those that are drawn. */
async function select(layer, id) {
  for (const name of layer ? [layer] : [view.tab, ...view.layers]) {
    try {
      const feature = await fresh(name, id);
      if (card(name)?.geometry && !overlays.state(name)) await toggle(name, true);
      const at = overlays.positionOf(feature);
      if (at && !view.window) map.setView(at, Math.max(map.getZoom(), 12), { animate: false });
      else if (at) map.panTo(at);
      return pick(name, feature);
    } catch (error) {
      if (error.status !== 404) return notice("record", error.message, { wrong: true });
    }
  }
  notice("record", say("failed", { what: say("open_record").toLowerCase() }), { wrong: true });
}

/** Esc: the nearest thing that is open closes, one at a time. */
function close() {
  if (box.close()) return;
  if (map.hasLayer(popup)) return void map.closePopup(popup);
  if (stage.classList.contains("floats-open")) return void showFloats(false);
  if (!panel.listing && !held()) panel.showList();
}
map.on("popupclose", () => {
  if (view.select) overlays.heat(view.select, false);
  if (!panel.listing) return;
  panel.choose(null);
  view.choose(null, null);
});

function showFloats(open) {
  const button = document.getElementById("layers-button");
  button.setAttribute("aria-expanded", String(open));
  if (narrow.matches) stage.classList.toggle("floats-open", open);
  else for (const float of document.querySelectorAll(".float")) float.hidden = !open;
}
const layersButton = document.getElementById("layers-button");
layersButton.addEventListener("click", () => showFloats(layersButton.getAttribute("aria-expanded") !== "true"));
if (narrow.matches) layersButton.setAttribute("aria-expanded", "false");

map.on("moveend", () => {
  const centre = map.getCenter();
  view.window = { zoom: map.getZoom(), lat: centre.lat, lon: centre.lng };
  view.keep();
});

watchMenus();
listenForKeys({
  find: () => box.input.focus(),
  step: (by) => {
    const found = panel.listing && panel.beside(by);
    const { layer, feature } = (found && overlays.find(found)) || {};
    if (!feature) return;
    const at = overlays.positionOf(feature);
    if (at && !map.getBounds().contains(at)) map.panTo(at, { animate: false });
    pick(layer, feature);
  },
  close,
});

const sent = { id: view.select, layer: view.selectLayer, moved: Boolean(view.window) };
panel.draw(null);
refreshMargin();
await Promise.all([...view.layers].filter((layer) => card(layer)?.geometry).map((layer) => overlays.show(layer)));
if (sent.id) {
  if (!sent.moved) view.window = null;
  await select(sent.layer, sent.id);
}
if (view.q) box.go(view.q);
