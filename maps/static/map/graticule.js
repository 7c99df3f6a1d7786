// The graticule with labels at the map's edges.

import { element } from "../core/elements.js";

// Degrees between two lines of the graticule, from 4° to half a minute.
const STEPS = [4, 2, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 30, 1 / 60, 1 / 120];
const SMALLEST_STEP = 1 / 120;
const MERIDIAN_DISTANCE = 260; // pixels between two meridians, at most about

/** @type {L.PolylineOptions} */
const LINE = { pane: "graticule", color: "#dcd9cf", weight: 1, interactive: false };

/** @param {L.Map} map */
export function drawGraticule(map) {
  const group = L.layerGroup().addTo(map);
  const draw = () => {
    group.clearLayers();
    const bounds = map.getBounds();
    const [south, west, north, east] = [bounds.getSouth(), bounds.getWest(), bounds.getNorth(), bounds.getEast()];
    const columns = Math.max(1.5, map.getSize().x / MERIDIAN_DISTANCE);
    const step = STEPS.find((degrees) => (east - west) / degrees >= columns) ?? SMALLEST_STEP;
    const credits = map.containerPointToLatLng([70, map.getSize().y - 4]); // they would cover labels below this point
    for (let lon = Math.ceil(west / step) * step; lon <= east; lon += step) {
      drawLine(group, [south, lon], [north, lon]);
      writeDegrees(group, [north, lon], degreesText(lon, "E"), [-4, -3]);
    }
    for (let lat = Math.ceil(south / step) * step; lat <= north; lat += step) {
      drawLine(group, [lat, west], [lat, east]);
      if (lat > credits.lat) writeDegrees(group, [lat, east], degreesText(lat, "N"), [52, 15]);
    }
  };
  map.on("moveend resize", draw);
  draw();
}

/**
 * @param {L.LayerGroup} group
 * @param {[number, number]} from
 * @param {[number, number]} to
 */
const drawLine = (group, from, to) => L.polyline([from, to], LINE).addTo(group);

/**
 * @param {L.LayerGroup} group
 * @param {[number, number]} at
 * @param {string} text
 * @param {[number, number]} iconAnchor
 */
function writeDegrees(group, at, text, iconAnchor) {
  const icon = L.divIcon({ className: "degree", html: element("span", {}, text), iconSize: [60, 14], iconAnchor });
  L.marker(at, { pane: "graticule", interactive: false, keyboard: false, icon }).addTo(group);
}

/**
 * Degrees, minutes and half minutes: 106°30′E.
 * @param {number} value
 * @param {string} letter
 */
function degreesText(value, letter) {
  const minutes = Math.round(Math.abs(value) * 120) / 2;
  const degrees = Math.floor(minutes / 60);
  const rest = minutes - degrees * 60;
  if (!rest) return `${degrees}°${letter}`;
  return `${degrees}°${String(Math.floor(rest)).padStart(2, "0")}′${rest % 1 ? "30″" : ""}${letter}`;
}
