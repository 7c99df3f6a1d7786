// The drawing of a feature on the map: its mark with a label and, unless it is a point, its line or area.

import { element } from "../core/elements.js";
import { colourOf, isAssumed, mapLabelOf, markOf, titleOf } from "../core/labels.js";
import { codeOf, layerTitle } from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";
import { zIndexOffset } from "./label_layout.js";

const SEVERE = ["high", "critical"];

/**
 * @typedef {object} MarkActions
 * @property {(byKeyboard?: boolean) => unknown} pick
 * @property {(hovered: boolean) => unknown} hover
 */

/**
 * The mark of a feature at the anchor of its geometry, not yet added to the map; null without a position.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {MarkActions} actions
 * @returns {import("./label_layout.js").MapMark | null}
 */
export function createMark(layer, feature, { pick, hover }) {
  const at = feature.geometry && anchorOf(feature.geometry);
  if (!at) return null;
  const { condition, severity } = feature.properties;
  const small = layer === "markers" && condition === "unknown";
  const text = mapLabelOf(layer, feature);
  // An incident has the colour of its handling; a severe one has a second, small mark for its severity.
  const severityMark = SEVERE.includes(severity) ? codeOf(layer, "severity", severity)?.mark : null;
  const body = element(
    "div",
    { className: `stand ${layer}${small ? " small" : ""}` },
    markOf(layer, feature),
    severityMark ? element("span", { className: "severity" }, markElement(severityMark)) : null,
    element("span", { className: "label" }, text),
  );
  const marker = L.marker(at, {
    icon: L.divIcon({ className: "", html: body, iconSize: [0, 0] }),
    keyboard: !small,
    riseOnHover: true,
    zIndexOffset: zIndexOffset(layer),
  });
  marker.on("click", () => pick());
  marker.on("keypress", ({ originalEvent }) => originalEvent.key === "Enter" && pick(true));
  marker.on("mouseover", () => hover(true));
  marker.on("mouseout", () => hover(false));
  const name = `${layerTitle(layer)}: ${titleOf(layer, feature)}`;
  marker.on("add", () => marker.getElement()?.setAttribute("aria-label", name));
  return { marker, body, text, layer };
}

/**
 * The line or area of a feature, not yet added to the map; null for points.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {() => unknown} pick
 */
export function createShape(layer, feature, pick) {
  const type = feature.geometry?.type ?? "Point";
  if (type.endsWith("Point")) return null;
  const isArea = type.endsWith("Polygon");
  const style = isArea ? areaStyle(layer, feature) : lineStyle(layer, feature);
  const pane = isArea ? "areas" : layer === "sectors" ? "sectors" : "sections";
  return L.geoJSON(feature, { pane, bubblingMouseEvents: false, style }).on("click", pick);
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {L.PathOptions}
 */
function areaStyle(layer, feature) {
  const color = colourOf(layer, feature);
  return { color, weight: 1.6, fillColor: color, fillOpacity: 0.1, dashArray: isAssumed(feature) ? "5 4" : undefined };
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {L.PathOptions}
 */
function lineStyle(layer, feature) {
  const isSector = layer === "sectors";
  return {
    color: colourOf(layer, feature),
    weight: isSector ? 11 : 5,
    opacity: isSector ? 0.28 : 0.75,
    lineCap: "butt",
    dashArray: feature.properties.demarcated === false ? "10 6" : undefined,
  };
}

/**
 * The position of the mark of a geometry: the point, the middle vertex of a line, or the centre of an area's bounding
 * box.
 * @param {GeoJSON.Geometry} geometry
 */
export function anchorOf(geometry) {
  if (geometry.type === "Point") return L.latLng(geometry.coordinates[1], geometry.coordinates[0]);
  if (geometry.type === "LineString" || geometry.type === "MultiLineString") {
    const points = geometry.type === "LineString" ? geometry.coordinates : geometry.coordinates.flat();
    const middle = points[Math.floor(points.length / 2)];
    return middle ? L.latLng(middle[1], middle[0]) : null;
  }
  const bounds = L.geoJSON(geometry).getBounds();
  return bounds.isValid() ? bounds.getCenter() : null;
}
