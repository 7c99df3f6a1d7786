// The address box: Enter asks where it is, several answers are offered, the one found is drawn with its values.

import { ask, query } from "./http.js";
import { distance, h, say } from "./page.js";

/** What there is to say about a found place, as short phrases. */
export function phrasesOf(p) {
  return [
    p.border ? say(p.border) : null,
    p.length_m ? say("length", { d: approximately(p) + distance(p.length_m) }) : null,
    p.on_line ? say("on_line") : p.distance_to_line_m > 0 ? say("distance_to_line", { d: distance(p.distance_to_line_m) }) : null,
    p.nearest_marker && p.nearest_marker !== p.address ? say("nearest_marker", { marker: p.nearest_marker }) : null,
    p.accuracy_m ? say("accuracy", { d: distance(p.accuracy_m) }) : null,
    p.address_accuracy_m ? say("address_accuracy", { d: distance(p.address_accuracy_m) }) : null,
    p.position_source === "assumed" ? say("position_assumed") : null,
  ].filter(Boolean);
}

/** "≈ " before what is known only through an assumed position. */
export const approximately = (p) => (p.position_source === "assumed" || p.address_accuracy_m ? "≈ " : "");

/** The same point in the three systems, each as `[name, text]`. */
function systemsOf(p) {
  const { wgs84, utm, vn2000 } = p.systems ?? p;
  return [
    wgs84 ? ["WGS 84", typeof wgs84 === "string" ? wgs84 : `${wgs84.lat.toFixed(6)}, ${wgs84.lon.toFixed(6)} · ${wgs84.dms}`] : null,
    utm ? ["UTM", typeof utm === "string" ? utm : `${utm.zone} · E ${utm.east.toFixed(1)} · N ${utm.north.toFixed(1)}`] : null,
    vn2000 ? ["VN-2000", typeof vn2000 === "string" ? vn2000
      : `${say("meridian_short", { m: meridianText(vn2000.central_meridian), w: vn2000.width })} · ${say("northing")} ${vn2000.x.toFixed(3)} · ${say("easting")} ${vn2000.y.toFixed(3)}`] : null,
  ].filter(Boolean);
}

/** A meridian as it is written: 105.75 is 105°45'. */
export function meridianText(value) {
  if (typeof value !== "number") return String(value).replace("′", "'");
  const minutes = Math.round((value % 1) * 60);
  return `${Math.floor(value)}°${String(minutes).padStart(2, "0")}'`;
}

export const locate = (values, options) => ask(query("/api/locate", values), options).then(({ data }) => data);

const NEIGHBOURS = 3;

/** The nearest other meridians under which the same VN-2000 values would lie near the border: `{meridian, text}`. */
export function otherZones(answer) {
  const zones = answer.other_zones ?? answer.features?.[0]?.properties?.other_zones ?? [];
  return zones.slice(0, NEIGHBOURS).map((zone) => {
    const meridian = meridianText(zone.meridian);
    return { meridian, text: `${meridian} → ${zone.address ?? `${zone.lat.toFixed(5)}, ${zone.lon.toFixed(5)}`}` };
  });
}

export class AddressBox {
  constructor(map, { border, changed }) {
    Object.assign(this, { map, border, changed });
    this.form = document.getElementById("search");
    this.input = document.getElementById("q");
    this.board = document.getElementById("found");
    this.drawn = L.layerGroup().addTo(map);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go(this.input.value);
    });
    this.input.addEventListener("input", () => this.input.value || this.clear());
  }

  async go(text) {
    text = text.trim();
    this.input.value = text;
    if (!text) return this.clear();
    this.changed(text);
    this.#say(h("p", { className: "quiet" }, say("loading", { what: text })));
    let answer;
    try {
      answer = await locate({ q: text, border: this.border() });
    } catch (error) {
      this.drawn.clearLayers();
      const near = error.problem?.numbers ?? error.problem?.nearest ?? [];
      this.#say(h("p", {}, error.message), near.length ? h("p", { className: "actions" }, ...near.slice(0, 6).map((one) => this.#try(one))) : null);
      return;
    }
    const places = answer.features;
    if (places.length === 1) return this.#show(places[0], answer);
    this.drawn.clearLayers();
    this.#say(h("p", { className: "quiet" }, say("candidates", { n: places.length })),
      ...places.map((place) => h("button", { className: "candidate", type: "button", onclick: () => this.#show(place, answer) },
        h("b", {}, approximately(place.properties) + (place.properties.address ?? text)), " ", h("span", { className: "quiet" }, phrasesOf(place.properties).join(" · ")))));
  }

  clear() {
    this.drawn.clearLayers();
    this.board.hidden = true;
    this.changed("");
  }

  close() {
    if (this.board.hidden) return false;
    this.board.hidden = true;
    return true;
  }

  #try(one) {
    const text = String(one.number ?? one);
    return h("button", { className: "button", type: "button", onclick: () => this.go(text) }, text);
  }

  #show(place, answer) {
    const p = place.properties;
    this.drawn.clearLayers();
    if (place.geometry) {
      const shape = L.geoJSON(place, {
        pane: "found",
        style: { color: "#0072b2", weight: 7, opacity: 0.55 },
        pointToLayer: (_, at) => L.marker(at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "", html: h("div", { className: "here" }), iconSize: [0, 0] }) }),
      }).addTo(this.drawn);
      const bounds = shape.getBounds();
      if (place.geometry.type === "Point") this.map.setView(bounds.getCenter(), Math.max(this.map.getZoom(), p.accuracy_m > 2000 ? 11 : 13));
      else this.map.fitBounds(bounds.pad(0.4), { maxZoom: 14 });
    }
    const systems = systemsOf(p).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]);
    const zones = otherZones(answer);
    this.#say(
      h("h3", {}, approximately(p) + (p.address ?? "")),
      h("p", { className: "quiet" }, phrasesOf(p).join(" · ")),
      place.geometry ? null : h("p", {}, say("nowhere")),
      systems.length ? h("dl", { className: "facts" }, ...systems) : null,
      zones.length ? h("div", {}, h("p", { className: "quiet" }, say("other_zones")), h("ul", {}, ...zones.map(({ text }) => h("li", {}, text)))) : null,
      document.querySelector('[data-key="n"]') ? h("p", { className: "actions" }, h("a", { className: "button", href: query("/incidents/new", { q: this.input.value, border: p.border }) }, say("report_here"))) : null,
    );
  }

  #say(...content) {
    this.board.replaceChildren(...content.filter(Boolean), h("button", { className: "button plain close", type: "button", "aria-label": say("close"), onclick: () => this.close() }, "✕"));
    this.board.hidden = false;
  }
}
