// The names of features and spots for screen readers, lists and labels.

import { formatNumber, joined } from "../core/format.js";
import { titleOf } from "../core/labels.js";
import { layerTitle } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { numberOf, worstOf } from "./spots.js";

/** @typedef {import("./map_marks.js").MapFeature} MapFeature */
/** @typedef {import("./spots.js").Spot} Spot */

/**
 * The address that all features have; empty if they have none in common.
 * @param {MapFeature[]} features
 */
export function commonAddress(features) {
  const [{ properties: first }] = features;
  const isCommon = first.address && features.every(({ properties }) => properties.address === first.address);
  return isCommon ? String(first.address) : "";
}

/**
 * The name of a feature: its title, which tiles have as their label.
 * @param {MapFeature} feature
 * @returns {string}
 */
export const nameOf = ({ layer, id, properties, geometry }) =>
  properties.label ?? titleOf(layer, { type: "Feature", id: id ?? "", properties, geometry });

/**
 * The name of a spot for screen readers and as the heading of its list: “5 mục tại 147/6, nặng nhất: Quá hạn”.
 * @param {Spot} spot
 */
export function spotName(spot) {
  const { features } = spot;
  const number = formatNumber(numberOf(features));
  const [{ at, fixed }] = features;
  const location = fixed ? nameOf(features[0]) : commonAddress(features);
  const key = fixed && features.some((feature) => !feature.at.equals(at)) ? "items_near" : "items_at";
  const name = location ? message(key, { n: number, at: location }) : message("items_here", { n: number });
  const { worst } = worstOf(features);
  return worst ? `${name}, ${message("worst_status", { status: localized(worst.title) })}` : name;
}

/**
 * The name of a mark for screen readers.
 * @param {{ spot: Spot, features: MapFeature[] }} mark
 */
export function spokenName({ spot, features }) {
  if (numberOf(features) > 1) return spotName(spot);
  const [single] = features;
  return joined(`${layerTitle(single.layer)}: ${nameOf(single)}`, localized(single.worst?.title));
}
