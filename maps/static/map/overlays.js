// The layers on the map and in the list. A layer of at most `LIMIT` features is fetched whole; a larger one, and one of
// which some features are drawn from near only, within the viewport. If the viewport holds more than `LIMIT`, the layer
// is drawn from vector tiles. The marks of all layers are drawn together, so that none hides another.

import { debounce } from "../core/debounce.js";
import { itemsPath, request, withQuery } from "../core/http.js";
import { codesOf, layerCard, layerTitle } from "../core/layer_cards.js";
import { showNotice } from "../core/notices.js";
import { message } from "../core/page.js";
import { Connection } from "./connection.js";
import { anchorOf, createShape, mapFeature, quietCodes } from "./map_marks.js";
import { SpotLayer } from "./spot_layer.js";
import { TileLayer } from "./tile_layer.js";

const LIMIT = 250; // features of a request, about a quarter of a megabyte
const NEAR_ZOOM = 11; // from this zoom on features with a quiet code are drawn too

/** @typedef {Record<string, string | string[]>} Parameters */
/** @typedef {import("./map_marks.js").MapFeature} MapFeature */
/** @typedef {import("./spots.js").Spot} Spot */

/**
 * @typedef {object} LayerState
 * @property {LayerFeature[]} features
 * @property {boolean} whole Whether the layer is fetched whole, not within the viewport.
 * @property {boolean} more Whether there are more features than were fetched.
 * @property {boolean} loaded
 * @property {boolean} stale Whether the tiles must be fetched again.
 * @property {Error | null} error
 * @property {Parameters} parameters The query parameters by which the features were fetched.
 * @property {L.LayerGroup} group What is drawn of the layer besides marks: its lines, areas and tiles.
 * @property {MapFeature[]} points The features with a mark; those of tiles are in the tiles.
 * @property {number | null} total The features that match the filters, wherever they are; null until it is known.
 * @property {string | null} totalKey The parameters of the total, as JSON.
 * @property {TileLayer | null} tiles
 * @property {string | null} tilesKey The parameters of the tiles, as JSON.
 * @property {AbortController | null} pending
 */

/**
 * What is drawn of a layer in the view.
 * @typedef {object} DrawnContent
 * @property {MapFeature[]} points
 * @property {Properties[]} shapes The lines and areas of tiles, which have no mark.
 * @property {number} number
 * @property {boolean} counts Whether the tiles hold counts, so that the features are not known one by one.
 * @property {number} dropped The features that the tiles leave out.
 */

/**
 * @typedef {object} OverlayActions
 * @property {(layer: string) => Parameters} parametersFor The filters of a layer.
 * @property {(layer: string, feature: LayerFeature, byKeyboard?: boolean) => unknown} pick A feature of a
 *   tile has only an id.
 * @property {(spot: Spot, byKeyboard: boolean) => unknown} open A spot with several features.
 * @property {(id: string, hovered: boolean) => unknown} hover
 * @property {(layer: string) => unknown} onChange Called when a layer has been loaded or hidden.
 * @property {() => unknown} onDraw Called when marks have been drawn.
 */

export class Overlays {
  /** @type {Map<string, LayerState>} */
  #layers = new Map();

  #connection = new Connection(() => this.#loadFailed());

  /**
   * @param {L.Map} map
   * @param {OverlayActions} actions
   */
  constructor(map, actions) {
    this.map = map;
    this.actions = actions;
    this.spots = new SpotLayer(map, L.layerGroup().addTo(map), {
      pick: ({ layer, id, geometry, properties }, byKeyboard) =>
        actions.pick(layer, { type: "Feature", id: id ?? "", geometry, properties }, byKeyboard),
      open: actions.open,
      hover: (ids, hovered) => ids.forEach((id) => actions.hover(id, hovered)),
    });
    this.layOut = debounce(30, () => this.#drawSpots());
    document.fonts.addEventListener("loadingdone", () => this.spots.layOutLabels());
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

  /**
   * What is drawn of a layer in the view.
   * @param {string} layer
   * @returns {DrawnContent}
   */
  drawn(layer) {
    const points = this.spots.features.filter((feature) => feature.layer === layer);
    const { shapes, dropped } = this.#layers.get(layer)?.tiles?.content() ?? { shapes: [], dropped: 0 };
    const number = points.reduce((sum, { count }) => sum + count, shapes.length);
    return { points, shapes, number, counts: points.some(({ id }) => id === null), dropped };
  }

  /**
   * Whether some features of a layer are drawn only from nearer than the map is.
   * @param {string} layer
   */
  leavesOut(layer) {
    return this.#quietParameters(layer, {}) !== null;
  }

  /** @param {string} layer */
  async show(layer) {
    if (!this.#layers.has(layer)) this.#layers.set(layer, emptyState(layer, this.map));
    await this.load(layer);
  }

  /** @param {string} layer */
  hide(layer) {
    const state = this.#layers.get(layer);
    state?.pending?.abort();
    state?.group.clearLayers().remove();
    this.#layers.delete(layer);
    this.layOut();
    this.actions.onChange(layer);
  }

  /**
   * Fetch a visible layer and draw it. If that fails, what was drawn stays.
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
      this.#connection.confirm();
      showNotice(`load-${layer}`, "");
      this.#updateTotal(layer, state);
      this.#draw(layer);
    } catch (error) {
      if (error.name === "AbortError") return;
      state.error = error;
      if (error.status === 0) this.#connection.report();
      else this.#showFailure(layer, `: ${error.message}`);
    }
    this.actions.onChange(layer);
  }

  /** Load the layers again whose last request failed. */
  async #loadFailed() {
    const failed = [...this.#layers].filter(([, { error }]) => error);
    await Promise.all(failed.map(([layer]) => this.load(layer)));
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
    const filters = this.actions.parametersFor(layer);
    /** @type {Parameters} */
    const parameters = { ...filters, ...this.#quietParameters(layer, filters) };
    if (!state.whole) parameters.bbox = this.map.getBounds().pad(0.15).toBBoxString();
    const { url = itemsPath(layer) } = /** @type {{ url?: string }} */ (state.group.options);
    const { data } = await request(withQuery(url, { ...parameters, limit: LIMIT }), { signal });
    /** @type {{ rel: string }[]} */
    const links = data.links ?? [];
    return { parameters, features: data.features, more: links.some(({ rel }) => rel === "next") };
  }

  /**
   * From afar, the filter that leaves out quiet codes; null if nothing is left out or a filter asks for certain codes.
   * @param {string} layer
   * @param {Parameters} filters
   * @returns {Parameters | null}
   */
  #quietParameters(layer, filters) {
    const name = layerCard(layer).drawn_by ?? "";
    const quiet = quietCodes(layer);
    if (!quiet.length || filters[name] || this.map.getZoom() >= NEAR_ZOOM) return null;
    return { [name]: codesOf(layer, name).flatMap(({ value }) => (quiet.includes(value) ? [] : value)) };
  }

  /**
   * Find out how many features match the filters, unless all of them are loaded.
   * @param {string} layer
   * @param {LayerState} state
   */
  async #updateTotal(layer, state) {
    if (state.whole) {
      Object.assign(state, { total: state.features.length, totalKey: null });
      return;
    }
    const parameters = this.actions.parametersFor(layer);
    const key = JSON.stringify(parameters);
    if (state.totalKey === key && !state.stale) return;
    state.totalKey = key;
    try {
      const { data } = await request(withQuery(itemsPath(layer), { ...parameters, limit: 1, count: "exact" }));
      if (state.totalKey === key) state.total = data.numberMatched ?? null;
    } catch {
      Object.assign(state, { total: null, totalKey: null });
    }
    this.actions.onDraw();
  }

  /**
   * Draw a layer with too many features from tiles, by the same filters.
   * @param {string} layer
   * @param {LayerState} state
   */
  #drawTiles(layer, state) {
    const { bbox: _bbox, ...parameters } = state.parameters;
    const key = state.more ? JSON.stringify(parameters) : null;
    const isCurrent = state.tilesKey === key && !state.stale;
    state.stale = false;
    if (isCurrent) return;
    state.tiles?.remove();
    state.tilesKey = key;
    state.tiles = key === null ? null : new TileLayer(layer, parameters, () => this.layOut());
    state.tiles?.on("tileerror", ({ error }) => this.#onTileError(layer, error)).addTo(state.group);
  }

  /**
   * @param {string} layer
   * @param {Error} error A `TypeError` if there was no response.
   */
  #onTileError(layer, error) {
    const state = this.#layers.get(layer);
    if (state) state.error = error;
    if (error instanceof TypeError) this.#connection.report();
    else this.#showFailure(layer);
  }

  /**
   * A click near a line that tiles draw selects its feature.
   * @param {L.LeafletMouseEvent} event
   */
  #onClick({ containerPoint, originalEvent }) {
    if (this.map.getContainer().style.cursor) return; // a form takes the click as a position
    for (const [layer, { tiles }] of this.#layers) {
      const id = tiles?.nearest(containerPoint);
      if (!id) continue;
      L.DomEvent.stop(originalEvent);
      this.actions.pick(layer, { type: "Feature", id, geometry: null, properties: {} });
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
    this.#drawTiles(layer, state);
    state.group.eachLayer((shape) => shape !== state.tiles && state.group.removeLayer(shape));
    state.points = [];
    for (const feature of state.tiles ? [] : state.features) {
      createShape(layer, feature, () => this.actions.pick(layer, feature))?.addTo(state.group);
      const at = feature.geometry && anchorOf(feature.geometry);
      if (at) state.points.push(mapFeature(layer, { ...feature, at }));
    }
    this.layOut();
  }

  #drawSpots() {
    this.spots.draw([...this.#layers.values()].flatMap(({ tiles, points }) => tiles?.content().points ?? points));
    this.actions.onDraw();
  }

  /**
   * Highlight the mark of a feature, or remove the highlight.
   * @param {string} id
   * @param {boolean} highlighted
   */
  highlight(id, highlighted) {
    this.spots.highlight(id, highlighted);
  }

  /** @param {LayerFeature} feature */
  positionOf({ geometry }) {
    return geometry ? anchorOf(geometry) : null;
  }
}

/**
 * @param {string} layer
 * @param {L.Map} map
 * @returns {LayerState}
 */
const emptyState = (layer, map) => ({
  features: [],
  whole: quietCodes(layer).length === 0,
  more: false,
  loaded: false,
  stale: false,
  error: null,
  parameters: {},
  group: (window.map_overlays?.[layer] ?? L.featureGroup()).addTo(map),
  points: [],
  total: null,
  totalKey: null,
  tiles: null,
  tilesKey: null,
  pending: null,
});
