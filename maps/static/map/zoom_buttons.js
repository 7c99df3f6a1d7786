// The zoom buttons of a map: `data-zoom` is 1 (in) or -1 (out).

import { all } from "../core/elements.js";

/** @param {L.Map} map */
export function enableZoomButtons(map) {
  for (const button of all("[data-zoom]")) {
    button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
  }
}
