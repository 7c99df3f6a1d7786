// The basemap: water and place names, the graticule, and the indicative boundary line with its casing. The two sides of
// the line have the same colour, because the line has no legal force.

import { request, withQuery } from "../core/http.js";
import { showNotice } from "../core/notices.js";
import { language, message } from "../core/page.js";
import { drawGraticule } from "./graticule.js";

const BORDERS = ["VN-KH", "VN-LA", "VN-CN"];
const DETAIL_ZOOM = 12; // from this zoom on the simplification of the line is visible

/** @type {L.PolylineOptions} */
const CASING = {
  pane: "line",
  color: "#ddd3e6",
  weight: 7,
  opacity: 1,
  interactive: false,
  lineJoin: "round",
  className: "line-casing",
};
/** @type {L.PolylineOptions} */
const CORE = {
  pane: "line",
  color: "#563d8c",
  weight: 1.8,
  opacity: 1,
  interactive: false,
  dashArray: "9 4 2 4",
  lineCap: "butt",
};

/** @param {L.Map} map */
export function drawBasemap(map) {
  drawGraticule(map);
  drawContext(map);
  drawBoundary(map);
  fitForPrinting(map);
}

/**
 * The printed page has another aspect ratio than the screen: fit the map to the extent in view, and restore the view
 * after printing.
 * @param {L.Map} map
 */
function fitForPrinting(map) {
  /** @type {{ bounds: L.LatLngBounds, centre: L.LatLng, zoom: number } | null} */
  let screen = null;
  matchMedia("print").addEventListener("change", ({ matches: printing }) => {
    if (printing) screen = { bounds: map.getBounds(), centre: map.getCenter(), zoom: map.getZoom() };
    map.invalidateSize({ animate: false, pan: false });
    if (!screen) return;
    if (printing) map.fitBounds(screen.bounds, { animate: false });
    else map.setView(screen.centre, screen.zoom, { animate: false });
  });
}

/**
 * Draw the boundary line: simplified and, from `DETAIL_ZOOM` on, in full detail within the viewport.
 * @param {L.Map} map
 */
async function drawBoundary(map) {
  const simplified = L.layerGroup().addTo(map);
  const detailed = L.layerGroup();
  const lines = await Promise.all(BORDERS.map(fetchBoundary));
  drawLines(simplified, lines.flat());

  /** @type {AbortController | null} */
  let pending = null;
  const refine = async () => {
    if (map.getZoom() < DETAIL_ZOOM) {
      map.removeLayer(detailed);
      simplified.addTo(map);
      return;
    }
    pending?.abort();
    pending = new AbortController();
    try {
      const bbox = map.getBounds().pad(0.3).toBBoxString();
      const { data } = await request(withQuery("/api/basemap/lines", { bbox }), { signal: pending.signal });
      detailed.clearLayers();
      drawLines(detailed, data.features);
      detailed.addTo(map);
      map.removeLayer(simplified);
    } catch {
      // The simplified line stays: it is the same line with fewer vertices.
    }
  };
  map.on("moveend", refine);
  refine();
}

/**
 * @param {string} border
 * @returns {Promise<GeoJSON.Feature[]>}
 */
async function fetchBoundary(border) {
  try {
    const { data } = await request(withQuery("/api/basemap/lines", { border }));
    return data.features;
  } catch (error) {
    if (error.status !== 404) {
      const text = `${message("failed", { what: message("indicative_line") })}: ${error.message}`;
      showNotice("line", text, { error: true });
    }
    return [];
  }
}

/**
 * @param {L.LayerGroup} group
 * @param {GeoJSON.Feature[]} features
 */
function drawLines(group, features) {
  for (const style of [CASING, CORE]) L.geoJSON(collectionOf(features), { ...style }).addTo(group);
}

/**
 * @param {GeoJSON.Feature[]} features
 * @returns {GeoJSON.FeatureCollection}
 */
const collectionOf = (features) => ({ type: "FeatureCollection", features });

/**
 * Draw water and place names, if the server has them.
 * @param {L.Map} map
 */
async function drawContext(map) {
  let data;
  try {
    ({ data } = await request("/api/basemap/context"));
  } catch {
    return;
  }
  /** @type {GeoJSON.Feature<GeoJSON.Geometry | null, Properties>[]} */
  const features = data.features;
  drawWater(
    map,
    features.filter(({ geometry, properties }) => {
      return geometry && geometry.type !== "Point" && !/province|country/.test(properties.kind ?? "");
    }),
  );
  drawNames(
    map,
    features.filter(({ geometry }) => geometry?.type === "Point"),
  );
}

/**
 * @param {L.Map} map
 * @param {GeoJSON.Feature<GeoJSON.Geometry | null, Properties>[]} features
 */
function drawWater(map, features) {
  const shapes = /** @type {GeoJSON.Feature[]} */ (features);
  const isArea = (/** @type {GeoJSON.Feature | undefined} */ feature) => feature?.geometry.type.endsWith("Polygon");
  const water = L.geoJSON(collectionOf(shapes), {
    pane: "water",
    interactive: false,
    style: (feature) =>
      isArea(feature)
        ? { color: "#b9d3e0", fillColor: "#cfe1ea", fillOpacity: 1 }
        : { color: "#b9d3e0", opacity: 0.95 },
  }).addTo(map);
  // At low zoom rivers are thin, so that the boundary line stands out.
  const setWeight = () => {
    const zoom = map.getZoom();
    const riverWeight = zoom < 8 ? 0.7 : zoom < 10 ? 1.4 : 2.4;
    water.setStyle((feature) => ({ weight: isArea(feature) ? 0.6 : riverWeight }));
  };
  map.on("zoomend", setWeight);
  setWeight();
}

/**
 * Draw names in the server's order, the most important first, and skip those that would cover another.
 * @param {L.Map} map
 * @param {GeoJSON.Feature<GeoJSON.Geometry | null, Properties>[]} features
 */
function drawNames(map, features) {
  const group = L.layerGroup().addTo(map);
  const draw = () => {
    group.clearLayers();
    /** @type {DOMRect[]} */
    const occupied = [];
    const bounds = map.getBounds().pad(0.1);
    for (const { geometry, properties: p } of features) {
      const name = p[`name_${language}`] || p.name;
      const [lon, lat] = /** @type {GeoJSON.Point} */ (geometry).coordinates;
      if (!name || !bounds.contains([lat, lon]) || (p.min_zoom ?? 7) > map.getZoom()) continue;
      const at = map.latLngToContainerPoint([lat, lon]);
      const box = new DOMRect(at.x - name.length * 6.5, at.y - 12, name.length * 13, 24);
      if (occupied.some((other) => overlap(box, other))) continue;
      occupied.push(box);
      const icon = L.divIcon({ className: "", html: nameElement(name, p), iconSize: [0, 0] });
      L.marker([lat, lon], { pane: "places", interactive: false, keyboard: false, icon }).addTo(group);
    }
  };
  map.on("moveend", draw);
  draw();
}

/**
 * @param {DOMRect} a
 * @param {DOMRect} b
 */
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/**
 * @param {string} name
 * @param {Properties} properties
 */
function nameElement(name, { kind, country }) {
  const node = document.createElement("div");
  const isWater = /river|water|lake/.test(kind ?? "");
  const isAbroad = country && country !== "VN";
  node.className = `place-name${isWater ? " river" : isAbroad ? " abroad" : ""}`;
  node.textContent = name;
  return node;
}
