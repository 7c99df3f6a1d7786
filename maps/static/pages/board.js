// The map of the committee's board: the layers that the page names with their filters, with the marks of the map page.

import { all } from "../core/elements.js";
import { withQuery } from "../core/http.js";
import { loadLayerCards } from "../core/layer_cards.js";
import { loadShapes } from "../core/marks.js";
import { showNotice } from "../core/notices.js";
import { message, page } from "../core/page.js";
import { enableShortcuts } from "../core/shortcuts.js";
import { drawBasemap } from "../map/basemap.js";
import { Overlays } from "../map/overlays.js";
import { labelControls } from "../map/map_controls.js";

/** @type {Map<string, Record<string, string>>} The filter of each layer that the map draws. */
const overlayFilters = new Map(page.overlays?.map(({ layer, filter }) => [layer, filter]));
const MAX_ZOOM = 11;
const CLOSER = 2; // zoom levels by which the map page shows a spot closer

const map = window.map_main;
const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
labelControls(map);
for (const button of all("[data-print]")) button.addEventListener("click", () => print());
enableShortcuts({ search: () => document.getElementById("q")?.focus() });
drawBasemap(map);

try {
  await Promise.all([loadLayerCards(), loadShapes()]);
  const layers = [...overlayFilters.keys()];
  /** @type {Overlays} */
  const overlays = new Overlays(map, {
    parametersFor: (layer) => overlayFilters.get(layer) ?? {},
    pick: (layer, { id }) => location.assign(withQuery("/", { select: `${layer}/${id}`, as_of: page.past })),
    open: ({ features }) => location.assign(mapUrl(layers, features[0].at)),
    hover: (id, hovered) => overlays.highlight(id, hovered),
    onChange: () => {},
    onDraw: () => {},
  });
  await Promise.all(layers.map((layer) => overlays.show(layer)));
  fitToFeatures(overlays, layers);
} catch (error) {
  const text = `${message("failed", { what: message("layers").toLowerCase() })}: ${error.message}`;
  showNotice("cards", text, { error: true, retry: () => location.reload() });
}

/**
 * The URL of the map page with the layers of the board, closer to a position.
 * @param {string[]} layers
 * @param {L.LatLng} at
 */
function mapUrl(layers, at) {
  const fragment = `#map=${map.getZoom() + CLOSER}/${at.lat.toFixed(5)}/${at.lng.toFixed(5)}`;
  return withQuery("/", { layers, open: "1", as_of: page.past }) + fragment;
}

/**
 * Fit the map to the features within the office's first view; features outside it are ignored.
 * @param {Overlays} overlays
 * @param {string[]} layers
 */
function fitToFeatures(overlays, layers) {
  const home = map.getBounds();
  const positions = layers.flatMap((layer) => overlays.features(layer)).map((feature) => overlays.positionOf(feature));
  const within = positions.filter((at) => at !== null).filter((at) => home.contains(at));
  if (!within.length) return;
  const bounds = L.latLngBounds(within).pad(0.12);
  const fittedZoom = Math.max(zoom, map.getBoundsZoom(bounds));
  map.setView(bounds.getCenter(), Math.min(MAX_ZOOM, fittedZoom), { animate: false });
}
