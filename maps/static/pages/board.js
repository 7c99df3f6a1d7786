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
import { enableZoomButtons } from "../map/zoom_buttons.js";

/** @type {Map<string, Record<string, string>>} The filter of each layer that the map draws. */
const overlayFilters = new Map(page.overlays?.map(({ layer, filter }) => [layer, filter]));
const MAX_ZOOM = 11;

const map = window.map_main;
const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
enableZoomButtons(map);
for (const button of all("[data-print]")) button.addEventListener("click", () => print());
enableShortcuts({ search: () => document.getElementById("q")?.focus() });
drawBasemap(map);

try {
  await Promise.all([loadLayerCards(), loadShapes()]);
  /** @type {Overlays} */
  const overlays = new Overlays(map, {
    parametersFor: (layer) => overlayFilters.get(layer) ?? {},
    pick: (layer, { id }) => location.assign(withQuery("/", { select: `${layer}/${id}`, as_of: page.past })),
    hover: (id, hovered) => overlays.highlight(id, hovered),
    onChange: () => {},
  });
  await Promise.all([...overlayFilters.keys()].map((layer) => overlays.show(layer)));
  fitToFeatures(overlays);
} catch (error) {
  const text = `${message("failed", { what: message("layers").toLowerCase() })}: ${error.message}`;
  showNotice("cards", text, { error: true, retry: () => location.reload() });
}

/**
 * Fit the map to the features within the office's first view; features outside it are ignored.
 * @param {Overlays} overlays
 */
function fitToFeatures(overlays) {
  const home = map.getBounds();
  const features = [...overlayFilters.keys()].flatMap((layer) => overlays.features(layer));
  const positions = features.map((feature) => overlays.positionOf(feature));
  const within = positions.filter((at) => at !== null).filter((at) => home.contains(at));
  if (!within.length) return;
  const bounds = L.latLngBounds(within).pad(0.12);
  const fittedZoom = Math.max(zoom, map.getBoundsZoom(bounds));
  map.setView(bounds.getCenter(), Math.min(MAX_ZOOM, fittedZoom), { animate: false });
}
