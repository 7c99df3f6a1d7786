// The search box of the map: Enter locates the text. A single result is drawn and described; several are listed to
// choose from.

import { byId, element, present } from "./elements.js";
import { withQuery } from "./http.js";
import { approximateSign, coordinateTexts, locate, locationPhrases, otherZones } from "./locate.js";
import { message } from "./page.js";

const MAX_SUGGESTIONS = 6; // existing marker numbers, for a number that does not exist

const POINT_ZOOM = 13;
const INACCURATE_POINT_ZOOM = 11;
const INACCURATE_FROM = 2000; // metres of accuracy

export class AddressBox {
  /**
   * @param {L.Map} map
   * @param {{ border: () => string | undefined, onChange: (text: string) => void }} actions `border` returns the
   *   border of marker numbers without one; `onChange` receives the text of the current search.
   */
  constructor(map, { border, onChange }) {
    this.map = map;
    this.border = border;
    this.onChange = onChange;
    this.input = byId("q", HTMLInputElement);
    this.results = byId("found");
    this.drawing = L.layerGroup().addTo(map);
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search(this.input.value);
    });
    this.input.addEventListener("input", () => this.input.value || this.clear());
  }

  /** @param {string} input */
  async search(input) {
    const text = input.trim();
    this.input.value = text;
    if (!text) return this.clear();
    this.onChange(text);
    this.#show(element("p", { className: "quiet" }, message("loading", { what: text })));
    let response;
    try {
      response = await locate({ q: text, border: this.border() });
    } catch (error) {
      return this.#showError(error);
    }
    if (response.features.length === 1) return this.#showLocation(response.features[0], response);
    this.drawing.clearLayers();
    this.#show(
      element("p", { className: "quiet" }, message("candidates", { n: response.features.length })),
      ...response.features.map((location) => this.#candidate(location, response, text)),
    );
  }

  clear() {
    this.drawing.clearLayers();
    this.results.hidden = true;
    this.onChange("");
  }

  /** Hide the results; returns whether they were visible. */
  close() {
    if (this.results.hidden) return false;
    this.results.hidden = true;
    return true;
  }

  /** @param {Error & { problem?: Problem }} error */
  #showError(error) {
    this.drawing.clearLayers();
    const numbers = (error.problem?.numbers ?? []).slice(0, MAX_SUGGESTIONS);
    const buttons = numbers.map((number) =>
      element("button", { className: "button", type: "button", onclick: () => this.search(number) }, number),
    );
    this.#show(
      element("p", {}, error.message),
      buttons.length ? element("p", { className: "actions" }, ...buttons) : null,
    );
  }

  /**
   * @param {LocatedFeature} location
   * @param {LocateResponse} response
   * @param {string} text
   */
  #candidate(location, response, text) {
    const p = location.properties;
    const show = () => this.#showLocation(location, response);
    return element(
      "button",
      { className: "candidate", type: "button", onclick: show },
      element("b", {}, approximateSign(p) + (p.address ?? text)),
      " ",
      element("span", { className: "quiet" }, locationPhrases(p).join(" · ")),
    );
  }

  /**
   * @param {LocatedFeature} location
   * @param {LocateResponse} response
   */
  #showLocation(location, response) {
    const p = location.properties;
    this.#draw(location);
    const systems = coordinateTexts(p).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
    const zones = otherZones(response).map(({ text }) => element("li", {}, text));
    this.#show(
      element("h3", {}, approximateSign(p) + (p.address ?? "")),
      element("p", { className: "quiet" }, locationPhrases(p).join(" · ")),
      location.geometry ? null : element("p", {}, message("number_without_position")),
      systems.length ? element("dl", { className: "facts" }, ...systems) : null,
      zones.length ? this.#zoneList(zones) : null,
      this.#newFeatureLink(p.border),
    );
  }

  /** @param {HTMLElement[]} zones */
  #zoneList(zones) {
    return element(
      "div",
      {},
      element("p", { className: "quiet" }, message("other_zones")),
      element("ul", {}, ...zones),
    );
  }

  /**
   * The link of the bar that enters a new feature, with the location that has been found.
   * @param {string | undefined} border
   */
  #newFeatureLink(border) {
    const link = document.querySelector('[data-key="n"]');
    if (!(link instanceof HTMLAnchorElement)) return null;
    const href = withQuery(link.pathname, { q: this.input.value, border });
    const text = message("new_here", { new: (link.textContent ?? "").replace(/^\+ /, "") });
    return element("p", { className: "actions" }, element("a", { className: "button", href }, text));
  }

  /** @param {LocatedFeature} location */
  #draw(location) {
    const { geometry, properties } = location;
    this.drawing.clearLayers();
    if (!geometry) return;
    const shape = L.geoJSON(location, {
      pane: "found",
      style: { color: "#0072b2", weight: 7, opacity: 0.55 },
      pointToLayer: (_feature, position) => positionMarker(position),
    }).addTo(this.drawing);
    const bounds = shape.getBounds();
    if (geometry.type === "Point") {
      const pointZoom = properties.accuracy_m > INACCURATE_FROM ? INACCURATE_POINT_ZOOM : POINT_ZOOM;
      this.map.setView(bounds.getCenter(), Math.max(this.map.getZoom(), pointZoom));
    } else this.map.fitBounds(bounds.pad(0.4), { maxZoom: 14 });
  }

  /** @param {Child[]} content */
  #show(...content) {
    const close = { "aria-label": message("close"), onclick: () => this.close() };
    const button = element("button", { className: "button plain close", type: "button", ...close }, "✕");
    this.results.replaceChildren(...present(content), button);
    this.results.hidden = false;
  }
}

/**
 * The dot that marks a located position.
 * @param {L.LatLngExpression} position
 */
export function positionMarker(position) {
  const html = element("div", { className: "here" });
  const icon = L.divIcon({ className: "", html, iconSize: [0, 0] });
  return L.marker(position, { interactive: false, keyboard: false, icon });
}
