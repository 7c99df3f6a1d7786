// The legend of the marks on the map with the number of features of each, and the list of layers.

import { element } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { markOf } from "../core/labels.js";
import { codesOf, layerCard, layerTitle } from "../core/layer_cards.js";
import { markElement, SVG } from "../core/marks.js";
import { localized, message } from "../core/page.js";
import { ALL_MARKERS_ZOOM } from "./overlays.js";

/** @typedef {import("./overlays.js").Overlays} Overlays */
/** @typedef {import("./url_state.js").UrlState} UrlState */

const SHORT_LIST = 5; // a code list of at most so many codes is listed with its unused codes, for the tab

/**
 * Draw the legend: the layer of the current tab, the other layers on the map, then how positions are drawn.
 * @param {HTMLElement} root
 * @param {UrlState} view
 * @param {Overlays} overlays
 */
export function drawLegend(root, view, overlays) {
  const layers = [...new Set([view.tab, ...view.layers])].filter((layer) => overlays.state(layer));
  const sections = layers.flatMap((layer) => {
    const items = layerItems(layer, layer === view.tab, overlays);
    if (!items.length) return [];
    const title = message(layer) === layer ? layerTitle(layer) : message(layer);
    return [element("h2", {}, title), element("ul", {}, ...items)];
  });
  root.replaceChildren(...sections, element("h2", {}, message("position")), element("ul", {}, ...positionItems()));
}

/**
 * @param {string} layer
 * @param {boolean} isTab
 * @param {Overlays} overlays
 */
function layerItems(layer, isTab, overlays) {
  const tiles = overlays.state(layer)?.tiles?.visible();
  const features = tiles ? tiles.features.filter(({ properties }) => !properties.count) : overlays.features(layer);
  const items = codeItems(layer, isTab, features, Boolean(tiles?.counts));
  if (layer === "incidents" && !tiles?.counts) items.push(...severityItems(features));
  if (layer === "markers" && overlays.map.getZoom() < ALL_MARKERS_ZOOM) {
    items.push(element("li", { className: "zero" }, message("zoom_for_markers")));
  }
  if (!tiles) return items;
  if (tiles.counts) items.push(element("li", {}, message("counts_hint")));
  items.push(numberedItem(message("features_in_view"), `${tiles.counts ? "≈ " : ""}${formatNumber(tiles.number)}`));
  if (tiles.dropped) items.push(numberedItem(message("features_dropped"), formatNumber(tiles.dropped)));
  return items;
}

/**
 * The codes by which the features of a layer are marked with their numbers, and the number of features without a code.
 * @param {string} layer
 * @param {boolean} isTab
 * @param {{ properties: Properties }[]} features
 * @param {boolean} counts Whether the tiles hold counts, so that the numbers per code are unknown.
 */
function codeItems(layer, isTab, features, counts) {
  const name = layerCard(layer).drawn_by ?? "";
  const codes = codesOf(layer, name);
  /** @type {Map<string, number>} */
  const numbers = new Map();
  for (const { properties } of features) numbers.set(properties[name], (numbers.get(properties[name]) ?? 0) + 1);
  const listed = isTab && codes.length <= SHORT_LIST ? codes : codes.filter(({ value }) => numbers.has(value));
  const items = listed.map((code) => {
    const n = numbers.get(code.value) ?? 0;
    const number = counts ? null : numberElement(formatNumber(n));
    return element("li", { className: n ? "" : "zero" }, markElement(code.mark ?? {}), localized(code.title), number);
  });
  const uncoded = features.filter(({ properties }) => !codes.some(({ value }) => value === properties[name]));
  if (codes.length && uncoded.length && !counts) {
    const mark = markOf(layer, { properties: {} });
    items.push(element("li", {}, mark, message("not_set"), numberElement(formatNumber(uncoded.length))));
  }
  return items;
}

/** @param {{ properties: Properties }[]} features Incidents; severe ones have a second mark. */
function severityItems(features) {
  return codesOf("incidents", "severity").flatMap((code) => {
    const n = features.filter(({ properties }) => properties.severity === code.value).length;
    if (!n) return [];
    const mark = markElement(code.mark ?? {});
    return [element("li", {}, mark, localized(code.title), numberElement(formatNumber(n)))];
  });
}

/** @param {string} text */
const numberElement = (text) => element("span", { className: "n" }, text);

/**
 * @param {string} text
 * @param {string} number
 */
const numberedItem = (text, number) => element("li", {}, text, numberElement(number));

function positionItems() {
  const mark = { shape: "circle", colour: "#5a6672" };
  return [
    element("li", {}, markElement(mark), message("surveyed")),
    element("li", {}, markElement(mark, { hollow: true }), message("assumed_position")),
    element("li", {}, boundarySample(), message("indicative_line")),
  ];
}

/** A sample of the boundary line, casing and core, as on the map. */
function boundarySample() {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "stroke");
  drawing.setAttribute("viewBox", "0 0 26 8");
  for (const [colour, width, dashes] of [
    ["#ddd3e6", "7", ""],
    ["#563d8c", "1.8", "9 4 2 4"],
  ]) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", "M0 4h26");
    line.setAttribute("stroke", colour);
    line.setAttribute("stroke-width", width);
    if (dashes) line.setAttribute("stroke-dasharray", dashes);
    drawing.append(line);
  }
  return drawing;
}

/**
 * Draw the list of layers, each with a checkbox and the number of its features on the map. The layer of the tab is
 * always shown, and so is the boundary line, which is not listed.
 * @param {HTMLElement} root
 * @param {LayerCard[]} cards
 * @param {UrlState} view
 * @param {Overlays} overlays
 * @param {(layer: string, visible: boolean) => unknown} toggle
 */
export function drawLayerList(root, cards, view, overlays, toggle) {
  const listed = cards.filter(({ name, geometry }) => geometry && name !== "lines");
  root.replaceChildren(
    ...listed.map(({ name, title }) => {
      const checkbox = element("input", {
        type: "checkbox",
        checked: view.layers.has(name),
        disabled: name === view.tab,
        onchange: ({ currentTarget }) => toggle(name, currentTarget.checked),
      });
      const state = element("span", { className: "state" }, loadedText(overlays.state(name)));
      return element("label", {}, checkbox, localized(title), state);
    }),
  );
}

/** @param {import("./overlays.js").LayerState | null} state */
function loadedText(state) {
  if (!state) return "";
  if (!state.loaded) return "…";
  return formatNumber(state.features.filter(({ geometry }) => geometry).length) + (state.more ? "+" : "");
}
