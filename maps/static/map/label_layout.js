// The labels of marks on the map: a label is drawn only where it covers neither a mark nor another label.

import { displayOf } from "../core/layer_cards.js";

/** @typedef {import("./spot_layer.js").SpotMark} SpotMark */
/** @typedef {[number, number, number, number]} Box Left, top, right and bottom in pixels. */
/** @typedef {{ mark: SpotMark, at: L.Point, small: boolean, badgeEnd: number }} LabelledMark */

const SAME_TEXT_WITHIN = 70; // pixels within which a label is not repeated
const BADGE_START = 4; // pixels from the mark's centre to the left edge of its badge

/** @param {SpotMark} mark */
const rankOf = ({ feature, features: [first] }) => displayOf((feature ?? first).layer).rank;

/**
 * Place the labels of the marks. Fixed marks are labelled first, then the others by the rank of their layer.
 * @param {L.Map} map
 * @param {SpotMark[]} marks
 */
export function layOutLabels(map, marks) {
  const sorted = [...marks].sort(
    (a, b) => Number(Boolean(b.feature?.fixed)) - Number(Boolean(a.feature?.fixed)) || rankOf(a) - rankOf(b),
  );
  /** @type {Map<import("./spots.js").Spot, number>} How far the badge of a spot reaches to the right. */
  const badgeEnds = new Map();
  for (const { spot, body } of marks) {
    const badge = /** @type {HTMLElement | null} */ (body.querySelector(".badge"));
    if (badge) badgeEnds.set(spot, BADGE_START + badge.offsetWidth);
  }
  const labelled = sorted.map((mark) => {
    const at = map.latLngToContainerPoint(mark.marker.getLatLng());
    const small = mark.body.classList.contains("small");
    const badgeEnd = badgeEnds.get(mark.spot) ?? 0;
    return { mark, at, small, badgeEnd };
  });
  placeLabels(labelled, labelled.flatMap(markBoxes));
}

/**
 * The boxes of a mark and of its badge.
 * @param {LabelledMark} labelled
 * @returns {Box[]}
 */
function markBoxes({ at, small, badgeEnd }) {
  const size = small ? 7 : 11;
  /** @type {Box} */
  const box = [at.x - size, at.y - size, at.x + size, at.y + size];
  return badgeEnd ? [box, [at.x, at.y - 20, at.x + badgeEnd, at.y - 3]] : [box];
}

/**
 * @param {LabelledMark[]} marks
 * @param {Box[]} occupied Boxes of the marks, to which those of the labels are added.
 */
function placeLabels(marks, occupied) {
  /** @type {{ text: string, at: L.Point }[]} */
  const labels = [];
  for (const labelled of marks) {
    const { mark, at } = labelled;
    const { text } = mark;
    const repeated = labels.some(
      (label) => label.text === text && Math.hypot(label.at.x - at.x, label.at.y - at.y) < SAME_TEXT_WITHIN,
    );
    const free =
      text && !repeated ? labelBoxes(labelled).find(([, box]) => !occupied.some((other) => overlap(box, other))) : null;
    const label = /** @type {HTMLElement | null} */ (mark.body.querySelector(".label"));
    if (label) label.className = `label ${free ? free[0] : "covered"}`;
    if (!free) continue;
    occupied.push(free[1]);
    labels.push({ text, at });
  }
}

/**
 * The possible boxes of a label, the preferred one first, each with its CSS class.
 * @param {LabelledMark} labelled
 * @returns {[string, Box][]}
 */
function labelBoxes({ mark: { text, feature }, at: { x, y }, small, badgeEnd }) {
  const width = textWidth(text, feature?.fixed && !small ? 700 : 400, small ? 12 : 13) + 6;
  const gap = small ? 10 : 15;
  return [
    badgeEnd ? ["lower", [x + gap, y - 2, x + gap + width, y + 16]] : ["", [x + gap, y - 9, x + gap + width, y + 9]],
    ["left", [x - gap - width, y - 9, x - gap, y + 9]],
    ["above", [x - width / 2, y - 40, x + width / 2, y - 21]],
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
