// The committee's map: the same layers and marks as the map page, framed to what is owed.

import { Overlays } from "../map/overlays.js";
import { drawBasemap } from "../map/basemap.js";
import { knowCards } from "../core/labels.js";
import { knowShapes } from "../core/marks.js";
import { listenForKeys } from "../core/shortcuts.js";
import { notice, page, say } from "../core/page.js";
import { query } from "../core/http.js";

const map = window.map_main;
const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
listenForKeys({ find: () => document.getElementById("q")?.focus() });
drawBasemap(map);

try {
  await Promise.all([knowCards(), knowShapes()]);
  const overlays = new Overlays(map, {
    asked: (layer) => (layer === "incidents" ? { open: "true" } : {}),
    pick: (layer, feature) => location.assign(query("/", { select: `${layer}/${feature.id}`, as_of: page.past })),
    hover: (id, hot) => overlays.heat(id, hot),
    changed: () => {},
  });
  const layers = ["works", "gates", "incidents"];
  await Promise.all(layers.map((layer) => overlays.show(layer)));
  // Framed to what is owed within the office's own view, never wider; what lies on another border is a click away.
  const home = map.getBounds();
  const owed = layers.flatMap((layer) => overlays.rows(layer)).map((feature) => overlays.positionOf(feature)).filter((at) => at && home.contains(at));
  const frame = owed.length ? L.latLngBounds(owed).pad(0.12) : null;
  if (frame) map.setView(frame.getCenter(), Math.min(11, Math.max(zoom, map.getBoundsZoom(frame))), { animate: false });
} catch (error) {
  notice("cards", `${say("failed", { what: say("layers").toLowerCase() })}: ${error.message}`, { wrong: true, again: () => location.reload() });
}
