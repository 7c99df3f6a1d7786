// Our own paper: water and names where they are known, degrees, and the indicative line with its casing.
// No side of the line is tinted: the line decides nothing.

import { ask, query } from "../core/http.js";
import { distance, notice, say } from "../core/page.js";

const BORDERS = ["VN-KH", "VN-LA", "VN-CN"];
const CLOSE = 12; // from here the simplified line is visibly simplified

export function drawBasemap(map) {
  drawDegrees(map);
  drawWater(map);
  drawLine(map);
  drawScale(map);
  fitPaper(map);
}

/** Paper is not the screen: print what was in view, then put the screen back as it was. */
function fitPaper(map) {
  let before = null;
  matchMedia("print").addEventListener("change", ({ matches }) => {
    if (matches) before = { bounds: map.getBounds(), centre: map.getCenter(), zoom: map.getZoom() };
    map.invalidateSize({ animate: false, pan: false });
    if (matches) map.fitBounds(before.bounds, { animate: false });
    else if (before) map.setView(before.centre, before.zoom, { animate: false });
  });
}

const styles = {
  casing: { pane: "line", color: "#ddd3e6", weight: 7, opacity: 1, interactive: false, lineJoin: "round", className: "line-casing" },
  core: { pane: "line", color: "#563d8c", weight: 1.8, opacity: 1, interactive: false, dashArray: "9 4 2 4", lineCap: "butt" },
};

async function drawLine(map) {
  const far = L.layerGroup().addTo(map);
  const near = L.layerGroup();
  const lay = (group, features) => {
    const shape = { type: "FeatureCollection", features };
    L.geoJSON(shape, { ...styles.casing, pane: "line" }).addTo(group);
    L.geoJSON(shape, { ...styles.core, pane: "line" }).addTo(group);
  };
  const pieces = await Promise.all(BORDERS.map((border) =>
    ask(query("/api/basemap/lines", { border })).then(({ data }) => data.features).catch((error) => {
      if (error.status !== 404) notice("line", `${say("failed", { what: say("indicative_line") })}: ${error.message}`, { wrong: true });
      return [];
    })));
  lay(far, pieces.flat());

  let asking = null;
  const refine = async () => {
    if (map.getZoom() < CLOSE) {
      map.removeLayer(near);
      far.addTo(map);
      return;
    }
    asking?.abort();
    asking = new AbortController();
    try {
      const bbox = map.getBounds().pad(0.3).toBBoxString();
      const { data } = await ask(query("/api/basemap/lines", { bbox }), { signal: asking.signal });
      near.clearLayers();
      lay(near, data.features);
      near.addTo(map);
      map.removeLayer(far);
    } catch { /* the simplified line stays: it is the same line with fewer vertices */ }
  };
  map.on("moveend", refine);
  refine();
}

async function drawWater(map) {
  let data;
  try {
    ({ data } = await ask("/api/basemap/context"));
  } catch {
    return; // the paper may be empty: nothing on it is ours to promise
  }
  const isPoint = (feature) => feature.geometry?.type === "Point";
  const areas = ["Polygon", "MultiPolygon"];
  const water = L.geoJSON({ type: "FeatureCollection", features: data.features.filter((feature) => feature.geometry && !isPoint(feature) && !/province|country/.test(feature.properties.kind ?? "")) }, {
    pane: "water",
    interactive: false,
    style: (feature) => areas.includes(feature.geometry.type)
      ? { color: "#b9d3e0", fillColor: "#cfe1ea", fillOpacity: 1 }
      : { color: "#b9d3e0", opacity: 0.95 },
  }).addTo(map);
  // From afar a river is a hair, so that the line stays the first thing seen.
  const thin = () => water.setStyle((feature) => ({ weight: areas.includes(feature.geometry.type) ? 0.6 : map.getZoom() < 8 ? 0.7 : map.getZoom() < 10 ? 1.4 : 2.4 }));
  map.on("zoomend", thin);
  thin();

  // Names stand where the paper is empty, the great ones first; small ones wait until the reader is near.
  const names = L.layerGroup().addTo(map);
  const drawNames = () => {
    names.clearLayers();
    const taken = [];
    const near = map.getBounds().pad(0.1);
    for (const feature of data.features.filter(isPoint)) {
      const p = feature.properties;
      const name = p[`name_${document.documentElement.lang}`] || p.name;
      const [lon, lat] = feature.geometry.coordinates;
      if (!name || !near.contains([lat, lon]) || (p.min_zoom ?? 7) > map.getZoom()) continue;
      const at = map.latLngToContainerPoint([lat, lon]);
      const box = { left: at.x - name.length * 6.5, right: at.x + name.length * 6.5, top: at.y - 12, bottom: at.y + 12 };
      if (taken.some((one) => one.left < box.right && box.left < one.right && one.top < box.bottom && box.top < one.bottom)) continue;
      taken.push(box);
      const text = document.createElement("div");
      const abroad = p.country && p.country !== "VN";
      text.className = `place-name${/river|water|lake/.test(p.kind ?? "") ? " river" : abroad ? " abroad" : ""}`;
      text.textContent = name;
      L.marker([lat, lon], { pane: "places", interactive: false, keyboard: false, icon: L.divIcon({ className: "", html: text, iconSize: [0, 0] }) }).addTo(names);
    }
  };
  map.on("moveend", drawNames);
  drawNames();
}

/** Parallels and meridians, as many as give a quiet grid, written at the edges. */
function drawDegrees(map) {
  const grid = L.layerGroup().addTo(map);
  const draw = () => {
    grid.clearLayers();
    const bounds = map.getBounds();
    const span = bounds.getEast() - bounds.getWest();
    const step = [4, 2, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 30, 1 / 60, 1 / 120].find((one) => span / one >= Math.max(1.5, map.getSize().x / 260)) ?? 1 / 120;
    const line = { pane: "graticule", color: "#dcd9cf", weight: 1, interactive: false };
    const write = (at, text, anchor) => L.marker(at, {
      pane: "graticule", interactive: false, keyboard: false,
      icon: L.divIcon({ className: "degree", html: Object.assign(document.createElement("span"), { textContent: text }), iconSize: [60, 14], iconAnchor: anchor }),
    }).addTo(grid);
    const [south, west, north, east] = [bounds.getSouth(), bounds.getWest(), bounds.getNorth(), bounds.getEast()];
    const corner = map.containerPointToLatLng([70, map.getSize().y - 4]);
    for (let lon = Math.ceil(west / step) * step; lon <= east; lon += step) {
      L.polyline([[south, lon], [north, lon]], line).addTo(grid);
      write([north, lon], degrees(lon, "E"), [-4, -3]);
    }
    for (let lat = Math.ceil(south / step) * step; lat <= north; lat += step) {
      L.polyline([[lat, west], [lat, east]], line).addTo(grid);
      if (lat > corner.lat) write([lat, east], degrees(lat, "N"), [52, 15]);
    }
  };
  map.on("moveend resize", draw);
  draw();
}

function degrees(value, letter) {
  const minutes = Math.round(Math.abs(value) * 120) / 2;
  const whole = Math.floor(minutes / 60);
  const rest = minutes - whole * 60;
  return rest ? `${whole}°${String(Math.floor(rest)).padStart(2, "0")}′${rest % 1 ? "30″" : ""}${letter}` : `${whole}°${letter}`;
}

/** A round length and its bar, in metres only. */
function drawScale(map) {
  const board = document.getElementById("scale");
  if (!board) return;
  const draw = () => {
    const y = map.getSize().y / 2;
    const metres = map.distance(map.containerPointToLatLng([0, y]), map.containerPointToLatLng([110, y]));
    const power = 10 ** Math.floor(Math.log10(metres));
    const round = [5, 2, 1].find((n) => n * power <= metres) * power;
    const bar = document.createElement("i");
    bar.style.width = `${(110 * round) / metres}px`;
    board.replaceChildren(distance(round), bar);
  };
  map.on("zoomend moveend", draw);
  draw();
}
