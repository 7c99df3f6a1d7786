// The fan of a spot with few features: their marks around it, each with a short leader line.

import { element } from "../core/elements.js";
import { SVG } from "../core/marks.js";
import { markElements } from "./map_marks.js";
import { spokenName } from "./spot_names.js";

/** @typedef {import("./map_marks.js").MapFeature} MapFeature */
/** @typedef {import("./spots.js").Spot} Spot */

export const MAX_FANNED = 8;
const LEADER = 20; // pixels from the spot to each mark

/**
 * The marker with the fan of a spot, not yet added to the map.
 * @param {Spot} spot
 * @param {MapFeature[]} features Those around it.
 * @param {(feature: MapFeature, byKeyboard: boolean) => unknown} pick
 */
export function createFan(spot, features, pick) {
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("class", "leaders");
  lines.setAttribute("viewBox", `${-LEADER} ${-LEADER} ${2 * LEADER} ${2 * LEADER}`);
  const buttons = features.map((feature, index) => {
    const angle = (2 * Math.PI * index) / features.length - Math.PI / 2;
    const [x, y] = [LEADER * Math.cos(angle), LEADER * Math.sin(angle)];
    lines.append(leaderLine(x, y));
    const style = { left: `${x}px`, top: `${y}px` };
    const label = spokenName({ spot, features: [feature] });
    const onclick = (/** @type {MouseEvent} */ { detail }) => pick(feature, detail === 0);
    return element(
      "button",
      { className: "fan-mark", type: "button", style, title: label, onclick },
      ...markElements(feature),
    );
  });
  const body = element("div", { className: "fan" }, lines, ...buttons);
  L.DomEvent.disableClickPropagation(body);
  const icon = L.divIcon({ className: "", html: body, iconSize: [0, 0] });
  return L.marker(spot.features[0].at, { icon, interactive: false, keyboard: false, zIndexOffset: 1_000_000 });
}

/**
 * @param {number} x
 * @param {number} y
 */
function leaderLine(x, y) {
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("x2", x.toFixed(1));
  line.setAttribute("y2", y.toFixed(1));
  return line;
}
