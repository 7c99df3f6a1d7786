// The page of one version of a release: the map of its content, and its transitions.

import { formDialog, labelled, reasonInput } from "../core/dialogs.js";
import { all } from "../core/elements.js";
import { idempotencyKey, request } from "../core/http.js";
import { showNotice } from "../core/notices.js";
import { message, page } from "../core/page.js";
import { drawBasemap } from "../map/basemap.js";
import { labelControls } from "../map/map_controls.js";

const OUTLINE = "#14324a";
const path = `/api/releases/${page.release}/versions/${page.number}`;

for (const button of all("[data-move]")) button.addEventListener("click", () => transitionDialog(button.dataset));
for (const button of all("[data-print]")) button.addEventListener("click", () => print());

/** @param {DOMStringMap} data The transition, the label of its button and, if it needs a reason, `explained`. */
function transitionDialog({ move = "", label = "", explained }) {
  const required = explained !== undefined;
  const key = idempotencyKey();
  const reasonLabel = `${message("reason")}${required ? ` (${message("required")})` : ""}`;
  const send = async (/** @type {FormData} */ values) => {
    const body = { to: move, reason: values.get("reason") };
    await request(`${path}/moves`, { method: "POST", headers: { "Idempotency-Key": key }, body });
    location.reload();
  };
  const options = { label, labels: { reason: message("reason") } };
  formDialog(label, message(`release_confirm_${move}`), [labelled(reasonLabel, reasonInput(required))], send, options);
}

const map = window.map_main;
const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
labelControls(map);
drawBasemap(map);
try {
  const { data } = await request(`${path}/preview`);
  /** @type {{ features: GeoJSON.FeatureCollection }[]} */
  const parts = data.parts;
  const drawing = L.featureGroup(parts.map(({ features }) => drawPart(features))).addTo(map);
  const bounds = drawing.getBounds();
  if (bounds.isValid()) map.fitBounds(bounds.pad(0.15), { animate: false, maxZoom: 12 });
} catch (error) {
  showNotice("preview", error.message, { error: true });
}

/** @param {GeoJSON.FeatureCollection} features */
function drawPart(features) {
  const point = { radius: 6, weight: 2, color: OUTLINE, fillColor: "#56B4E9", fillOpacity: 0.9 };
  return L.geoJSON(features, {
    filter: ({ geometry }) => geometry !== null,
    pointToLayer: (_feature, position) => L.circleMarker(position, point),
    style: (feature) => (feature?.geometry.type.includes("Point") ? {} : lineStyle(feature?.properties ?? {})),
  });
}

/** @param {Properties} properties Indicative lines and sections that are not demarcated are dashed. */
function lineStyle({ legal_status: indicative, demarcated }) {
  return { color: OUTLINE, weight: 2, dashArray: indicative || demarcated === false ? "6 4" : undefined };
}
