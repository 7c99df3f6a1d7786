// The map page: connects the map of `/map.js`, its layers, the panel and the search box.

import { AddressBox } from "../core/address_box.js";
import { byId } from "../core/elements.js";
import { formatMoment, now } from "../core/format.js";
import { itemPath, request } from "../core/http.js";
import { layerCard, loadLayerCards } from "../core/layer_cards.js";
import { loadShapes } from "../core/marks.js";
import { enableMenus } from "../core/menus.js";
import { showNotice } from "../core/notices.js";
import { message, narrowScreen, page } from "../core/page.js";
import { enableShortcuts } from "../core/shortcuts.js";
import { BackButton } from "./back_button.js";
import { drawBasemap } from "./basemap.js";
import { featurePopup, featureRecord } from "./feature_page.js";
import { MapPopup } from "./map_popup.js";
import { Margin } from "./margin.js";
import { Overlays } from "./overlays.js";
import { Panel } from "./panel.js";
import { PanelForms } from "./panel_forms.js";
import { UrlState } from "./url_state.js";
import { labelControls } from "./map_controls.js";

const SELECTED_ZOOM = 12; // the least zoom at which a feature from a link or the URL is shown

const map = window.map_main;
const overlayNames = Object.keys(window.map_overlays);
const view = new UrlState({
  drawn: overlayNames.filter((name) => map.hasLayer(window.map_overlays[name])),
  tabs: page.tabs,
});

setFirstView();
labelControls(map);
drawBasemap(map);

const cards = await loadCards();
/** @type {Overlays} */
const overlays = new Overlays(map, {
  parametersFor: (layer) => view.parametersFor(layer, layerCard(layer)),
  pick,
  open: (spot, byKeyboard) => forms.blocksLeaving() || popup.showSpot(spot, byKeyboard),
  hover: highlight,
  onChange: (layer) => {
    if (layer === view.tab) drawPanel();
    margin.draw();
    if (!page.past && !overlays.state(layer)?.error) byId("as-of").textContent = formatMoment(now());
  },
  onDraw: () => margin.draw(),
});
/** @type {Panel} */
const panel = new Panel(view, {
  openTab,
  pick,
  highlight: (id, hovered) => overlays.highlight(id, hovered),
  setPosition: editPosition,
  add: (layer) => openForm(layer, {}, () => panel.showList()),
  setFilters,
  onResize: () => map.invalidateSize(),
  onSwitch: () => back.update(),
});
const box = new AddressBox(map, {
  border: () => view.filters.border,
  onChange: (text) => {
    view.q = text;
    view.write();
  },
});
const forms = new PanelForms(map, panel);
const popup = new MapPopup(map, panel, {
  pick: ({ layer, id, geometry, properties }, byKeyboard, spot) =>
    pick(layer, { type: "Feature", id: id ?? "", geometry, properties }, byKeyboard, spot),
  fanOut: (spot) => overlays.spots.fanOut(spot),
  onOpen: () => back.update(),
  onClose: onPopupClose,
});
/** @type {Margin} */
const margin = new Margin(cards, view, overlays, toggleLayer, () => back.update());
/** @type {BackButton} */
const back = new BackButton(view, {
  isOpen: () => popup.isOpen || !panel.showsList || margin.coversMap,
  close: closeAll,
  openTab: (name) => openTab(name, { again: true }),
});

/** Show the view in the URL, or the first view of the office; on a wide screen half a zoom level closer. */
function setFirstView() {
  const [lat, lon, zoom] = page.home;
  const wide = !narrowScreen.matches;
  const target = view.viewport ?? { lat, lon, zoom: wide ? zoom + 0.5 : zoom };
  map.setView([target.lat, target.lon], target.zoom, { animate: false });
  if (!view.viewport && wide) map.panBy([100, 0], { animate: false });
}

/** Load the layer cards and the shapes of the marks, which everything on the page needs. */
async function loadCards() {
  try {
    const [loaded] = await Promise.all([loadLayerCards(), loadShapes()]);
    return loaded;
  } catch (error) {
    const text = `${message("failed", { what: message("layers").toLowerCase() })}: ${error.message}`;
    showNotice("cards", text, { error: true, retry: () => location.reload() });
    byId("rows").replaceChildren(error.message);
    throw error;
  }
}

function drawPanel() {
  panel.draw(overlays.state(view.tab), map.getBounds().toBBoxString());
}

/**
 * Highlight a feature on the map and in the list, or remove the highlight.
 * @param {string} id
 * @param {boolean} highlighted
 */
function highlight(id, highlighted) {
  panel.highlight(id, highlighted);
  overlays.highlight(id, highlighted);
}

/**
 * @param {string} layer
 * @param {boolean} visible
 */
function toggleLayer(layer, visible) {
  if (visible) view.layers.add(layer);
  else view.layers.delete(layer);
  view.write();
  return visible ? overlays.show(layer) : overlays.hide(layer);
}

/** Load the visible layers that have a geometry. */
function showLayers() {
  const drawable = [...view.layers].filter((layer) => layerCard(layer).geometry);
  return Promise.all(drawable.map((layer) => overlays.show(layer)));
}

/**
 * @param {string} name
 * @param {{ again?: boolean }} [options] `again`: the history has an entry for it already.
 */
async function openTab(name, { again = false } = {}) {
  if (!closeAll()) return;
  if (!again && name !== view.tab) view.pushTab();
  view.openTab(name);
  view.write();
  drawPanel();
  await overlays.show(name);
}

/** @param {Record<string, string | null>} changes */
async function setFilters(changes) {
  view.filter(changes);
  await showLayers();
}

/**
 * The current version of a feature, with its ETag and the methods that the reader may use on it.
 * @param {string} layer
 * @param {string} id
 * @returns {Promise<LayerFeature>}
 */
async function fetchFeature(layer, id) {
  const { data, etag, allows } = await request(itemPath(layer, id));
  return Object.assign(data, { etag, allows });
}

/**
 * Select a feature: open its popup on the map, or on a phone its record in the panel. If it was selected by keyboard,
 * the focus moves into the popup, and back when that closes.
 * @param {string} layer
 * @param {LayerFeature} picked
 * @param {boolean} [byKeyboard]
 * @param {import("./spots.js").Spot | null} [spot] The spot in whose list it was picked.
 */
async function pick(layer, picked, byKeyboard = false, spot = null) {
  if (forms.blocksLeaving()) return;
  if (view.select && view.select !== picked.id) overlays.highlight(view.select, false);
  view.choose(layer, picked.id);
  overlays.highlight(picked.id, true);
  panel.choose(picked.id);
  let feature;
  try {
    feature = await fetchFeature(layer, picked.id);
  } catch (error) {
    return showNotice("record", error.message, { error: true });
  }
  if (view.select !== feature.id) return; // another feature has been selected since
  const at = overlays.positionOf(feature);
  if (!at || narrowScreen.matches) return openRecord(layer, feature);
  if (!panel.showsList) panel.showList();
  const content = featurePopup(layer, feature, {
    open: () => openRecord(layer, feature),
    onChanged: (outcome) => showChange(layer, feature.id, outcome),
    setPosition: () => editPosition(layer, feature),
    onResized: () => popup.update(),
  });
  popup.showFeature(content, at, { byKeyboard, spot });
}

function onPopupClose() {
  back.update();
  overlays.spots.foldFan();
  if (view.select) overlays.highlight(view.select, false);
  if (!panel.showsList) return;
  panel.choose(null);
  view.choose(null, null);
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function openRecord(layer, feature) {
  popup.close();
  view.choose(layer, feature.id);
  const content = featureRecord(layer, feature, {
    back: () => {
      panel.showList();
      overlays.highlight(feature.id, false);
    },
    onChanged: (outcome) => showChange(layer, feature.id, outcome),
    edit: () => openForm(layer, { feature }, () => openRecord(layer, feature)),
    setPosition: () => editPosition(layer, feature),
    follow: select,
    report: (text, undo, error) => {
      report(text, undo, error);
      if (overlays.state(layer)) overlays.load(layer);
    },
  });
  panel.show(content);
  const at = overlays.positionOf(feature);
  if (at && (narrowScreen.matches || !map.getBounds().pad(-0.05).contains(at))) map.panTo(at);
  overlays.highlight(feature.id, true);
}

/**
 * Show a notice and, with `undo`, a button that undoes the change.
 * @param {string} text
 * @param {(() => Promise<unknown>) | null} [undo]
 * @param {boolean} [error]
 */
function report(text, undo = null, error = false) {
  const undoAndReport = async () => {
    try {
      await undo?.();
      report(message("undone"));
    } catch (problem) {
      report(problem.message, null, true);
    }
  };
  showNotice("done", text, { error, undo: undo && undoAndReport });
}

/**
 * After a change: report it, load the layer again, and show the changed feature in the record or popup.
 * @param {string} layer
 * @param {string} id
 * @param {Outcome} [outcome]
 */
async function showChange(layer, id, { text = message("saved"), undo = null } = {}) {
  const fromRecord = !panel.showsList;
  const show = async () => {
    if (overlays.state(layer)) await overlays.load(layer);
    const feature = await fetchFeature(layer, id);
    if (fromRecord || narrowScreen.matches) openRecord(layer, feature);
    else await pick(layer, feature);
  };
  const undoAndShow = async () => {
    await undo?.();
    await show();
  };
  report(text, undo && undoAndShow);
  await show();
}

/**
 * Open the form of a feature in the panel.
 * @param {string} layer
 * @param {{ feature?: LayerFeature, positionOnly?: boolean }} options
 * @param {() => unknown} onCancel
 */
function openForm(layer, options, onCancel) {
  popup.close();
  forms.open(layer, {
    ...options,
    onCancel,
    onSaved: (id, outcome) => {
      panel.showList();
      return showChange(layer, id, outcome);
    },
  });
}

/**
 * Open the form of a feature's position; cancelling returns to the list or record.
 * @param {string} layer
 * @param {LayerFeature} listed
 */
async function editPosition(layer, listed) {
  const fromList = panel.showsList;
  const feature = listed.etag ? listed : await fetchFeature(layer, listed.id);
  const leave = () => (fromList ? panel.showList() : openRecord(layer, feature));
  openForm(layer, { feature, positionOnly: true }, leave);
}

/**
 * Select a feature by its id, in the given layer or in all visible ones.
 * @param {string | null} layer
 * @param {string} id
 */
async function select(layer, id) {
  for (const name of layer ? [layer] : [view.tab, ...view.layers]) {
    try {
      const feature = await fetchFeature(name, id);
      if (layerCard(name).geometry && !overlays.state(name)) await toggleLayer(name, true);
      const at = overlays.positionOf(feature);
      if (at && !view.viewport) map.setView(at, Math.max(map.getZoom(), SELECTED_ZOOM), { animate: false });
      else if (at) map.panTo(at);
      return pick(name, feature);
    } catch (error) {
      if (error.status !== 404) return showNotice("record", error.message, { error: true });
    }
  }
  showNotice("record", message("failed", { what: message("open_record").toLowerCase() }), { error: true });
}

/** Close the popup, the margin on a phone and the record; false if a form with unsaved input is open. */
function closeAll() {
  if (forms.blocksLeaving()) return false;
  popup.close();
  margin.close();
  if (!panel.showsList) {
    panel.showList();
    if (view.select) overlays.highlight(view.select, false);
    view.choose(null, null);
  }
  return true;
}

/** Close the first of these that is open: search results, popup, layer list, record. */
function close() {
  if (box.close()) return;
  if (popup.isOpen) popup.close();
  else if (!margin.close() && !panel.showsList && !forms.blocksLeaving()) panel.showList();
}

map.on("moveend", () => {
  const centre = map.getCenter();
  view.viewport = { zoom: map.getZoom(), lat: centre.lat, lon: centre.lng };
  view.write();
});

enableMenus();
enableShortcuts({
  search: () => box.input.focus(),
  step: (by) => {
    const id = panel.showsList && panel.neighbour(by);
    const match = id && overlays.find(id);
    if (!match) return;
    const at = overlays.positionOf(match.feature);
    if (at && !map.getBounds().contains(at)) map.panTo(at, { animate: false });
    pick(match.layer, match.feature);
  },
  close,
});

// The selection in the URL, read first, because loading the layers moves the map and so rewrites the URL.
const selected = { id: view.select, layer: view.selectLayer, hasViewport: Boolean(view.viewport) };
panel.draw(null);
margin.draw();
await showLayers();
if (selected.id) {
  if (!selected.hasViewport) view.viewport = null;
  await select(selected.layer, selected.id);
}
if (view.q) box.search(view.q);
