// The legend of the marks on the map with the number of features of each, and the list of layers.

import { element } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { markOf } from "../core/labels.js";
import { displayOf, layersByRank, layerTitle } from "../core/layer_cards.js";
import { markElement, SVG } from "../core/marks.js";
import { localized, message } from "../core/page.js";

/** @typedef {import("./overlays.js").Overlays} Overlays */
/** @typedef {import("./overlays.js").DrawnContent} DrawnContent */
/** @typedef {import("./url_state.js").UrlState} UrlState */
/** @typedef {{ code: Code, small: boolean, number: number }} CountedCode */

/**
 * Draw the legend: what is drawn of each layer in the view, in the order of rank, then how positions are drawn.
 * @param {HTMLElement} root
 * @param {Overlays} overlays
 */
export function drawLegend(root, overlays) {
  const layers = layersByRank().filter((layer) => overlays.state(layer)?.loaded);
  const sections = layers.flatMap((layer) => layerSection(layer, overlays));
  root.replaceChildren(...sections, element("h2", {}, message("position")), element("ul", {}, ...positionItems()));
}

/**
 * @param {string} layer
 * @param {Overlays} overlays
 */
function layerSection(layer, overlays) {
  const drawn = overlays.drawn(layer);
  const numbers = numbersText(drawn, overlays.state(layer)?.total ?? null);
  const items = codeItems(layer, drawn);
  if (overlays.leavesOut(layer)) items.push(element("li", { className: "zero" }, message("zoom_for_all")));
  if (drawn.counts) items.push(element("li", {}, message("counts_hint")));
  if (drawn.dropped) items.push(numberedItem(message("features_dropped"), formatNumber(drawn.dropped)));
  const heading = element("h2", { data: { layer } }, layerTitle(layer), numberElement(numbers));
  return [heading, element("ul", { data: { layer } }, ...items)];
}

/**
 * The number of features that match the filters and, if it differs, of those that are drawn.
 * @param {DrawnContent} drawn
 * @param {number | null} total
 */
function numbersText({ number, counts }, total) {
  const drawn = `${counts ? "≈ " : ""}${formatNumber(number)}`;
  if (total === null || total === number) return drawn;
  return `${formatNumber(total)} · ${message("drawn_now", { n: drawn })}`;
}

/**
 * The codes that are drawn, those that ask for most attention first, with their numbers; then the second marks, and the
 * features without a code. The numbers per code are unknown where tiles hold counts.
 * @param {string} layer
 * @param {DrawnContent} drawn
 */
function codeItems(layer, { points, shapes, counts }) {
  /** @type {Map<string, CountedCode>} */
  const codes = new Map();
  /** @type {Map<string, CountedCode>} */
  const seconds = new Map();
  for (const { code, second, quiet, count } of points) {
    add(codes, code, quiet, count);
    add(seconds, second, false, count);
  }
  /** @type {(entries: Map<string, CountedCode>) => HTMLElement[]} */
  const items = (entries) =>
    [...entries.values()]
      .sort((a, b) => a.code.attention - b.code.attention)
      .map(({ code, small, number }) =>
        element(
          "li",
          { className: small ? "small" : "", data: { code: code.value } },
          markElement(code.mark ?? displayOf(layer).mark),
          localized(code.title),
          counts ? null : numberElement(formatNumber(number)),
        ),
      );
  const uncoded = points.filter(({ code }) => !code).reduce((sum, { count }) => sum + count, shapes.length);
  const rest = uncoded && !counts ? [uncodedItem(layer, uncoded, codes.size > 0)] : [];
  return [...items(codes), ...items(seconds), ...rest];
}

/**
 * @param {Map<string, CountedCode>} entries
 * @param {Code | null} code
 * @param {boolean} small
 * @param {number} count
 */
function add(entries, code, small, count) {
  if (!code) return;
  const number = (entries.get(code.value)?.number ?? 0) + count;
  entries.set(code.value, { code, small, number });
}

/**
 * The features that no code draws: all of a layer, or those whose code is not set.
 * @param {string} layer
 * @param {number} number
 * @param {boolean} amongCoded
 */
const uncodedItem = (layer, number, amongCoded) =>
  element(
    "li",
    { data: { code: "" } },
    markOf(layer, { properties: {} }),
    amongCoded ? message("not_set") : layerTitle(layer),
    numberElement(formatNumber(number)),
  );

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
 * Draw the list of layers in the order of rank, each with a checkbox and the number of its features. The layer of the
 * tab is always shown; one that the basemap draws is not listed.
 * @param {HTMLElement} root
 * @param {LayerCard[]} cards
 * @param {UrlState} view
 * @param {Overlays} overlays
 * @param {(layer: string, visible: boolean) => unknown} toggle
 */
export function drawLayerList(root, cards, view, overlays, toggle) {
  const listed = cards.filter(({ geometry, display }) => geometry && !display.in_basemap);
  listed.sort((a, b) => a.display.rank - b.display.rank);
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
  return state.total === null ? "" : formatNumber(state.total);
}
