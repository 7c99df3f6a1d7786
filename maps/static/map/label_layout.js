// The layout of marks and labels on the map: marks at the same spot are drawn side by side, and a label is drawn only
// where it covers neither a mark nor another label.

import { displayOf } from "../core/layer_cards.js";

/**
 * A mark on the map with its label.
 * @typedef {object} MapMark
 * @property {L.Marker} marker
 * @property {HTMLElement} body
 * @property {string} text
 * @property {string} layer
 */

/** @typedef {[number, number, number, number]} Box Left, top, right and bottom in pixels. */
/** @typedef {{ mark: MapMark, at: L.Point, small: boolean }} PlacedMark */

const HIGHEST_RANK = 1000;
const SPOT_SIZE = 5; // pixels of the grid; marks in the same cell share a spot
const MARK_DISTANCE = 20; // pixels between marks that share a spot
const SAME_TEXT_WITHIN = 70; // pixels within which a label is not repeated

/** @param {string} layer Marks of lower ranks are placed and labelled first. */
const rank = (layer) => displayOf(layer).rank;

/**
 * The z-index offset of the marks of a layer.
 * @param {string} layer
 */
export const zIndexOffset = (layer) => (HIGHEST_RANK - rank(layer)) * 100;

/**
 * Lay out the marks in the viewport.
 * @param {L.Map} map
 * @param {MapMark[]} marks
 */
export function layOutMarks(map, marks) {
  const bounds = map.getBounds().pad(0.05);
  const visible = marks.filter(({ marker }) => bounds.contains(marker.getLatLng()));
  visible.sort((a, b) => rank(a.layer) - rank(b.layer));
  const placed = placeMarks(map, visible);
  placeLabels(placed, placed.map(markBox));
}

/**
 * @param {L.Map} map
 * @param {MapMark[]} marks
 */
function placeMarks(map, marks) {
  /** @type {Map<string, number>} How many marks stand at each spot. */
  const spots = new Map();
  /** @type {PlacedMark[]} */
  const placed = [];
  for (const mark of marks) {
    const at = map.latLngToContainerPoint(mark.marker.getLatLng());
    const spot = `${Math.round(at.x / SPOT_SIZE)},${Math.round(at.y / SPOT_SIZE)}`;
    const before = spots.get(spot) ?? 0;
    const small = mark.body.classList.contains("small");
    mark.body.hidden = small && before > 0; // a marker in unknown condition is hidden where another mark stands
    if (mark.body.hidden) continue;
    spots.set(spot, before + 1);
    at.x += before * MARK_DISTANCE;
    mark.body.style.left = `${before * MARK_DISTANCE}px`;
    placed.push({ mark, at, small });
  }
  return placed;
}

/**
 * @param {PlacedMark} placed
 * @returns {Box}
 */
function markBox({ at, small }) {
  const size = small ? 7 : 11;
  return [at.x - size, at.y - size, at.x + size, at.y + size];
}

/**
 * @param {PlacedMark[]} placed
 * @param {Box[]} occupied Boxes of the marks, to which those of the labels are added.
 */
function placeLabels(placed, occupied) {
  /** @type {{ text: string, at: L.Point }[]} */
  const labels = [];
  for (const { mark, at, small } of placed) {
    const { text } = mark;
    const repeated = labels.some(
      (label) => label.text === text && Math.hypot(label.at.x - at.x, label.at.y - at.y) < SAME_TEXT_WITHIN,
    );
    const free =
      text && !repeated
        ? labelBoxes(mark, at, small).find(([, box]) => !occupied.some((other) => overlap(box, other)))
        : null;
    const label = mark.body.querySelector(".label");
    if (label) label.className = `label ${free ? free[0] : "covered"}`;
    if (!free) continue;
    occupied.push(free[1]);
    labels.push({ text, at });
  }
}

/**
 * The possible boxes of a label, the preferred one first, each with its CSS class.
 * @param {MapMark} mark
 * @param {L.Point} at
 * @param {boolean} small
 * @returns {[string, Box][]}
 */
function labelBoxes({ text, layer }, { x, y }, small) {
  const width = textWidth(text, displayOf(layer).fixed && !small ? 700 : 400, small ? 12 : 13) + 6;
  const gap = small ? 10 : 15;
  return [
    ["", [x + gap, y - 9, x + gap + width, y + 9]],
    ["left", [x - gap - width, y - 9, x - gap, y + 9]],
    ["above", [x - width / 2, y - 32, x + width / 2, y - 13]],
    ["below", [x - width / 2, y + 13, x + width / 2, y + 32]],
  ];
}

/**
 * @param {Box} a
 * @param {Box} b
 */
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

const TYPEFACE = getComputedStyle(document.documentElement).fontFamily;
const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

/** @type {Map<string, number>} */
const widths = new Map();

/** Discard the measured widths, after another typeface has been loaded. */
export function clearTextWidths() {
  widths.clear();
}

/**
 * The width of a text in pixels, in the typeface that is loaded.
 * @param {string} text
 * @param {number} weight
 * @param {number} size
 */
function textWidth(text, weight, size) {
  const font = `${weight} ${size}px ${TYPEFACE}`;
  const key = `${font} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    context.font = font;
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}
