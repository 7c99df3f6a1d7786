// The layers on the map and in the list. A layer of at most `LIMIT` features is fetched whole; a larger one, and the
// markers, within the viewport. If the viewport holds more than `LIMIT`, the layer is drawn from vector tiles.

import { debounce } from "../core/debounce.js";
import { itemsPath, request, withQuery } from "../core/http.js";
import { codesOf, layerTitle } from "../core/layer_cards.js";
import { showNotice } from "../core/notices.js";
import { message } from "../core/page.js";
import { clearTextWidths, layOutMarks } from "./label_layout.js";
import { anchorOf, createMark, createShape } from "./map_marks.js";
import { TileLayer } from "./tile_layer.js";

const LIMIT = 250; // features of a request, about a quarter of a megabyte
export const ALL_MARKERS_ZOOM = 11; // from this zoom on markers in unknown condition are drawn too

/** @typedef {Record<string, string | string[]>} Parameters */

/**
 * @typedef {object} LayerState
 * @property {LayerFeature[]} features
 * @property {boolean} whole Whether the layer is fetched whole, not within the viewport.
 * @property {boolean} more Whether there are more features than were fetched.
 * @property {boolean} loaded
 * @property {boolean} stale Whether the tiles must be fetched again.
 * @property {Error | null} error
 * @property {Parameters} parameters The query parameters by which the features were fetched.
 * @property {L.LayerGroup} group
 * @property {Map<string, import("./label_layout.js").MapMark>} marks By the ids of their features.
 * @property {TileLayer | null} tiles
 * @property {string | null} tilesKey The parameters of the tiles, as JSON.
 * @property {AbortController | null} pending
 */

/**
 * @typedef {object} OverlayActions
 * @property {(layer: string) => Parameters} parametersFor The filters of a layer.
 * @property {(layer: string, feature: LayerFeature, byKeyboard?: boolean) => unknown} pick A feature of a
 *   tile has only an id.
 * @property {(id: string, hovered: boolean) => unknown} hover
 * @property {(layer: string) => unknown} onChange Called when a layer has been loaded, drawn or hidden.
 */

export class Overlays {
  /** @type {Map<string, LayerState>} */
  #layers = new Map();

  /**
   * @param {L.Map} map
   * @param {OverlayActions} actions
   */
  constructor(map, actions) {
    this.map = map;
    this.actions = actions;
    const marks = () => [...this.#layers.values()].flatMap((state) => [...state.marks.values()]);
    this.layOut = debounce(30, () => layOutMarks(map, marks()));
    document.fonts.addEventListener("loadingdone", () => {
      clearTextWidths();
      this.layOut();
    });
    map.on(
      "moveend",
      debounce(150, () => this.#reloadViewport()),
    );
    map.on("zoomend moveend", () => this.layOut());
    map.on("click", (event) => this.#onClick(event));
  }

  /** @param {string} layer */
  features(layer) {
    return this.#layers.get(layer)?.features ?? [];
  }

  /** @param {string} layer */
  state(layer) {
    return this.#layers.get(layer) ?? null;
  }

  /**
   * A loaded feature and its layer, or null.
   * @param {string} id
   */
  find(id) {
    for (const [layer, { features }] of this.#layers) {
      const feature = features.find((candidate) => candidate.id === id);
      if (feature) return { layer, feature };
    }
    return null;
  }

  /** @param {string} layer */
  async show(layer) {
    if (!this.#layers.has(layer)) this.#layers.set(layer, emptyState(layer, L.layerGroup().addTo(this.map)));
    await this.load(layer);
  }

  /** @param {string} layer */
  hide(layer) {
    const state = this.#layers.get(layer);
    state?.pending?.abort();
    state?.group.remove();
    state?.tiles?.remove();
    this.#layers.delete(layer);
    this.layOut();
    this.actions.onChange(layer);
  }

  /**
   * Fetch a visible layer and draw it. An error is shown with a button to try again.
   * @param {string} layer
   * @param {{ moved?: boolean }} [options] `moved`: only the viewport has changed.
   */
  async load(layer, { moved = false } = {}) {
    const state = /** @type {LayerState} */ (this.#layers.get(layer));
    state.stale ||= !moved;
    state.pending?.abort();
    state.pending = new AbortController();
    const { signal } = state.pending;
    try {
      let result = await this.#fetch(layer, state, signal);
      if (state.whole && result.more) {
        state.whole = false;
        result = await this.#fetch(layer, state, signal);
      }
      Object.assign(state, result, { loaded: true, error: null });
      showNotice(`load-${layer}`, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      state.error = error;
      this.#showFailure(layer, `: ${error.message}`);
    }
    this.#draw(layer);
    this.actions.onChange(layer);
  }

  /**
   * @param {string} layer
   * @param {string} [detail]
   */
  #showFailure(layer, detail = "") {
    const text = message("failed", { what: layerTitle(layer) }) + detail;
    showNotice(`load-${layer}`, text, { error: true, retry: () => this.load(layer) });
  }

  /**
   * @param {string} layer
   * @param {LayerState} state
   * @param {AbortSignal} signal
   */
  async #fetch(layer, state, signal) {
    const parameters = { ...this.actions.parametersFor(layer) };
    if (layer === "markers" && this.map.getZoom() < ALL_MARKERS_ZOOM && !parameters.condition) {
      const known = codesOf(layer, "condition").filter(({ value }) => value !== "unknown");
      if (known.length) parameters.condition = known.map(({ value }) => value);
    }
    if (!state.whole) parameters.bbox = this.map.getBounds().pad(0.15).toBBoxString();
    const { data } = await request(withQuery(itemsPath(layer), { ...parameters, limit: LIMIT }), { signal });
    /** @type {{ rel: string }[]} */
    const links = data.links ?? [];
    return { parameters, features: data.features, more: links.some(({ rel }) => rel === "next") };
  }

  /**
   * Draw a layer with too many features from tiles, by the same filters.
   * @param {string} layer
   * @param {LayerState} state
   */
  #drawTiles(layer, state) {
    const { bbox: _bbox, ...parameters } = state.parameters;
    const key = state.more ? JSON.stringify(parameters) : null;
    if (state.tiles && state.tilesKey === key && !state.stale) return;
    state.stale = false;
    state.tiles?.remove();
    state.tilesKey = key;
    state.tiles = key === null ? null : new TileLayer(layer, parameters, () => this.actions.onChange(layer));
    state.tiles?.on("tileerror", () => this.#showFailure(layer)).addTo(this.map);
  }

  /**
   * A click near something that tiles draw: select a feature, or zoom in at a ring of counts.
   * @param {L.LeafletMouseEvent} event
   */
  #onClick({ containerPoint, originalEvent }) {
    if (this.map.getContainer().style.cursor) return; // a form takes the click as a position
    for (const [layer, { tiles }] of this.#layers) {
      const nearest = tiles?.nearest(containerPoint);
      if (!nearest) continue;
      L.DomEvent.stop(originalEvent);
      const { id } = nearest.properties;
      if (id) this.actions.pick(layer, { type: "Feature", id, geometry: null, properties: {} });
      else this.map.setView(nearest.at, this.map.getZoom() + 2);
      return;
    }
  }

  #reloadViewport() {
    for (const [layer, state] of this.#layers) if (!state.whole) this.load(layer, { moved: true });
  }

  /** @param {string} layer */
  #draw(layer) {
    const state = this.#layers.get(layer);
    if (!state) return;
    state.group.clearLayers();
    state.marks.clear();
    this.#drawTiles(layer, state);
    for (const feature of state.tiles ? [] : state.features) {
      const pick = (byKeyboard = false) => this.actions.pick(layer, feature, byKeyboard);
      createShape(layer, feature, () => pick())?.addTo(state.group);
      const hover = (/** @type {boolean} */ hovered) => this.actions.hover(feature.id, hovered);
      const mark = createMark(layer, feature, { pick, hover });
      if (!mark) continue;
      mark.marker.addTo(state.group);
      state.marks.set(feature.id, mark);
    }
    this.layOut();
  }

  /**
   * Highlight the mark of a feature, or remove the highlight.
   * @param {string} id
   * @param {boolean} highlighted
   */
  highlight(id, highlighted) {
    for (const { marks } of this.#layers.values()) {
      marks.get(id)?.marker.getElement()?.classList.toggle("hot", highlighted);
    }
  }

  /** @param {LayerFeature} feature */
  positionOf({ geometry }) {
    return geometry ? anchorOf(geometry) : null;
  }
}

/**
 * @param {string} layer
 * @param {L.LayerGroup} group
 * @returns {LayerState}
 */
const emptyState = (layer, group) => ({
  features: [],
  whole: layer !== "markers",
  more: false,
  loaded: false,
  stale: false,
  error: null,
  parameters: {},
  group,
  marks: new Map(),
  tiles: null,
  tilesKey: null,
  pending: null,
});
