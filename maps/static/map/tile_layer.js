// A map layer drawn from the server's vector tiles: a mark for each feature or, at low zoom, a ring with the number of
// features. It counts what is drawn, for the legend.

import { debounce } from "../core/debounce.js";
import { formatNumber } from "../core/format.js";
import { withQuery } from "../core/http.js";
import { colourOf, markOf } from "../core/labels.js";
import { markImage } from "../core/marks.js";
import { language, page } from "../core/page.js";
import { decodeTile } from "./vector_tile.js";

/** @typedef {import("./vector_tile.js").TileFeature} TileFeature */
/** @typedef {{ coords: L.Coords, features: TileFeature[], dropped: number }} LoadedTile */

const INK = "#142f49";
const TYPEFACE = getComputedStyle(document.documentElement).fontFamily;
const CLICK_TOLERANCE = 12; // pixels between a click and the feature that it selects
const MARK_SIZE = 14; // pixels
const POINTS = 1; // the kind of geometry of a tile's feature

export class TileLayer extends L.GridLayer {
  /**
   * @param {string} layer
   * @param {Record<string, any>} parameters The filters, as query parameters.
   * @param {() => void} onChange Called after tiles have been loaded or removed.
   */
  constructor(layer, parameters, onChange) {
    super({ pane: "found", updateWhenIdle: true, keepBuffer: 0, className: `crowd ${layer}` });
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
    const side = this.getTileSize().x;
    const scale = window.devicePixelRatio || 1;
    tile.width = side * scale;
    tile.height = side * scale;
    const controller = new AbortController();
    this.pending.set(keyOf(coords), controller);
    const path = `/ogc/collections/${this.layer}/tiles/WebMercatorQuad/${coords.z}/${coords.y}/${coords.x}`;
    const response = await fetch(withQuery(path, { ...this.parameters, as_of: page.past || null }), {
      signal: controller.signal,
      headers: { "Accept-Language": language },
    });
    if (!response.ok) throw new Error(String(response.status));
    const features = response.status === 204 ? [] : mergeCounts(decodeTile(await response.arrayBuffer()));
    const dropped = Number(response.headers.get("Tile-Dropped") ?? 0);
    this.tiles.set(keyOf(coords), { coords, features, dropped });
    const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    context.scale(scale, scale);
    await this.#draw(context, features, side);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {TileFeature[]} features
   * @param {number} side Of the tile in pixels.
   */
  async #draw(context, features, side) {
    for (const feature of features) {
      const { properties, kind, parts } = feature;
      if (kind !== POINTS) {
        const lines = parts.map((part) => `M${part.map(([x, y]) => `${x * side} ${y * side}`).join("L")}`);
        Object.assign(context, { strokeStyle: colourOf(this.layer, { properties }), lineWidth: 2 });
        context.stroke(new Path2D(lines.join("")));
        continue;
      }
      const image = properties.count ? null : await markImage(markOf(this.layer, { properties, geometry: {} }));
      for (const [x, y] of parts.flat()) {
        const [left, top] = [x * side - MARK_SIZE / 2, y * side - MARK_SIZE / 2];
        if (image) context.drawImage(image, left, top, MARK_SIZE, MARK_SIZE);
        else drawRing(context, x * side, y * side, properties.count);
      }
    }
  }

  /** The features in the viewport, the number that they stand for, and the number that the tiles dropped. */
  visible() {
    const bounds = this._map.getBounds();
    /** @type {{ features: TileFeature[], number: number, counts: boolean, dropped: number }} */
    const visible = { features: [], number: 0, counts: false, dropped: 0 };
    const seen = new Set();
    for (const { coords, features, dropped } of this.tiles.values()) {
      visible.dropped += dropped;
      for (const feature of features) {
        const { id, count } = feature.properties;
        const point = feature.parts[0]?.[0];
        // A point beyond the tile's edge is skipped: the neighbouring tile has it too.
        const inTile = point && point.every((part) => part >= 0 && part <= 1);
        if (!inTile || !bounds.contains(this.#positionOf(coords, point)) || seen.has(id)) continue;
        if (id) seen.add(id);
        visible.features.push(feature);
        visible.number += count ?? 1;
        visible.counts ||= Boolean(count);
      }
    }
    return visible;
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
   * The properties and the position of the feature at a point of the map's container, or null.
   * @param {L.Point} target
   */
  nearest(target) {
    /** @type {{ properties: Properties, at: L.LatLng } | null} */
    let nearest = null;
    let shortest = CLICK_TOLERANCE;
    for (const { coords, features } of this.tiles.values()) {
      for (const { properties, parts } of features) {
        const size = properties.count ? radius(properties.count) : 0;
        for (const point of parts.flat()) {
          const at = this.#positionOf(coords, point);
          const distance = this._map.latLngToContainerPoint(at).distanceTo(target) - size;
          if (distance >= shortest) continue;
          nearest = { properties, at };
          shortest = distance;
        }
      }
    }
    return nearest;
  }
}

/** @param {L.Coords} coords */
const keyOf = ({ x, y, z }) => `${x}:${y}:${z}`;

const RINGS_PER_ROW = 4; // of a tile

/** @param {number} count */
const radius = (count) => 8 + 4 * Math.log10(count);

/**
 * Merge the counts of small cells into larger ones, each at its weighted centre and completely within the tile.
 * Features without a count are not changed.
 * @param {TileFeature[]} features
 */
function mergeCounts(features) {
  /** @type {Map<number, { count: number, x: number, y: number }>} */
  const rings = new Map();
  /** @type {TileFeature[]} */
  const merged = [];
  for (const feature of features) {
    const { count } = feature.properties;
    const [x, y] = feature.parts[0]?.[0] ?? [-1, -1];
    if (!count) merged.push(feature);
    else if (x >= 0 && x < 1 && y >= 0 && y < 1) {
      const cell = Math.floor(x * RINGS_PER_ROW) * RINGS_PER_ROW + Math.floor(y * RINGS_PER_ROW);
      const ring = rings.get(cell) ?? { count: 0, x: 0, y: 0 };
      rings.set(cell, { count: ring.count + count, x: ring.x + x * count, y: ring.y + y * count });
    }
  }
  for (const { count, x, y } of rings.values()) {
    const margin = (radius(count) + 2) / 256;
    const within = (/** @type {number} */ part) => Math.min(1 - margin, Math.max(margin, part));
    merged.push({ properties: { count }, kind: POINTS, parts: [[[within(x / count), within(y / count)]]] });
  }
  return merged;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} count
 */
function drawRing(context, x, y, count) {
  context.beginPath();
  context.arc(x, y, radius(count), 0, 2 * Math.PI);
  Object.assign(context, { fillStyle: "#fffd", strokeStyle: INK, lineWidth: 2 });
  context.fill();
  context.stroke();
  Object.assign(context, { fillStyle: INK, font: `600 11px ${TYPEFACE}`, textAlign: "center", textBaseline: "middle" });
  context.fillText(count < 10_000 ? formatNumber(count) : `${Math.round(count / 1000)}k`, x, y);
}
