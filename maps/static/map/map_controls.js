// The controls that folium composes on the map (zoom, full screen, position of the device) in the page's language.

import { showNotice } from "../core/notices.js";
import { message } from "../core/page.js";

/** @type {[string, string][]} The controls with the keys of their titles. */
const TITLES = [
  [".leaflet-control-zoom-in", "zoom_in"],
  [".leaflet-control-zoom-out", "zoom_out"],
  [".leaflet-control-zoom-fullscreen", "full_screen"],
  [".leaflet-control-locate a", "place_gps"],
];

/** @param {L.Map} map */
export function labelControls(map) {
  for (const [selector, key] of TITLES) {
    const control = map.getContainer().querySelector(selector);
    control?.setAttribute("title", message(key));
    control?.setAttribute("aria-label", message(key));
  }
  // The control for full screen sets its title again from its options whenever it is used.
  /** @type {L.Control | undefined} */
  const fullScreen = Reflect.get(map, "fullscreenControl");
  Object.assign(fullScreen?.options ?? {}, { title: message("full_screen"), titleCancel: message("full_screen_exit") });
  map.on("locationerror", () => showNotice("position", message("place_gps_unavailable"), { error: true }));
}
