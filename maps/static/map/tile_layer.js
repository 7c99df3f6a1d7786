// A map layer from the server's vector tiles: it fetches the features or, at low zoom, their counts by cell. Points are
// drawn as marks together with those of all other layers; lines and areas are drawn on the tiles.

import { debounce } from "../core/debounce.js";
import { withQuery } from "../core/http.js";
import { colourOf } from "../core/labels.js";
import { language, page } from "../core/page.js";
import { mapFeature } from "./map_marks.js";
import { decodeTile } from "./vector_tile.js";

/** @typedef {import("./vector_tile.js").TileFeature} TileFeature */
/** @typedef {import("./map_marks.js").MapFeature} MapFeature */
/** @typedef {{ coords: L.Coords, points: MapFeature[], shapes: TileFeature[], dropped: number }} LoadedTile */

const CLICK_TOLERANCE = 12; // pixels between a click and the line that it selects
const POINTS = 1; // the kind of geometry of a tile's feature

export class TileLayer extends L.GridLayer {
  /**
   * @param {string} layer
   * @param {Record<string, any>} parameters The filters, as query parameters.
   * @param {() => void} onChange Called after tiles have been loaded or removed.
   */
  constructor(layer, parameters, onChange) {
    super({ pane: "found", updateWhenIdle: true, keepBuffer: 0, className: "crowd" });
    this.layer = layer;
    this.parameters = parameters;
    /** @type {Map<string, LoadedTile>} */
    this.tiles = new Map();
    /** @type {Map<string, AbortController>} */
    this.pending = new Map();
    const changed = debounce(60, onChange);
    this.on("tileunload", ({ coords }) => {
      this.pending.get(keyOf(coords))?.abort();
      this.pending.delete(keyOf(coords));
      this.tiles.delete(keyOf(coords));
    });
    this.on("load tileunload", () => changed());
  }

  /**
   * @param {L.Coords} coords
   * @param {L.DoneCallback} done
   * @returns {HTMLElement}
   */
  createTile(coords, done) {
    const tile = document.createElement("canvas");
    tile.className = "crowd-tile";
    this.#fill(tile, coords).then(
      () => done(undefined, tile),
      (error) => error.name === "AbortError" || done(error, tile),
    );
    return tile;
  }

  /**
   * @param {HTMLCanvasElement} tile
   * @param {L.Coords} coords
   */
  async #fill(tile, coords) {
    const controller = new AbortController();
    this.pending.set(keyOf(coords), controller);
    const path = `/ogc/collections/${this.layer}/tiles/WebMercatorQuad/${coords.z}/${coords.y}/${coords.x}`;
    const response = await fetch(withQuery(path, { ...this.parameters, as_of: page.past || null }), {
      signal: controller.signal,
      headers: { "Accept-Language": language },
    });
    if (!response.ok) throw new Error(String(response.status));
    const features = response.status === 204 ? [] : decodeTile(await response.arrayBuffer());
    const dropped = Number(response.headers.get("Tile-Dropped") ?? 0);
    const shapes = features.filter(({ kind }) => kind !== POINTS);
    const points = features.filter(({ kind }) => kind === POINTS).flatMap((feature) => this.#pointsOf(coords, feature));
    this.tiles.set(keyOf(coords), { coords, points, shapes, dropped });
    if (shapes.length) this.#draw(tile, shapes);
  }

  /**
   * The points of a feature in the tile. Points beyond its edge are left out: the neighbouring tile has them too.
   * @param {L.Coords} coords
   * @param {TileFeature} feature
   * @returns {MapFeature[]}
   */
  #pointsOf(coords, { properties, parts }) {
    return parts
      .flat()
      .filter(([x, y]) => x >= 0 && x < 1 && y >= 0 && y < 1)
      .map((point) => {
        const id = properties.count ? null : properties.id;
        return mapFeature(this.layer, { id, properties, geometry: null, at: this.#positionOf(coords, point) });
      });
  }

  /**
   * @param {HTMLCanvasElement} tile
   * @param {TileFeature[]} shapes
   */
  #draw(tile, shapes) {
    const side = this.getTileSize().x;
    const scale = window.devicePixelRatio || 1;
    tile.width = side * scale;
    tile.height = side * scale;
    const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    context.scale(scale, scale);
    for (const { properties, parts } of shapes) {
      const lines = parts.map((part) => `M${part.map(([x, y]) => `${x * side} ${y * side}`).join("L")}`);
      Object.assign(context, { strokeStyle: colourOf(this.layer, { properties }), lineWidth: 2 });
      context.stroke(new Path2D(lines.join("")));
    }
  }

  /**
   * The points of the tiles of the current zoom; the number of features that these dropped, and of the shapes drawn in
   * the view.
   */
  content() {
    const bounds = this._map.getBounds();
    /** @type {{ points: MapFeature[], shapes: Properties[], dropped: number }} */
    const content = { points: [], shapes: [], dropped: 0 };
    const ids = new Set();
    /** @type {MapFeature[]} */
    const all = [];
    for (const { coords, points, shapes, dropped } of this.tiles.values()) {
      if (coords.z !== this._tileZoom) continue;
      all.push(...points);
      content.dropped += dropped;
      for (const { properties, parts } of shapes) {
        const visible = parts.flat().some((point) => bounds.contains(this.#positionOf(coords, point)));
        if (!visible || ids.has(properties.id)) continue;
        ids.add(properties.id);
        content.shapes.push(properties);
      }
    }
    content.points = onePerFeature(all);
    return content;
  }

  /**
   * @param {L.Coords} coords
   * @param {[number, number]} point As fractions of the tile's side.
   */
  #positionOf({ x, y, z }, point) {
    const side = this.getTileSize().x;
    return this._map.unproject([(x + point[0]) * side, (y + point[1]) * side], z);
  }

  /**
   * The id of the line or area near a point of the map's container, or null.
   * @param {L.Point} target
   * @returns {string | null}
   */
  nearest(target) {
    let nearest = null;
    let shortest = CLICK_TOLERANCE;
    for (const { coords, shapes } of this.tiles.values()) {
      for (const { properties, parts } of shapes) {
        for (const point of parts.flat()) {
          const distance = this._map.latLngToContainerPoint(this.#positionOf(coords, point)).distanceTo(target);
          if (distance >= shortest) continue;
          nearest = properties.id;
          shortest = distance;
        }
      }
    }
    return nearest;
  }
}

/**
 * The northernmost point of each feature, which may have several, and all counts.
 * @param {MapFeature[]} points
 */
function onePerFeature(points) {
  /** @type {Map<string, MapFeature>} */
  const northernmost = new Map();
  for (const point of points) {
    const other = point.id && northernmost.get(point.id);
    if (point.id && (!other || point.at.lat > other.at.lat)) northernmost.set(point.id, point);
  }
  return [...northernmost.values(), ...points.filter(({ id }) => id === null)];
}

/** @param {L.Coords} coords */
const keyOf = ({ x, y, z }) => `${x}:${y}:${z}`;
