// One version of a release: drawn as it would go, and moved on with a reason.

import { ask, sendingKey } from "../core/http.js";
import { dialog, line } from "../core/dialogs.js";
import { drawBasemap } from "../map/basemap.js";
import { h, notice, page, say } from "../core/page.js";

const path = `/api/releases/${page.release}/versions/${page.number}`;
const labels = { reason: say("reason") };

for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", () => {
    const { move, label, explained } = button.dataset;
    const required = explained !== undefined;
    const key = sendingKey();
    dialog(label, say(`release_sure_${move}`), [
      line(`${say("reason")}${required ? ` (${say("required")})` : ""}`, h("textarea", { name: "reason", rows: "3", required, maxlength: "500", placeholder: say("reason_hint") })),
    ], async (given) => {
      await ask(`${path}/moves`, { method: "POST", headers: { "Idempotency-Key": key }, body: { to: move, reason: given.get("reason") } });
      location.reload();
    }, { label, labels });
  });
}
for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

const map = window.map_main;
const [lat, lon, zoom] = page.home;
map.setView([lat, lon], zoom, { animate: false });
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
drawBasemap(map);
try {
  const { data } = await ask(`${path}/preview`);
  const drawn = L.featureGroup(data.parts.map((part) => L.geoJSON(part.features, {
    filter: (feature) => feature.geometry !== null,
    pointToLayer: (feature, at) => L.circleMarker(at, { radius: 6, weight: 2, color: "#14324a", fillColor: "#56B4E9", fillOpacity: 0.9 }),
    style: (feature) => (feature.geometry.type.includes("Point") ? {} : { color: "#14324a", weight: 2, dashArray: feature.properties.legal_status || feature.properties.demarcated === false ? "6 4" : null }),
  }))).addTo(map);
  if (drawn.getBounds().isValid()) map.fitBounds(drawn.getBounds().pad(0.15), { animate: false, maxZoom: 12 });
} catch (error) {
  notice("preview", error.message, { wrong: true });
}
