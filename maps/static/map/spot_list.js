// The list of all features at a spot, by layer in the order of rank.

import { element } from "../core/elements.js";
import { formatNumber, joined } from "../core/format.js";
import { subtitleOf } from "../core/labels.js";
import { displayOf, layerTitle } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { markElements } from "./map_marks.js";
import { nameOf, spotName } from "./spot_names.js";
import { compareAttention } from "./spots.js";

/** @typedef {import("./map_marks.js").MapFeature} MapFeature */

const LIMIT = 200; // features that are listed at first, and more at a time

/**
 * @param {import("./spots.js").Spot} spot
 * @param {object} actions
 * @param {(feature: MapFeature, byKeyboard: boolean) => unknown} actions.pick
 * @param {(() => unknown) | null} actions.zoomIn Null if zooming in would not divide the spot.
 */
export function spotList(spot, { pick, zoomIn }) {
  const features = [...spot.features].sort(
    (a, b) => displayOf(a.layer).rank - displayOf(b.layer).rank || compareAttention(a, b),
  );
  const rows = element("div", { className: "spot-rows", tabindex: "-1" });
  const more = element("button", { className: "button", type: "button", onclick: () => listMore() });
  let listed = 0;
  const listMore = () => {
    const former = listed ? features[listed - 1].layer : null;
    const next = features.slice(listed, listed + LIMIT);
    rows.append(...groups(next, features, former, pick));
    listed += next.length;
    more.hidden = listed >= features.length;
    more.textContent = `${message("next_rows")} (${formatNumber(features.length - listed)})`;
  };
  listMore();
  const zoom =
    zoomIn && element("button", { className: "button", type: "button", onclick: zoomIn }, message("zoom_in"));
  const actions = element("div", { className: "actions" }, more, zoom);
  actions.hidden = more.hidden && !zoom;
  return element("div", { className: "card spot-list" }, element("h2", {}, spotName(spot)), rows, actions);
}

/**
 * The rows of features, with a heading before those of each layer.
 * @param {MapFeature[]} features
 * @param {MapFeature[]} all Of which each heading says the number.
 * @param {string | null} former The layer of the row before.
 * @param {(feature: MapFeature, byKeyboard: boolean) => unknown} pick
 */
function groups(features, all, former, pick) {
  return features.flatMap((feature, index) => {
    const { layer } = feature;
    const row = featureRow(feature, pick);
    if (layer === (index ? features[index - 1].layer : former)) return [row];
    const number = all.filter((other) => other.layer === layer).length;
    return [element("h3", {}, layerTitle(layer), element("span", { className: "n" }, formatNumber(number))), row];
  });
}

/**
 * @param {MapFeature} feature
 * @param {(feature: MapFeature, byKeyboard: boolean) => unknown} pick
 */
function featureRow(feature, pick) {
  const { layer, id, properties, geometry, code, second } = feature;
  const codes = joined(localized(code?.title), localized(second?.title));
  const under = subtitleOf(layer, { type: "Feature", id: id ?? "", properties, geometry }) || codes;
  return element(
    "button",
    { className: "spot-row", type: "button", data: { id }, onclick: ({ detail }) => pick(feature, detail === 0) },
    element("span", { className: "spot-mark" }, ...markElements(feature)),
    element("span", { className: "title" }, nameOf(feature)),
    element("span", { className: "under" }, under),
  );
}
