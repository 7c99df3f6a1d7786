// The buttons that zoom a map: `data-zoom` is 1 or -1.

import { all } from "../core/elements.js";

/** @param {L.Map} map */
export function enableZoomButtons(map) {
  for (const button of all("[data-zoom]")) {
    button.addEventListener("click", () => map.zoomIn(Number(button.dataset.zoom)));
  }
}
