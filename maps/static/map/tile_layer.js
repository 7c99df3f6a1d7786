// A large layer, drawn from vector tiles: a mark for each thing or, from afar, a ring that says how many stand there.
// What is drawn is counted, so that the legend can say it.

import { afterQuiet, language, number, page } from "../core/page.js";
import { colourOf, markOf } from "../core/labels.js";
import { image } from "../core/marks.js";
import { features } from "./vector_tile.js";
import { query } from "../core/http.js";

const INK = "#142f49";
const TYPEFACE = getComputedStyle(document.documentElement).fontFamily;
const REACH = 12; // pixels between a click and what it means

export const Crowd = L.GridLayer.extend({
  /** `layer` by the filters `asked`; `changed` is called when what is drawn has changed. */
  initialize(layer, asked, changed) {
    L.GridLayer.prototype.initialize.call(this, { pane: "found", updateWhenIdle: true, keepBuffer: 0, className: `crowd ${layer}` });
    Object.assign(this, { layer, asked, held: new Map(), changed: afterQuiet(60, changed) });
    this.on("tileunload", ({ coords, tile }) => (tile.asking?.abort(), this.held.delete(this._tileCoordsToKey(coords))));
    this.on("load tileunload", () => this.changed());
  },

  createTile(coords, done) {
    const { x: side } = this.getTileSize();
    const tile = L.DomUtil.create("canvas", "crowd-tile");
    const sharp = window.devicePixelRatio || 1;
    tile.width = tile.height = side * sharp;
    tile.asking = new AbortController();
    const path = `/ogc/collections/${this.layer}/tiles/WebMercatorQuad/${coords.z}/${coords.y}/${coords.x}`;
    fetch(query(path, { ...this.asked, as_of: page.past || null }), { signal: tile.asking.signal, headers: { "Accept-Language": language } })
      .then(async (answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        const things = answer.status === 204 ? [] : gathered(features(await answer.arrayBuffer()));
        this.held.set(this._tileCoordsToKey(coords), { coords, things, dropped: Number(answer.headers.get("Tile-Dropped") ?? 0) });
        const pen = tile.getContext("2d");
        pen.scale(sharp, sharp);
        await this.draw(pen, things, side);
        done(null, tile);
      })
      .catch((error) => error.name === "AbortError" || done(error, tile));
    return tile;
  },

  async draw(pen, things, side) {
    for (const { properties, kind, parts } of things) {
      const feature = { properties, geometry: {} };
      const colour = colourOf(this.layer, feature);
      if (kind !== 1) {
        const path = new Path2D(parts.map((part) => `M${part.map(([x, y]) => `${x * side} ${y * side}`).join("L")}`).join(""));
        Object.assign(pen, { strokeStyle: colour, lineWidth: 2 });
        pen.stroke(path);
        continue;
      }
      const drawing = properties.count ? null : await image(markOf(this.layer, feature));
      for (const [x, y] of parts.flat()) {
        if (drawing) pen.drawImage(drawing, x * side - 7, y * side - 7, 14, 14);
        else ring(pen, x * side, y * side, properties.count);
      }
    }
  },

  /** What stands within the map's window: the things, how many they stand for, and how many were left out. */
  seen() {
    const window = this._map.getBounds();
    const found = { things: [], number: 0, counts: false, dropped: 0 };
    const known = new Set();
    for (const { coords, things, dropped } of this.held.values()) {
      found.dropped += dropped;
      for (const thing of things) {
        const at = this.position(coords, thing.parts[0]?.[0]);
        const own = at && thing.parts[0][0].every((part) => part >= 0 && part <= 1);
        if (!own || !window.contains(at) || known.has(thing.properties.id)) continue; // the neighbour's tile has it too
        if (thing.properties.id) known.add(thing.properties.id);
        found.things.push(thing);
        found.number += thing.properties.count ?? 1;
        found.counts ||= Boolean(thing.properties.count);
      }
    }
    return found;
  },

  position(coords, part) {
    if (!part) return null;
    const { x: side } = this.getTileSize();
    return this._map.unproject([(coords.x + part[0]) * side, (coords.y + part[1]) * side], coords.z);
  },

  /** The nearest thing to a point of the map, with its position, if one is near. */
  near(place) {
    let [best, nearest] = [null, REACH];
    for (const { coords, things } of this.held.values()) {
      for (const { properties, parts } of things) {
        for (const part of parts.flat()) {
          const at = this.position(coords, part);
          const far = this._map.latLngToContainerPoint(at).distanceTo(place) - (properties.count ? radius(properties.count) : 0);
          if (far < nearest) [best, nearest] = [{ properties, at }, far];
        }
      }
    }
    return best;
  },
});

const RINGS = 4; // in a row of a tile
const radius = (count) => 8 + 4 * Math.log10(count);

/** The counts of small cells as one of each larger one, at its middle of weight and whole within the tile; things stay. */
function gathered(things) {
  const rings = new Map();
  const kept = [];
  for (const thing of things) {
    const { count } = thing.properties;
    const [x, y] = thing.parts[0]?.[0] ?? [];
    if (!count) kept.push(thing);
    else if (x >= 0 && x < 1 && y >= 0 && y < 1) { // what lies beyond the edge is the neighbour's
      const key = Math.floor(x * RINGS) * RINGS + Math.floor(y * RINGS);
      const ring = rings.get(key) ?? { count: 0, x: 0, y: 0 };
      rings.set(key, { count: ring.count + count, x: ring.x + x * count, y: ring.y + y * count });
    }
  }
  for (const { count, x, y } of rings.values()) {
    const edge = (radius(count) + 2) / 256;
    const place = [x / count, y / count].map((part) => Math.min(1 - edge, Math.max(edge, part)));
    kept.push({ properties: { count }, kind: 1, parts: [[place]] });
  }
  return kept;
}

function ring(pen, x, y, count) {
  pen.beginPath();
  pen.arc(x, y, radius(count), 0, 2 * Math.PI);
  Object.assign(pen, { fillStyle: "#fffd", strokeStyle: INK, lineWidth: 2, font: `600 11px ${TYPEFACE}`, textAlign: "center", textBaseline: "middle" });
  pen.fill();
  pen.stroke();
  pen.fillStyle = INK;
  pen.fillText(count < 10_000 ? number(count) : `${Math.round(count / 1000)}k`, x, y);
}
