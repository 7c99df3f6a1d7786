// The marks of the spots on the map: fixed marks where they are, a badge beside them for all else at the spot, and one
// mark with a number for features that have no fixed one among them.

import { element } from "../core/elements.js";
import { mapLabelOf } from "../core/labels.js";
import { displayOf } from "../core/layer_cards.js";
import { createFan, MAX_FANNED } from "./fan.js";
import { clearTextWidths, layOutLabels } from "./label_layout.js";
import { badge, markElements } from "./map_marks.js";
import { commonAddress, spokenName } from "./spot_names.js";
import { gatherSpots, hasCounts, numberOf, worstOf } from "./spots.js";

/** @typedef {import("./map_marks.js").MapFeature} MapFeature */
/** @typedef {import("./spots.js").Spot} Spot */

/**
 * A mark on the map.
 * @typedef {object} SpotMark
 * @property {Spot} spot
 * @property {MapFeature[]} features Those that it stands for; a click on the mark of one feature picks that.
 * @property {MapFeature | null} feature The feature whose mark it is; null for a badge.
 * @property {L.Marker} marker
 * @property {HTMLElement} body
 * @property {string} text The label beside it.
 */

/**
 * @typedef {object} SpotActions
 * @property {(feature: MapFeature, byKeyboard: boolean) => unknown} pick
 * @property {(spot: Spot, byKeyboard: boolean) => unknown} open A spot with several features.
 * @property {(ids: string[], hovered: boolean) => unknown} hover
 */

const HIGHEST_RANK = 1000;
const ABOVE_FIXED = 200_000; // the z-index offset of marks that are not fixed
const LONGEST_LABEL = 20; // characters of a label from a tile, which may be a whole title

export class SpotLayer {
  /** @type {Map<string, SpotMark>} By what they show, so that unchanged ones stay. */
  #marks = new Map();

  /** @type {Spot[]} */
  #spots = [];

  /** @type {{ marker: L.Marker, zoom: number, spot: Spot } | null} */
  #fan = null;

  /** @type {Set<string>} The ids of the highlighted features. */
  #highlighted = new Set();

  /**
   * @param {L.Map} map
   * @param {L.LayerGroup} group
   * @param {SpotActions} actions
   */
  constructor(map, group, actions) {
    this.map = map;
    this.group = group;
    this.actions = actions;
  }

  /** The features that are drawn. */
  get features() {
    return this.#spots.flatMap(({ features }) => features);
  }

  /**
   * Draw the marks of these features, which replace the former ones.
   * @param {MapFeature[]} features
   */
  draw(features) {
    const view = this.map.getBounds();
    const zoom = this.map.getZoom();
    if (this.#fan && this.#fan.zoom !== zoom) this.foldFan();
    // Only what is in the view is gathered, so that the numbers of the marks add up to what the legend counts.
    this.#spots = gatherSpots(
      features.filter(({ at }) => view.contains(at)),
      (at) => this.map.project(at, zoom),
    );
    /** @type {Map<string, SpotMark>} */
    const marks = new Map();
    for (const spot of this.#spots) {
      for (const part of partsOf(spot)) this.#drawPart(spot, part, marks);
    }
    for (const [key, { marker }] of this.#marks) if (!marks.has(key)) marker.remove();
    this.#marks = marks;
    for (const mark of marks.values()) this.#showState(mark);
    this.layOutLabels();
  }

  /**
   * Draw the features of a spot around it, if they are few; returns whether they are.
   * @param {Spot} spot
   */
  fanOut(spot) {
    this.foldFan();
    const moved = spot.features.filter((_, index) => index > 0 || !spot.features[0].fixed);
    if (hasCounts(spot) || moved.length > MAX_FANNED) return false;
    const marker = createFan(spot, moved, this.actions.pick).addTo(this.group);
    this.#fan = { marker, zoom: this.map.getZoom(), spot };
    for (const mark of this.#marks.values()) this.#showState(mark);
    return true;
  }

  foldFan() {
    this.#fan?.marker.remove();
    this.#fan = null;
    for (const mark of this.#marks.values()) this.#showState(mark);
  }

  /** Place the labels again, after the map has moved or another typeface has been loaded. */
  layOutLabels() {
    layOutLabels(this.map, [...this.#marks.values()]);
  }

  /**
   * @param {Spot} spot
   * @param {Part} part
   * @param {Map<string, SpotMark>} marks
   */
  #drawPart(spot, part, marks) {
    const key = keyOf(spot, part);
    const mark = this.#marks.get(key) ?? this.#createMark(spot, part);
    marks.set(key, Object.assign(mark, { spot, ...part }));
  }

  /**
   * @param {Spot} spot
   * @param {Part} part
   * @returns {SpotMark}
   */
  #createMark(spot, part) {
    const { feature, features } = part;
    const body = bodyOf(spot, part);
    const { at } = feature ?? spot.features[0];
    const icon = L.divIcon({ className: "", html: body, iconSize: [0, 0] });
    const isSmall = Boolean(feature?.fixed && feature.quiet);
    const marker = L.marker(at, { icon, keyboard: !isSmall, riseOnHover: true, zIndexOffset: zIndexOffset(part) });
    const text = labelOf(part);
    body.append(element("span", { className: "label" }, text));
    const mark = { spot, features, feature, marker, body, text };
    marker.on("click", () => this.#choose(mark, false));
    marker.on("keypress", ({ originalEvent }) => originalEvent.key === "Enter" && this.#choose(mark, true));
    marker.on("mouseover", () => this.actions.hover(idsOf(mark.features), true));
    marker.on("mouseout", () => this.actions.hover(idsOf(mark.features), false));
    marker.on("add", () => marker.getElement()?.setAttribute("aria-label", spokenName(mark)));
    marker.addTo(this.group);
    return mark;
  }

  /**
   * @param {SpotMark} mark
   * @param {boolean} byKeyboard
   */
  #choose({ spot, features }, byKeyboard) {
    if (features.length === 1 && features[0].id) this.actions.pick(features[0], byKeyboard);
    else this.actions.open(spot, byKeyboard);
  }

  /**
   * Highlight the mark that stands for a feature, or remove the highlight.
   * @param {string} id
   * @param {boolean} highlighted
   */
  highlight(id, highlighted) {
    if (highlighted) this.#highlighted.add(id);
    else this.#highlighted.delete(id);
    for (const mark of this.#marks.values()) {
      if (mark.features.some((feature) => feature.id === id)) this.#showState(mark);
    }
  }

  /**
   * Whether a mark is highlighted, and whether its features are fanned out.
   * @param {SpotMark} mark
   */
  #showState({ spot, marker, feature, features }) {
    const hot = this.#highlighted.size > 0 && features.some(({ id }) => id !== null && this.#highlighted.has(id));
    const fanned = spot.features[0].id === this.#fan?.spot.features[0].id && !feature?.fixed;
    marker.getElement()?.classList.toggle("hot", hot);
    marker.getElement()?.classList.toggle("fanned", fanned);
  }
}

document.fonts.addEventListener("loadingdone", clearTextWidths);

/** @typedef {Pick<SpotMark, "feature" | "features">} Part */

/**
 * The marks of a spot: each fixed feature's own one and a badge for all else, or a single mark.
 * @param {Spot} spot
 * @returns {Part[]}
 */
function partsOf(spot) {
  const [first, ...others] = spot.features;
  if (!first.fixed) return [{ feature: first, features: spot.features }];
  const fixed = spot.features.filter((feature) => feature.fixed);
  /** @type {Part[]} */
  const parts = fixed.map((feature) => ({ feature, features: [feature] }));
  return others.length ? [...parts, { feature: null, features: others }] : parts;
}

/**
 * What a mark shows, as text.
 * @param {Spot} spot
 * @param {Part} part
 */
function keyOf({ features: [first] }, { feature, features }) {
  const worst = feature ?? worstOf(features);
  const { lat, lng } = (feature ?? first).at;
  const codes = `${worst.code?.value}/${worst.second?.value}/${worst.properties.position_source}`;
  const label = labelOf({ feature, features });
  return [feature ? "mark" : "badge", lat, lng, worst.layer, worst.id, codes, numberOf(features), label].join();
}

/**
 * @param {Spot} spot
 * @param {Part} part
 */
function bodyOf({ features: [first] }, { feature, features }) {
  const number = numberOf(features);
  if (!feature) {
    const worst = worstOf(features);
    const isSmall = first.quiet ? " small" : "";
    const body = element(
      "div",
      { className: `stand beside${isSmall}` },
      badge(number, worst, { marked: !worst.quiet }),
    );
    body.dataset.count = String(number);
    return body;
  }
  const { layer, fixed, quiet } = feature;
  const className = `stand ${layer}${fixed ? " fixed" : ""}${quiet ? " small" : ""}`;
  const body = element("div", { className }, ...markElements(feature));
  if (number > 1) body.append(badge(number, feature, { marked: false }));
  // The badge counts the fixed features that another one covers.
  body.dataset.count = String(fixed && feature !== first ? 0 : number);
  return body;
}

/** @param {Part} part */
function zIndexOffset({ feature }) {
  if (!feature) return 2 * ABOVE_FIXED;
  const rank = HIGHEST_RANK - displayOf(feature.layer).rank;
  return feature.fixed ? rank * 100 : ABOVE_FIXED + rank * 100;
}

/**
 * The label beside a mark: the feature's, or what several have in common, such as their address.
 * @param {Part} part
 */
function labelOf({ feature, features }) {
  if (features.length === 1 && features[0].count === 1) {
    const [{ layer, id, properties, geometry }] = features;
    const text = mapLabelOf(layer, { type: "Feature", id: id ?? "", properties, geometry });
    if (text) return text;
    return properties.label?.length <= LONGEST_LABEL ? String(properties.label) : "";
  }
  return feature ? commonAddress(features) : "";
}

/**
 * @param {MapFeature[]} features
 * @returns {string[]}
 */
const idsOf = (features) => features.flatMap(({ id }) => id ?? []);
