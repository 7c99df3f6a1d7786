// Spots: the features of all layers whose marks would cover each other, gathered so that each spot is drawn once.

import { displayOf } from "../core/layer_cards.js";

/** @typedef {import("./map_marks.js").MapFeature} MapFeature */

/**
 * The features at one spot. It is drawn where the most important one is: the fixed one of the highest rank, else the
 * one that asks for most attention.
 * @typedef {object} Spot
 * @property {L.Point} point In pixels of the world at the current zoom.
 * @property {MapFeature[]} features The most important one first.
 */

const FIXED_DISTANCE = 8; // pixels within which a fixed mark covers another one
const SMALL_DISTANCE = 4; // the same for small marks
const BADGE_DISTANCE = 40; // pixels between fixed marks with a badge of their own
const GATHER_DISTANCES = [28, 44, 64]; // pixels within which other marks join a spot, the smallest first
const MAX_SPOTS = 500; // with more, marks are gathered from farther away
const NO_ATTENTION = 100;

/** @typedef {{ feature: MapFeature, point: L.Point }} PointFeature */

/**
 * Gather features into spots. Fixed ones come first, so that the others join them.
 * @param {MapFeature[]} features
 * @param {(at: L.LatLng) => L.Point} pointOf
 * @returns {Spot[]}
 */
export function gatherSpots(features, pointOf) {
  const sorted = [...features].sort(byImportance).map((feature) => ({ feature, point: pointOf(feature.at) }));
  /** @type {Spot[]} */
  let spots = [];
  for (const distance of GATHER_DISTANCES) {
    spots = gatherWithin(sorted, distance);
    if (spots.length <= MAX_SPOTS) break;
  }
  return spots;
}

/**
 * Fixed features before others; among fixed ones the quiet ones last, among others those first that ask for attention.
 * @param {MapFeature} a
 * @param {MapFeature} b
 */
function byImportance(a, b) {
  const order = a.fixed ? Number(a.quiet) - Number(b.quiet) : compareAttention(a, b);
  const rank = displayOf(a.layer).rank - displayOf(b.layer).rank;
  return Number(b.fixed) - Number(a.fixed) || order || rank || (String(a.id) < String(b.id) ? -1 : 1);
}

/**
 * The order of features by the attention that they ask for, then by that of their second marks.
 * @param {MapFeature} a
 * @param {MapFeature} b
 */
export const compareAttention = (a, b) =>
  a.attention - b.attention || (a.second?.attention ?? NO_ATTENTION) - (b.second?.attention ?? NO_ATTENTION);

/**
 * @param {PointFeature[]} sorted
 * @param {number} distance
 */
function gatherWithin(sorted, distance) {
  const grid = new Grid(Math.max(distance, BADGE_DISTANCE));
  /** @type {Map<Spot, Spot>} The spot whose badge stands for what is at a spot with a fixed mark. */
  const hosts = new Map();
  for (const { feature, point } of sorted) {
    const reach = feature.fixed ? (feature.quiet ? SMALL_DISTANCE : FIXED_DISTANCE) : distance;
    const near = grid.nearest(point, reach);
    if (near) {
      (hosts.get(near) ?? near).features.push(feature);
      continue;
    }
    const spot = { point, features: [feature] };
    if (feature.fixed) {
      const host = grid.nearest(point, BADGE_DISTANCE, (other) => hosts.get(other) === other);
      hosts.set(spot, host ?? spot);
    }
    grid.add(spot);
  }
  return grid.spots;
}

/** Spots by square cells, to search for those near a point. */
class Grid {
  /** @type {Map<string, Spot[]>} */
  #cells = new Map();

  /** @type {Spot[]} */
  spots = [];

  /** @param {number} size The width of a cell, which is the longest distance of a search. */
  constructor(size) {
    this.size = size;
  }

  /** @param {Spot} spot */
  add(spot) {
    const key = `${Math.floor(spot.point.x / this.size)},${Math.floor(spot.point.y / this.size)}`;
    const cell = this.#cells.get(key);
    if (cell) cell.push(spot);
    else this.#cells.set(key, [spot]);
    this.spots.push(spot);
  }

  /**
   * The nearest spot within a distance of a point, or null.
   * @param {L.Point} point
   * @param {number} within
   * @param {(spot: Spot) => boolean} [isSuitable]
   */
  nearest(point, within, isSuitable = () => true) {
    /** @type {Spot | null} */
    let nearest = null;
    let shortest = within;
    const [column, row] = [Math.floor(point.x / this.size), Math.floor(point.y / this.size)];
    for (let x = column - 1; x <= column + 1; x++) {
      for (let y = row - 1; y <= row + 1; y++) {
        for (const spot of this.#cells.get(`${x},${y}`) ?? []) {
          const distance = spot.point.distanceTo(point);
          if (distance > shortest || !isSuitable(spot)) continue;
          nearest = spot;
          shortest = distance;
        }
      }
    }
    return nearest;
  }
}

/**
 * The feature that asks for most attention.
 * @param {MapFeature[]} features
 */
export const worstOf = (features) =>
  features.reduce((worst, feature) => (compareAttention(feature, worst) < 0 ? feature : worst));

/** @param {MapFeature[]} features Of tiles' cells, each counted as often as its cell says. */
export const numberOf = (features) => features.reduce((number, { count }) => number + count, 0);

/**
 * Whether a spot holds counts, whose features are not known one by one.
 * @param {Spot} spot
 */
export const hasCounts = ({ features }) => features.some(({ id }) => id === null);
