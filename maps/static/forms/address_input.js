// One control for a place, however it is known: an address or coordinates as text, a tap on the map, or GPS.
// It shows at once what was understood, and gives the doors exactly what was said.

import { afterQuiet, h, number, say } from "../core/page.js";
import { approximately, locate, otherZones, phrasesOf } from "../core/address_box.js";

// Central meridians of the border provinces' VN-2000 zones (Circular 973/2001/TT-TCĐC and later provincial ones).
const MERIDIANS = ["102°00'", "103°00'", "104°00'", "104°30'", "104°45'", "105°00'", "105°30'", "105°45'", "106°00'", "106°15'", "106°30'", "107°00'", "107°15'", "107°30'", "107°45'", "108°00'", "108°15'", "108°30'"];
const LOOKS_LIKE_VN2000 = /(^|\s)[xy]\s*=|^\s*\d{6,7}([.,]\d+)?[\s;,]+\d{6,7}([.,]\d+)?\s*$/i;

export class PlaceControl {
  /** `root` is filled; `map` takes taps; `border` and `meridian` are first guesses that the reader can change. */
  constructor(root, map, { title = say("place"), border = null, changed = () => {} } = {}) {
    Object.assign(this, { root, map, border, changed });
    this.point = null; // {lat, lon, source, accuracy}
    this.chosen = null; // the candidate that was understood
    this.drawn = L.layerGroup().addTo(map);
    this.input = h("input", { type: "text", id: "place-text", maxlength: "200", autocomplete: "off", spellcheck: "false", placeholder: say("place_hint"), "aria-label": title });
    this.meridian = h("select", { "aria-label": say("meridian") }, h("option", { value: "" }, say("choose")), ...MERIDIANS.map((one) => h("option", { value: one }, one)));
    this.width = h("select", { "aria-label": say("zone_width") }, h("option", { value: "3" }, say("zone_3")), h("option", { value: "6" }, say("zone_6")));
    this.zone = h("div", { className: "zone", hidden: true }, h("label", {}, say("meridian"), this.meridian), h("label", {}, say("zone_width"), this.width));
    this.board = h("div", { role: "status", "aria-live": "polite" });
    this.gps = h("button", { className: "button", type: "button", onclick: () => this.#gps() }, say("place_gps"));
    root.replaceChildren(this.board, this.input, this.zone, h("div", { className: "ways" }, this.gps, say("place_tap")));
    this.input.addEventListener("input", afterQuiet(400, () => this.#typed()));
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#typed();
    });
    for (const select of [this.meridian, this.width]) select.addEventListener("change", () => this.#typed());
    this.tap = (event) => this.#take({ lat: event.latlng.lat, lon: event.latlng.lng, source: "map" });
    map.on("click", this.tap);
    map.getContainer().style.cursor = "crosshair";
  }

  remove() {
    this.map.off("click", this.tap);
    this.map.getContainer().style.cursor = "";
    this.drawn.remove();
  }

  /** Start from an address that came with the page. */
  say(text, border = null) {
    this.input.value = text;
    this.border = border ?? this.border;
    this.#typed();
  }

  /** Start from a point that was shown before: `{lat, lon, source, accuracy}`. */
  at(point) {
    this.#take(point);
  }

  /** What the doors take for a place, or null while there is none. */
  value() {
    if (this.point) {
      const { lat, lon, source, accuracy } = this.point;
      return {
        geometry: { type: "Point", coordinates: [Number(lon.toFixed(6)), Number(lat.toFixed(6))] },
        position_source: source,
        ...(accuracy ? { accuracy_m: Math.round(accuracy) } : {}),
      };
    }
    if (!this.chosen) return null;
    const p = this.chosen.properties;
    const place = { text: p.kind === "coordinate" ? this.#asked() : p.address ?? this.#asked() };
    if (p.border && p.kind !== "coordinate") place.border = p.border;
    // The chosen meaning is the place; what was written is kept beside it.
    if (place.text !== this.#asked()) place.written = this.#asked();
    return { place };
  }

  /** Show a fault that the doors found in the place. */
  wrong(text) {
    if (this.offered) text = say("place_choose");
    this.board.querySelector(".field-fault")?.remove();
    this.root.classList.add("wrong");
    this.#open();
    this.board.append(h("p", { className: "field-fault" }, text));
    if (!this.offered) this.input.focus();
  }

  #asked() {
    const text = this.input.value.trim();
    if (this.zone.hidden || !this.meridian.value || /°/.test(text)) return text;
    const named = /[xy]\s*=/i.test(text) ? text : text.replace(/^\s*(\S+?)[\s;,]+(\S+)\s*$/, "X=$1 Y=$2");
    return `VN-2000 ${this.meridian.value} ${this.width.value === "6" ? "múi 6 " : ""}${named.replace(/^VN-?2000\s*/i, "")}`;
  }

  async #typed() {
    const text = this.input.value.trim();
    this.point = null;
    this.chosen = null;
    this.offered = false;
    this.zone.hidden = !LOOKS_LIKE_VN2000.test(text);
    this.root.classList.remove("wrong");
    this.drawn.clearLayers();
    if (!text) {
      this.board.replaceChildren();
      return this.changed();
    }
    this.#wait(say("place_looking"));
    await this.#understand({ q: this.#asked(), border: this.border });
  }

  async #take(point) {
    this.point = point;
    this.chosen = null;
    this.input.value = "";
    this.zone.hidden = true;
    this.root.classList.remove("wrong");
    this.#mark([point.lat, point.lon], point.accuracy);
    this.#wait(say("place_looking"));
    await this.#understand({ lon: point.lon.toFixed(6), lat: point.lat.toFixed(6) });
  }

  #gps() {
    if (!navigator.geolocation) return this.#wait(say("place_gps_refused"));
    this.#wait(say("place_gps_wait"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        this.map.setView([coords.latitude, coords.longitude], Math.max(this.map.getZoom(), 15));
        this.#take({ lat: coords.latitude, lon: coords.longitude, source: "gps", accuracy: coords.accuracy });
      },
      () => this.#wait(say("place_gps_refused")),
      { enableHighAccuracy: true, timeout: 20_000, maximumAge: 10_000 },
    );
  }

  async #understand(values) {
    this.asking?.abort();
    this.asking = new AbortController();
    let answer;
    try {
      answer = await locate(values, { signal: this.asking.signal });
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#open();
      this.board.replaceChildren(this.point ? this.#coordinates() : "", h("p", { className: "field-fault" }, error.message));
      if (!this.point || error.status === 422) this.root.classList.add("wrong");
      if (error.status === 422) this.point = null;
      return this.changed();
    }
    if (answer.features.length === 1 || this.point) return this.#settle(answer.features[0], answer);
    this.#open();
    this.offered = true;
    this.board.replaceChildren(h("p", { className: "about" }, say("candidates", { n: answer.features.length })),
      ...answer.features.map((place) => h("button", { className: "button candidate", type: "button", onclick: () => this.#settle(place, answer) },
        `${place.properties.address ?? ""} · ${phrasesOf(place.properties).slice(0, 1).join("")}`)));
    this.changed();
  }

  #settle(place, answer) {
    this.offered = false;
    this.root.classList.remove("wrong");
    this.chosen = place;
    const p = place?.properties ?? {};
    const from = this.point ? (this.point.source === "gps" ? `GPS ±${number(Math.round(this.point.accuracy ?? 0))} m` : say("place_from_map")) : null;
    const zones = otherZones(answer);
    const about = phrasesOf(this.point ? { ...p, accuracy_m: null } : p).concat(from ?? []);
    const again = h("button", { className: "button plain", type: "button", onclick: () => (this.#open(), this.input.focus()) }, `${say("edit")} ▾`);
    this.root.classList.add("settled");
    this.board.replaceChildren(
      h("div", { className: "head" }, p.address ? h("p", { className: "said" }, approximately(p) + p.address) : this.#coordinates(), again),
      h("p", { className: "about" }, about.join(" · ")),
      zones.length ? h("div", { className: "refusal" }, h("p", {}, say("other_zones")), h("div", { className: "actions" }, ...zones.map(({ meridian, text }) => h("button", { className: "button", type: "button", onclick: () => this.#otherMeridian(meridian) }, text)))) : "",
    );
    if (!this.point && place?.geometry) {
      this.drawn.clearLayers();
      if (place.geometry.type === "Point") {
        const [lon, lat] = place.geometry.coordinates;
        this.#mark([lat, lon], p.accuracy_m);
        this.map.setView([lat, lon], Math.max(this.map.getZoom(), p.accuracy_m > 2000 ? 11 : 13));
      } else {
        const line = L.geoJSON(place, { pane: "found", interactive: false, style: { color: "#0072b2", weight: 7, opacity: 0.55 } }).addTo(this.drawn);
        this.map.fitBounds(line.getBounds().pad(0.4), { maxZoom: 14 });
      }
    }
    this.changed();
  }

  /** Read the same values under another central meridian. */
  #otherMeridian(meridian) {
    this.meridian.value = meridian;
    this.zone.hidden = false;
    this.input.value = this.input.value.replace(/^.*?(?=[xy]\s*=)/i, "");
    this.#typed();
  }

  /** Show the ways to say another place again. */
  #open() {
    this.root.classList.remove("settled");
  }

  #coordinates() {
    return h("p", { className: "said" }, this.point ? `${this.point.lat.toFixed(5)}, ${this.point.lon.toFixed(5)}` : this.input.value);
  }

  #mark(at, accuracy) {
    this.drawn.clearLayers();
    if (accuracy > 0 && accuracy < 50_000) L.circle(at, { pane: "found", radius: accuracy, color: "#0072b2", weight: 1, opacity: 0.5, fillOpacity: 0.12, interactive: false }).addTo(this.drawn);
    L.marker(at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "", html: h("div", { className: "here" }), iconSize: [0, 0] }) }).addTo(this.drawn);
  }

  #wait(text) {
    this.board.replaceChildren(h("p", { className: "about" }, text));
  }
}
