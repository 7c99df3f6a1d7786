// The layers on the map: fetched from the doors, drawn by shape and colour, labelled where there is room.
// A small layer is fetched whole and shared with the list; a larger one, and the marker numbers, by the window; one of
// which the window holds more than a list is for is drawn from tiles.

import { ask, collection, query } from "../core/http.js";
import { card, colourOf, fieldOf, isAssumed, labelFor, markOf, titleOf, wordOf } from "../core/labels.js";
import { mark } from "../core/marks.js";
import { Crowd } from "./tile_layer.js";
import { afterQuiet, h, notice, said, say } from "../core/page.js";

const LIMIT = 250; // rows of a list: a quarter of a megabyte
export const EVERY_NUMBER = 11; // from this zoom a marker of which nothing is known is drawn too
// Who keeps its label, and the spot itself, when several things stand at one place.
const RANK = ["incidents", "works", "tasks", "gates", "crossings", "posts", "areas", "sectors", "markers"];
const rank = (layer) => (RANK.includes(layer) ? RANK.indexOf(layer) : RANK.length);

export class Overlays {
  /** `asked(layer)` gives the filters; `pick`, `hover` and `changed` tell the page what happened. */
  constructor(map, { asked, pick, hover, changed }) {
    Object.assign(this, { map, asked, pick, hover, changed });
    this.shown = new Map(); // layer → {features, whole, more, group, stands, crowd, asking, wrong}
    this.arrange = afterQuiet(30, () => this.#arrange());
    document.fonts.addEventListener("loadingdone", () => (widths.clear(), this.arrange()));
    map.on("moveend", afterQuiet(150, () => this.#follow()));
    map.on("zoomend moveend", this.arrange);
    map.on("click", (event) => this.#clicked(event));
  }

  rows(layer) {
    return this.shown.get(layer)?.features ?? [];
  }

  state(layer) {
    return this.shown.get(layer) ?? null;
  }

  find(id) {
    for (const [layer, { features }] of this.shown) {
      const feature = features.find((one) => one.id === id);
      if (feature) return { layer, feature };
    }
    return null;
  }

  async show(layer) {
    if (!this.shown.has(layer)) {
      this.shown.set(layer, { features: [], whole: layer !== "markers", more: false, loaded: false, group: L.layerGroup().addTo(this.map), stands: new Map() });
    }
    await this.load(layer);
  }

  hide(layer) {
    const state = this.shown.get(layer);
    state?.asking?.abort();
    state?.group.remove();
    state?.crowd?.remove();
    this.shown.delete(layer);
    this.arrange();
    this.changed(layer);
  }

  /** Fetch a layer anew and draw it. What it cannot get it says, with a way to try again. */
  async load(layer, { moved = false } = {}) {
    const state = this.shown.get(layer);
    state.stale ||= !moved;
    state.asking?.abort();
    state.asking = new AbortController();
    const { signal } = state.asking;
    const title = said(card(layer)?.title);
    try {
      let answer = await this.#fetch(layer, state, signal);
      if (state.whole && answer.more) {
        state.whole = false;
        answer = await this.#fetch(layer, state, signal);
      }
      Object.assign(state, answer, { loaded: true, wrong: null });
      notice(`load-${layer}`, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      state.wrong = error;
      notice(`load-${layer}`, `${say("failed", { what: title })}: ${error.message}`, { wrong: true, again: () => this.load(layer) });
    }
    this.#draw(layer);
    this.changed(layer);
  }

  async #fetch(layer, state, signal) {
    const asked = { ...this.asked(layer) };
    if (layer === "markers" && this.map.getZoom() < EVERY_NUMBER && !asked.condition) {
      const known = (fieldOf(layer, "condition")?.codes ?? []).map((code) => code.value).filter((value) => value !== "unknown");
      if (known.length) asked.condition = known;
    }
    if (!state.whole) asked.bbox = this.map.getBounds().pad(0.15).toBBoxString();
    const { data } = await ask(query(collection(layer), { ...asked, limit: LIMIT }), { signal });
    return { asked, features: data.features, more: (data.links ?? []).some((link) => link.rel === "next") };
  }

  /** More than a list is for: marks and counts from tiles, by the same filters. */
  #gather(layer, state) {
    const { bbox: _window, ...asked } = state.asked ?? {};
    const wanted = state.more ? JSON.stringify(asked) : null;
    if (state.crowd && state.crowd.wanted === wanted && !state.stale) return;
    state.stale = false;
    state.crowd?.remove();
    state.crowd = wanted === null ? null : Object.assign(new Crowd(layer, asked, () => this.changed(layer)), { wanted }).addTo(this.map);
    state.crowd?.on("tileerror", () => notice(`load-${layer}`, say("failed", { what: said(card(layer)?.title) }), { wrong: true, again: () => this.load(layer) }));
  }

  /** What was clicked among what tiles draw: a thing is picked, a ring is looked into. */
  #clicked({ containerPoint, originalEvent }) {
    if (this.map.getContainer().style.cursor) return; // somebody is showing a place
    for (const [layer, { crowd }] of this.shown) {
      const found = crowd?.near(containerPoint);
      if (!found) continue;
      L.DomEvent.stop(originalEvent);
      if (found.properties.id) this.pick(layer, { id: found.properties.id });
      else this.map.setView(found.at, this.map.getZoom() + 2);
      return;
    }
  }

  #follow() {
    for (const [layer, state] of this.shown) if (!state.whole) this.load(layer, { moved: true });
  }

  #draw(layer) {
    const state = this.shown.get(layer);
    if (!state) return;
    state.group.clearLayers();
    state.stands.clear();
    this.#gather(layer, state);
    for (const feature of state.crowd ? [] : state.features) {
      if (!feature.geometry) continue;
      this.#shape(layer, feature, state.group);
      const stand = this.#stand(layer, feature);
      if (!stand) continue;
      stand.addTo(state.group);
      state.stands.set(feature.id, stand);
    }
    this.arrange();
  }

  /** The extent of a thing that is more than a point. */
  #shape(layer, feature, group) {
    if (/Point$/.test(feature.geometry.type)) return;
    const colour = colourOf(layer, feature);
    const flat = /Polygon/.test(feature.geometry.type);
    L.geoJSON(feature, {
      pane: flat ? "areas" : layer === "sectors" ? "sectors" : "sections",
      bubblingMouseEvents: false,
      style: flat
        ? { color: colour, weight: 1.6, fillColor: colour, fillOpacity: 0.1, dashArray: isAssumed(feature) ? "5 4" : null }
        : { color: colour, weight: layer === "sectors" ? 11 : 5, opacity: layer === "sectors" ? 0.28 : 0.75, lineCap: "butt", dashArray: feature.properties.demarcated === false ? "10 6" : null },
    }).on("click", () => this.pick(layer, feature)).addTo(group);
  }

  #stand(layer, feature) {
    const at = anchorOf(feature.geometry);
    if (!at) return null;
    const quiet = layer === "markers" && feature.properties.condition === "unknown";
    const text = labelFor(layer, feature);
    // Handling gives an incident its colour; what is grave carries its severity as a second, small mark.
    const grave = ["high", "critical"].includes(feature.properties.severity) ? wordOf(layer, "severity", feature.properties.severity)?.mark : null;
    const body = h("div", { className: `stand ${layer}${quiet ? " small" : ""}` }, markOf(layer, feature), grave ? h("span", { className: "grave" }, mark(grave)) : null, h("span", { className: "label" }, text));
    const stand = L.marker(at, {
      icon: L.divIcon({ className: "", html: body, iconSize: [0, 0] }),
      keyboard: !quiet,
      riseOnHover: true,
      zIndexOffset: (RANK.length - rank(layer)) * 1000,
    });
    Object.assign(stand, { body, text, layer, feature });
    stand.on("click", () => this.pick(layer, feature));
    stand.on("keypress", (event) => event.originalEvent.key === "Enter" && this.pick(layer, feature, true));
    stand.on("mouseover", () => this.hover(feature.id, true));
    stand.on("mouseout", () => this.hover(feature.id, false));
    stand.on("add", () => stand.getElement()?.setAttribute("aria-label", `${said(card(layer)?.title)}: ${titleOf(layer, feature)}`));
    return stand;
  }

  /** Raise a thing on the map, or let it sink again. */
  heat(id, hot) {
    for (const { stands } of this.shown.values()) stands.get(id)?.getElement()?.classList.toggle("hot", hot);
  }

  positionOf(feature) {
    return feature.geometry ? anchorOf(feature.geometry) : null;
  }

  /** Put things that share a spot side by side, then give labels the room there is. */
  #arrange() {
    const view = this.map.getBounds().pad(0.05);
    const stands = [...this.shown.values()].flatMap(({ stands }) => [...stands.values()]).filter((stand) => view.contains(stand.getLatLng()));
    stands.sort((a, b) => rank(a.layer) - rank(b.layer));
    const spots = new Map();
    const boxes = [];
    const shown = [];
    for (const stand of stands) {
      const at = this.map.latLngToContainerPoint(stand.getLatLng());
      const key = `${Math.round(at.x / 5)},${Math.round(at.y / 5)}`;
      const before = spots.get(key) ?? 0;
      const quiet = stand.body.classList.contains("small");
      // A stone of which nothing is known need not stand beside the work that is about it.
      stand.body.hidden = quiet && before > 0;
      if (stand.body.hidden) continue;
      spots.set(key, before + 1);
      at.x += before * 20;
      stand.body.style.left = `${before * 20}px`;
      const size = quiet ? 7 : 11;
      boxes.push([at.x - size, at.y - size, at.x + size, at.y + size]);
      shown.push({ stand, at, quiet });
    }
    const said = [];
    for (const { stand, at, quiet } of shown) {
      const label = stand.body.querySelector(".label");
      const wide = width(stand.text, LOUD.includes(stand.layer) ? 700 : 400, quiet ? 12 : 13) + 6;
      const gap = quiet ? 10 : 15;
      const ways = [
        ["", [at.x + gap, at.y - 9, at.x + gap + wide, at.y + 9]],
        ["left", [at.x - gap - wide, at.y - 9, at.x - gap, at.y + 9]],
        ["above", [at.x - wide / 2, at.y - 32, at.x + wide / 2, at.y - 13]],
        ["below", [at.x - wide / 2, at.y + 13, at.x + wide / 2, at.y + 32]],
      ];
      const twice = said.some((one) => one.text === stand.text && Math.hypot(one.at.x - at.x, one.at.y - at.y) < 70);
      const free = stand.text && !twice ? ways.find(([, box]) => !boxes.some((other) => overlap(box, other))) : null;
      label.className = `label ${free ? free[0] : "covered"}`;
      if (!free) continue;
      boxes.push(free[1]);
      said.push({ text: stand.text, at });
    }
  }
}

const LOUD = ["gates", "crossings"];
const TYPEFACE = getComputedStyle(document.documentElement).fontFamily;
const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** How wide a label is in the typeface that is there. */
function width(text = "", weight, size) {
  const key = `${weight} ${size}px ${text}`;
  if (!widths.has(key)) {
    pen.font = `${weight} ${size}px ${TYPEFACE}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Where the mark of a geometry stands: the point, the middle of a line, the middle of an area's outline box. */
function anchorOf(geometry) {
  if (geometry.type === "Point") return L.latLng(geometry.coordinates[1], geometry.coordinates[0]);
  const lines = { LineString: [geometry.coordinates], MultiLineString: geometry.coordinates }[geometry.type];
  if (lines) {
    const points = lines.flat();
    const middle = points[Math.floor(points.length / 2)];
    return middle ? L.latLng(middle[1], middle[0]) : null;
  }
  const bounds = L.geoJSON(geometry).getBounds();
  return bounds.isValid() ? bounds.getCenter() : null;
}
