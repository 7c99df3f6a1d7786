// The form control for a position: a marker address or coordinates as text, a tap on the map, or the device's GPS. It
// shows at once the location that the server finds, and submits what was entered.

import { positionMarker } from "../core/address_box.js";
import { debounce } from "../core/debounce.js";
import { element } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { approximateSign, coordinateText, locate, locationPhrases, otherZones } from "../core/locate.js";
import { message } from "../core/page.js";
import { Vn2000Zone } from "./vn2000_zone.js";

const GPS_OPTIONS = { enableHighAccuracy: true, timeout: 20_000, maximumAge: 10_000 };
const MAX_CIRCLE_RADIUS = 50_000; // metres; a greater accuracy is not drawn

const GPS_ZOOM = 15;
const POINT_ZOOM = 13;
const INACCURATE_POINT_ZOOM = 11;
const INACCURATE_FROM = 2000; // metres of accuracy

export class AddressInput {
  /** @type {Position | null} A tapped or measured position. */
  position = null;

  /** @type {LocatedFeature | null} The location that the server found. */
  #location = null;

  /** Whether the server found several locations and none is chosen yet. */
  #ambiguous = false;

  /** @type {AbortController | null} */
  #pending = null;

  /**
   * @param {HTMLElement} root Its content is replaced by the control.
   * @param {L.Map | null} map A tap on it sets the position; without a map, only text and GPS do.
   * @param {{ title?: string, border?: string | null, onChange?: () => void }} [options] `border` is the
   *   border of marker numbers without one.
   */
  constructor(root, map, { title = message("place"), border = null, onChange = () => {} } = {}) {
    this.root = root;
    this.map = map;
    this.border = border;
    this.onChange = onChange;
    this.drawing = map ? L.layerGroup().addTo(map) : null;
    this.input = element("input", {
      type: "text",
      id: document.getElementById("place-text") ? null : "place-text", // of the first control on a page
      maxlength: "200",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: message("place_hint"),
      "aria-label": title,
    });
    this.zone = new Vn2000Zone(() => this.#readText());
    this.status = element("div", { role: "status", "aria-live": "polite" });
    const useGps = () => this.#useGps();
    const gps = element("button", { className: "button", type: "button", onclick: useGps }, message("place_gps"));
    const ways = element("div", { className: "ways" }, gps, map ? message("place_tap") : null);
    root.replaceChildren(this.status, this.input, this.zone.root, ways);
    this.input.addEventListener(
      "input",
      debounce(400, () => this.#readText()),
    );
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#readText();
    });
    map?.on("click", this.#onTap);
    map?.getContainer().style.setProperty("cursor", "crosshair");
  }

  remove() {
    this.map?.off("click", this.#onTap);
    this.map?.getContainer().style.removeProperty("cursor");
    this.drawing?.remove();
  }

  /** What has been entered, for a draft. */
  entered() {
    return { text: this.input.value, border: this.border, position: this.position };
  }

  clear() {
    this.input.value = "";
    this.#open();
    this.#readText();
  }

  /**
   * Set an address from the URL or from a draft.
   * @param {string} text
   * @param {string | null} [border]
   */
  setText(text, border = null) {
    this.input.value = text;
    this.border = border ?? this.border;
    this.#readText();
  }

  /**
   * Set a position from a draft.
   * @param {Position} position
   */
  setPosition(position) {
    this.#usePosition(position);
  }

  /**
   * The position as the server expects it; null while there is none.
   * @returns {PositionInput | null}
   */
  value() {
    if (this.position) {
      const { lat, lon, source, accuracy } = this.position;
      return {
        geometry: { type: "Point", coordinates: [Number(lon.toFixed(6)), Number(lat.toFixed(6))] },
        position_source: source,
        ...(accuracy ? { accuracy_m: Math.round(accuracy) } : {}),
      };
    }
    if (!this.#location) return null;
    const { kind, address, border } = this.#location.properties;
    const text = this.#query();
    if (kind === "coordinate") return { place: { text } };
    /** @type {{ text: string, border?: string, written?: string }} */
    const place = { text: address ?? text };
    if (border) place.border = border;
    if (place.text !== text) place.written = text; // the server stores the text that was entered beside the address
    return { place };
  }

  /**
   * Show an error of the position.
   * @param {string} text
   */
  showError(text) {
    this.status.querySelector(".field-fault")?.remove();
    this.root.classList.add("wrong");
    this.#open();
    const error = this.#ambiguous ? message("place_choose") : text;
    this.status.append(element("p", { className: "field-fault" }, error));
    if (!this.#ambiguous) this.input.focus();
  }

  #onTap = (/** @type {L.LeafletMouseEvent} */ { latlng }) =>
    this.#usePosition({ lat: latlng.lat, lon: latlng.lng, source: "map" });

  /** The text with the chosen zone of VN-2000. */
  #query() {
    return this.zone.applyTo(this.input.value.trim());
  }

  async #readText() {
    const text = this.input.value.trim();
    this.position = null;
    this.#location = null;
    this.#ambiguous = false;
    this.zone.showFor(text);
    this.root.classList.remove("wrong");
    this.drawing?.clearLayers();
    if (!text) {
      this.status.replaceChildren();
      return this.onChange();
    }
    this.#showStatus(message("place_searching"));
    await this.#locate({ q: this.#query(), border: this.border });
  }

  /** @param {Position} position */
  async #usePosition(position) {
    this.position = position;
    this.#location = null;
    this.input.value = "";
    this.zone.hide();
    this.root.classList.remove("wrong");
    this.#drawPoint([position.lat, position.lon], position.accuracy);
    this.#showStatus(message("place_searching"));
    await this.#locate({ lon: position.lon.toFixed(6), lat: position.lat.toFixed(6) });
  }

  #useGps() {
    const refused = () => this.#showStatus(message("place_gps_refused"));
    if (!navigator.geolocation) return refused();
    this.#showStatus(message("place_gps_wait"));
    navigator.geolocation.getCurrentPosition(
      ({ coords: { latitude, longitude, accuracy } }) => {
        this.map?.setView([latitude, longitude], Math.max(this.map.getZoom(), GPS_ZOOM));
        this.#usePosition({ lat: latitude, lon: longitude, source: "gps", accuracy });
      },
      refused,
      GPS_OPTIONS,
    );
  }

  /** @param {Record<string, string | null>} values */
  async #locate(values) {
    this.#pending?.abort();
    this.#pending = new AbortController();
    let response;
    try {
      response = await locate(values, { signal: this.#pending.signal });
    } catch (error) {
      if (error.name !== "AbortError") this.#showLocateError(error);
      return;
    }
    if (response.features.length === 1 || this.position) return this.#settle(response.features[0], response);
    this.#open();
    this.#ambiguous = true;
    const count = message("candidates", { n: response.features.length });
    this.status.replaceChildren(
      element("p", { className: "about" }, count),
      ...response.features.map((location) => this.#candidate(location, response)),
    );
    this.onChange();
  }

  /** @param {Error & { status?: number }} error */
  #showLocateError(error) {
    this.#open();
    this.status.replaceChildren(
      this.position ? this.#coordinates() : "",
      element("p", { className: "field-fault" }, error.message),
    );
    if (!this.position || error.status === 422) this.root.classList.add("wrong");
    if (error.status === 422) this.position = null;
    this.onChange();
  }

  /**
   * @param {LocatedFeature} location
   * @param {LocateResponse} response
   */
  #candidate(location, response) {
    const settle = () => this.#settle(location, response);
    const text = `${location.properties.address ?? ""} · ${locationPhrases(location.properties)[0] ?? ""}`;
    return element("button", { className: "button candidate", type: "button", onclick: settle }, text);
  }

  /**
   * Choose a location and show it.
   * @param {LocatedFeature | undefined} location
   * @param {LocateResponse} response
   */
  #settle(location, response) {
    this.#ambiguous = false;
    this.root.classList.remove("wrong");
    this.#location = location ?? null;
    const p = location?.properties ?? {};
    const phrases = locationPhrases(this.position ? { ...p, accuracy_m: null } : p);
    if (this.position) phrases.push(sourceText(this.position));
    const edit = () => {
      this.#open();
      this.input.focus();
    };
    const editButton = element(
      "button",
      { className: "button plain", type: "button", onclick: edit },
      `${message("edit")} ▾`,
    );
    const address = p.address
      ? element("p", { className: "said" }, approximateSign(p) + p.address)
      : this.#coordinates();
    this.root.classList.add("settled");
    this.status.replaceChildren(
      element("div", { className: "head" }, address, editButton),
      element("p", { className: "about" }, phrases.join(" · ")),
      this.#zoneChoices(response),
    );
    if (location?.geometry && !this.position) this.#drawLocation(location);
    this.onChange();
  }

  /** @param {LocateResponse} response */
  #zoneChoices(response) {
    const buttons = otherZones(response).map(({ meridian, text }) => {
      const choose = () => this.#chooseMeridian(meridian);
      return element("button", { className: "button", type: "button", onclick: choose }, text);
    });
    if (!buttons.length) return "";
    const actions = element("div", { className: "actions" }, ...buttons);
    return element("div", { className: "refusal" }, element("p", {}, message("other_zones")), actions);
  }

  /**
   * Locate the same coordinates under another central meridian.
   * @param {string} meridian
   */
  #chooseMeridian(meridian) {
    this.zone.choose(meridian);
    this.input.value = this.input.value.replace(/^.*?(?=[xy]\s*=)/i, "");
    this.#readText();
  }

  /** Show the inputs for a position, which are hidden once a location is chosen. */
  #open() {
    this.root.classList.remove("settled");
  }

  #coordinates() {
    return element("p", { className: "said" }, this.position ? coordinateText(this.position) : this.input.value);
  }

  /** @param {LocatedFeature} location */
  #drawLocation(location) {
    const { geometry, properties } = location;
    if (!this.map || !this.drawing) return;
    this.drawing.clearLayers();
    if (geometry?.type === "Point") {
      const [lon, lat] = geometry.coordinates;
      this.#drawPoint([lat, lon], properties.accuracy_m);
      const pointZoom = properties.accuracy_m > INACCURATE_FROM ? INACCURATE_POINT_ZOOM : POINT_ZOOM;
      this.map.setView([lat, lon], Math.max(this.map.getZoom(), pointZoom));
    } else {
      const style = { color: "#0072b2", weight: 7, opacity: 0.55 };
      const shape = L.geoJSON(location, { pane: "found", interactive: false, style }).addTo(this.drawing);
      this.map.fitBounds(shape.getBounds().pad(0.4), { maxZoom: 14 });
    }
  }

  /**
   * @param {[number, number]} point Latitude and longitude.
   * @param {number | null | undefined} accuracy Metres.
   */
  #drawPoint(point, accuracy) {
    if (!this.drawing) return;
    this.drawing.clearLayers();
    if (accuracy && accuracy > 0 && accuracy < MAX_CIRCLE_RADIUS) {
      const style = { color: "#0072b2", weight: 1, opacity: 0.5, fillOpacity: 0.12 };
      L.circle(point, { pane: "found", radius: accuracy, interactive: false, ...style }).addTo(this.drawing);
    }
    positionMarker(point).addTo(this.drawing);
  }

  /** @param {string} text */
  #showStatus(text) {
    this.status.replaceChildren(element("p", { className: "about" }, text));
  }
}

/** @param {Position} position */
function sourceText({ source, accuracy }) {
  if (source !== "gps") return message("place_from_map");
  return `GPS ±${formatNumber(Math.round(accuracy ?? 0))} m`;
}
