// The features of the map as marks: what a mark needs of a feature or of a tile's count, its elements, and the lines and
// areas of features.

import { element } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { colourOf, isAssumed, markOf } from "../core/labels.js";
import { codeOf, codesOf, displayOf, drawingCode, layerCard } from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";

const LEAST_ATTENTION = 100;
const LARGEST_NUMBER = 10_000; // larger numbers are written in thousands

/**
 * A feature at a position of the map, or the number of features in a cell of a tile, which has no id.
 * @typedef {object} MapFeature
 * @property {string} layer
 * @property {string | null} id
 * @property {Properties} properties
 * @property {GeoJSON.Geometry | null} geometry
 * @property {L.LatLng} at
 * @property {number} count
 * @property {Code | null} code The code that gives it its mark.
 * @property {Code | null} second The code of its second mark, if that stands out.
 * @property {Code | null} worst The one of both that asks for more attention.
 * @property {number} attention Of that code; 0 asks for most.
 * @property {boolean} fixed Whether its mark names a place, so that it is never moved.
 * @property {boolean} quiet Whether its mark is small.
 */

/**
 * @param {string} layer
 * @param {Pick<MapFeature, "id" | "properties" | "geometry" | "at">} feature
 * @returns {MapFeature}
 */
export function mapFeature(layer, { id, properties, geometry, at }) {
  const display = displayOf(layer);
  const code = drawingCode(layer, { properties });
  const name = display.second_mark;
  const marked = name ? codeOf(layer, name, properties[name]) : null;
  const second = marked?.flags.includes("stands_out") ? marked : null;
  const isOpen = !code?.flags.includes("finished");
  const worst = second && isOpen && second.attention <= (code?.attention ?? LEAST_ATTENTION) ? second : code;
  const count = properties.count ?? 1;
  const attention = worst?.attention ?? LEAST_ATTENTION;
  const quiet = Boolean(code?.flags.includes("quiet"));
  const fixed = display.fixed && id !== null;
  return { layer, id, properties, geometry, at, count, code, second, worst, attention, fixed, quiet };
}

/**
 * The codes of a layer that are drawn from near only; none if nothing is drawn by a code, or all codes are quiet.
 * @param {string} layer
 */
export function quietCodes(layer) {
  const codes = codesOf(layer, layerCard(layer).drawn_by);
  const quiet = codes.filter(({ flags }) => flags.includes("quiet"));
  return quiet.length < codes.length ? quiet.map(({ value }) => value) : [];
}

/**
 * The mark of a feature with its second mark.
 * @param {MapFeature} feature
 * @returns {Element[]}
 */
export function markElements({ layer, properties, geometry, second }) {
  const mark = markOf(layer, { properties, geometry: geometry ?? {} });
  return second ? [mark, element("span", { className: "second" }, markElement(second.mark ?? {}))] : [mark];
}

/**
 * The badge with a number and, for features beside a fixed mark, the worst of their marks.
 * @param {number} number
 * @param {MapFeature} worst
 * @param {{ marked: boolean }} options
 */
export function badge(number, worst, { marked }) {
  const mark = marked ? markElements(worst) : [];
  const text = number > 1 ? element("b", {}, countText(number)) : null;
  const colour = worst.worst?.mark?.colour ?? colourOf(worst.layer, worst);
  const className = text ? "badge" : "badge bare";
  return element("span", { className, style: { "--badge": worst.quiet ? "transparent" : colour } }, ...mark, text);
}

/** @param {number} count */
const countText = (count) =>
  count < LARGEST_NUMBER ? formatNumber(count) : `${formatNumber(Math.round(count / 1000))}k`;

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
  const isBand = isLineLayer(layer);
  const style = isArea ? areaStyle(layer, feature) : lineStyle(layer, feature);
  const pane = isArea ? "surfaces" : isBand ? "bands" : "sections";
  return L.geoJSON(feature, { pane, bubblingMouseEvents: false, style }).on("click", pick);
}

/**
 * Whether all features of a layer are lines; these are drawn as wide pale bands, below the lines of single features.
 * @param {string} layer
 */
const isLineLayer = (layer) => Boolean(layerCard(layer).geometry?.toLowerCase().endsWith("linestring"));

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
 * A line is dashed if a field that the layer states with every geometry says no, such as that it is not demarcated.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {L.PathOptions}
 */
function lineStyle(layer, feature) {
  const isBand = isLineLayer(layer);
  const denied = layerCard(layer).stated_with_geometry.some((name) => feature.properties[name] === false);
  return {
    color: colourOf(layer, feature),
    weight: isBand ? 11 : 5,
    opacity: isBand ? 0.28 : 0.75,
    lineCap: "butt",
    dashArray: denied ? "10 6" : undefined,
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
